"""Work on hosts in parallel: one session for each host, with what is known of it so far."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING

from edgewrap.change import PlaneName
from edgewrap.errors import ConvergeError, HostError
from edgewrap.events import Emit, Event, EventKind
from edgewrap.hosts.facts import HostFacts, facts_command, parse_facts
from edgewrap.hosts.ip_json import FactsError
from edgewrap.hosts.remedies import NOT_SSH, SUDO, ConnectionProblem, problem_of
from edgewrap.hosts.ssh.connection import connect_with_retry, credentials
from edgewrap.limits import TooLargeError
from edgewrap.outputs import HostOutput, HostPin
from edgewrap.remedies import find_remedy
from edgewrap.spec.models import Spec, Ssh

if TYPE_CHECKING:
    from asyncssh import SSHClientConnection, SSHKey, SSHKeyPair, SSHReader

FACTS_TIMEOUT_S = 60
MOST_OUTPUT = 8 << 20  # characters that a script prints; the facts of a host have some 100,000
CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class CommandResult:
    """The exit status of a script, and its output and errors."""

    status: int
    stdout: str
    stderr: str


@dataclass(slots=True)
class HostSession:
    """Work on one host over `connection`. `pinned` is the known host key. `facts`, `pin` (the key that it has),
    `changed` (the host is, or may be, changed) and `failure` are the results so far; they are kept whatever happens
    afterwards."""

    host: HostOutput
    ssh: Ssh
    credentials: list[SSHKey | SSHKeyPair]
    emit: Emit
    pinned: HostPin | None
    connection: SSHClientConnection = field(init=False)
    pin: HostPin | None = None
    facts: HostFacts | None = None
    failure: HostError | None = None
    changed: bool = False
    started: float = field(default_factory=monotonic)
    connections: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def connect(self, wait_s: float) -> None:
        """Open a new connection within `wait_s` seconds; it replaces the earlier one.

        Raises HostUnreachableError and HostKeyError; the earlier one is still open then.
        """
        pin = self.pin or self.pinned
        self.connection, self.pin = await connect_with_retry(
            self.host, self.ssh, self.credentials, pin, wait_s, self.progress
        )
        await self.connections.aclose()
        self.connections.push_async_callback(self.connection.wait_closed)
        self.connections.callback(self.connection.abort)  # before that: at once, without a message to the host

    @property
    def connected(self) -> bool:
        """Whether there is a connection, as far as this end knows."""
        return hasattr(self, "connection") and not self.connection.is_closed()

    async def run_as_root(self, script: str, timeout_s: float) -> CommandResult:
        """Run a POSIX shell script as root. It is sent on standard input, never on a command line. Its `$1` is our
        address as the host sees it, if the host knows it.

        Raises HostError if the connection breaks, the time is up, the output is too large, or sudo asks for a password.
        """
        root = "" if self.ssh.user == "root" else "sudo -n -- "
        command = f"""exec sh -c 'exec {root}sh -s -- "${{SSH_CONNECTION%% *}}"'"""
        try:
            async with asyncio.timeout(timeout_s):
                answer, ended = await _run(self.connection, command, script)
        except TimeoutError as error:
            raise HostError(
                self.host.key,
                f"no answer within {timeout_s:.0f} s",
                cause="the host is overloaded, or a command on it hangs",
                advice="look at the host (`edgewrap ssh`), then re-run",
            ) from error
        except TooLargeError as error:
            raise HostError(
                self.host.key,
                f"the output of a script is too large: {error}",
                cause="a command on the host prints without an end, or something else answers as the host",
                advice="look at the host (`edgewrap ssh`), then re-run",
            ) from error
        except Exception as error:  # asyncssh lets out whatever a broken message leads to
            raise problem_of(error).error(self.host) from error
        if not ended:
            raise ConnectionProblem(NOT_SSH, "the connection was lost during a script").error(self.host)
        if answer.status == 1 and answer.stderr.startswith("sudo: "):
            words = answer.stderr.strip().splitlines()[-1]
            remedy = find_remedy(SUDO, words) or SUDO[-1]
            what = f"sudo refused {self.ssh.user}: {words}"
            raise ConvergeError(self.host.key, what, cause=remedy.cause, advice=remedy.advice)
        return answer

    async def read(self) -> HostFacts:
        """Read the host. Raises HostError if that fails."""
        return self.keep_facts(await self.run_as_root(facts_command(self.ssh.user), FACTS_TIMEOUT_S))

    def keep_facts(self, answer: CommandResult) -> HostFacts:
        """Parse the answer of a script that prints the facts. Raises HostError if that fails."""
        try:
            self.facts = parse_facts(answer.stdout)
        except FactsError as error:
            cause = error.rule or tail(answer.stderr) or f"the script ended with status {answer.status}"
            advice = "look at the host (`edgewrap ssh`): it needs a recent Ubuntu with iproute2"
            if error.rule:
                look = f"`edgewrap ssh {self.host.key}`, then `ip address`, `ip route`, `ip rule`"
                advice = f"correct the value on the host ({look}) and re-run"
            what = f"the host could not be read: {error}"
            raise HostError(self.host.key, what, cause=cause, advice=advice) from error
        return self.facts

    def tell(self, kind: EventKind, text: str) -> None:
        """Emit an event of this host."""
        self.emit(Event(kind, PlaneName.HOSTS, self.host.key, text, monotonic() - self.started))

    def progress(self, text: str) -> None:
        """Report progress of the host."""
        self.tell(EventKind.STEP_PROGRESS, text)


Work = Callable[[HostSession], Awaitable[object]]


@asynccontextmanager
async def host_sessions(
    hosts: Sequence[HostOutput], spec: Spec, pins: Mapping[str, HostPin], emit: Emit
) -> AsyncIterator[tuple[HostSession, ...]]:
    """A session for each host, without a connection yet; at the end all are closed. Raises ToolError if there is no key
    to log in with."""
    if not hosts:
        yield ()
        return
    async with credentials(spec.local_path(spec.ssh.public_key)) as keys:
        sessions = tuple(HostSession(host, spec.ssh, keys, emit, pins.get(host.key)) for host in hosts)
        try:
            yield sessions
        finally:
            await asyncio.gather(*(session.connections.aclose() for session in sessions))


async def work_on(sessions: Iterable[HostSession], work: Work, wait_s: float, *, keep: bool = False) -> None:
    """Do `work` in every session, in parallel. A failure of one is in its session and never stops the others. Waits up
    to `wait_s` seconds for SSH, if there is no connection yet. With `keep`, connections stay open after the work."""

    async def one(visit: HostSession) -> None:
        host, visit.failure = visit.host, None
        if host.state != "running":  # the run reports that of AWS, and whether it matters
            visit.failure = HostError(
                host.key,
                f"its instance {host.instance_id} is {host.state}",
                cause="it was stopped or terminated outside edgewrap, or AWS failed it",
                advice="start it again in EC2, then re-run",
            )
            return
        try:
            if not visit.connected:
                visit.facts = None  # the host may have booted since they were read
                await visit.connect(wait_s)
            await work(visit)
        except HostError as error:
            visit.failure = error
            visit.tell(EventKind.STEP_FAILED, f"{error.what}: {error.cause}")
        finally:
            if visit.failure or not keep:
                await visit.connections.aclose()

    await asyncio.gather(*map(one, sessions))


async def run_on_hosts(
    hosts: Sequence[HostOutput], spec: Spec, pins: Mapping[str, HostPin], emit: Emit, work: Work, wait_s: float
) -> tuple[HostSession, ...]:
    """Do `work` on every host, each over a connection of its own."""
    async with host_sessions(hosts, spec, pins, emit) as sessions:
        await work_on(sessions, work, wait_s)
    return sessions


async def _run(connection: SSHClientConnection, command: str, script: str) -> tuple[CommandResult, bool]:
    """The result of a command that gets the script on standard input, and whether it ended by itself. Raises
    TooLargeError."""
    process = await connection.create_process(command, input=script, errors="replace")
    try:
        stdout, stderr = await asyncio.gather(_output(process.stdout), _output(process.stderr))
        await process.wait_closed()
    finally:
        process.close()
    return CommandResult(process.exit_status or 0, stdout, stderr), process.exit_status is not None


async def _output(stream: SSHReader[str]) -> str:
    parts, left = [], MOST_OUTPUT
    while part := await stream.read(CHUNK):
        parts.append(part)
        left -= len(part)
        if left < 0:
            raise TooLargeError(f"it has more than {MOST_OUTPUT >> 20} MiB")
    return "".join(parts)


def tail(text: str, lines: int = 5) -> str:
    """The last lines of a program's output, as one line."""
    return "; ".join(line.strip() for line in text.strip().splitlines()[-lines:])
