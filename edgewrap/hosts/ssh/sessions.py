"""Work on hosts, side by side: one visit a host, with what it has shown so far."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from edgewrap.change import PlaneName
from edgewrap.errors import HostError
from edgewrap.events import Emit, Event, EventKind
from edgewrap.hosts.facts import HostFacts, facts_command, parse_facts
from edgewrap.hosts.ip_json import FactsError
from edgewrap.hosts.ssh.connection import CommandResult, Session, connected, credentials
from edgewrap.outputs import HostOutput, HostPin
from edgewrap.spec.models import Ssh

if TYPE_CHECKING:
    from asyncssh import SSHKey, SSHKeyPair

FACTS_TIMEOUT_S = 60
RUNNING = "running"  # of an instance, in AWS's words


@dataclass(slots=True)
class HostSession:
    """One host while it is worked on, over `session`. `pinned` is the host key known of it; `facts`, `pin` (the key
    that it showed) and `failure` are what it has shown so far, kept whatever happens afterwards."""

    host: HostOutput
    ssh: Ssh
    credentials: list[SSHKey | SSHKeyPair]
    emit: Emit
    pinned: HostPin | None
    session: Session = field(init=False)
    pin: HostPin | None = None
    facts: HostFacts | None = None
    failure: HostError | None = None
    started: float = field(default_factory=monotonic)
    _connections: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def key(self) -> str:
        """The host's key."""
        return self.host.key

    async def connect(self, wait_s: float) -> None:
        """Open a new connection, waited for up to `wait_s` seconds; it takes the place of the one before.

        Raises HostUnreachableError and HostKeyError; the one before is open then.
        """
        connections = AsyncExitStack()
        self.session = await connections.enter_async_context(
            connected(
                self.host, self.ssh, self.credentials, self.pin or self.pinned, wait_s=wait_s, progress=self.progress
            )
        )
        self.pin = self.session.pin
        await self.close()
        self._connections = connections

    async def close(self) -> None:
        """Close the connection; at once, without a word to the host."""
        await self._connections.aclose()

    async def run(self, script: str, timeout_s: float) -> CommandResult:
        """Run a script as root, as `Session.run_as_root` does."""
        return await self.session.run_as_root(script, timeout_s)

    async def read(self) -> HostFacts:
        """Look at the host. Raises HostError where it cannot be read."""
        answer = await self.run(facts_command(self.ssh.user), FACTS_TIMEOUT_S)
        try:
            self.facts = parse_facts(answer.stdout)
        except FactsError as error:
            raise HostError(
                self.key,
                f"it could not be read: {error}",
                cause=error.rule or tail(answer.stderr) or f"the script ended with status {answer.status}",
                advice=_correct_value(self.key)
                if error.rule
                else "look at the host (`edgewrap ssh`): it needs a recent Ubuntu with iproute2",
            ) from error
        return self.facts

    def tell(self, kind: EventKind, text: str) -> None:
        """Emit an event of this host."""
        self.emit(Event(kind, PlaneName.HOSTS, self.key, text, monotonic() - self.started))

    def progress(self, text: str) -> None:
        """Tell what the host is at."""
        self.tell(EventKind.STEP_PROGRESS, text)


Work = Callable[[HostSession], Awaitable[None]]


async def run_on_hosts(
    hosts: Sequence[HostOutput],
    ssh: Ssh,
    public_key: Path,
    pins: Mapping[str, HostPin],
    emit: Emit,
    work: Work,
    *,
    wait_s: float,
) -> tuple[HostSession, ...]:
    """Do `work` on every host, all side by side; a failure of one, which stands in its visit, never stops the others.
    Waits up to `wait_s` seconds for SSH. `public_key` is the file of the key to log in with; raises ToolError where
    there is none."""
    if not hosts:
        return ()
    async with credentials(public_key) as keys:

        async def one(host: HostOutput) -> HostSession:
            visit = HostSession(host, ssh, keys, emit, pins.get(host.key))
            if host.state != RUNNING:  # the run tells it from AWS, and whether it matters
                visit.failure = _not_running(host)
                return visit
            try:
                await visit.connect(wait_s)
                await work(visit)
            except HostError as error:
                visit.failure = error
                visit.tell(EventKind.STEP_FAILED, f"{error.what}: {error.cause}")
            finally:
                await visit.close()
            return visit

        return tuple(await asyncio.gather(*map(one, hosts)))


def tail(text: str, lines: int = 5) -> str:
    """The last lines of what a program said, as one."""
    return "; ".join(line.strip() for line in text.strip().splitlines()[-lines:])


def _correct_value(key: str) -> str:
    return f"correct the value on the host (`edgewrap ssh {key}`, then `ip address`, `ip route`, `ip rule`) and re-run"


def _not_running(host: HostOutput) -> HostError:
    return HostError(
        host.key,
        f"its instance {host.instance_id} is {host.state}",
        cause="it was stopped or terminated outside edgewrap, or AWS failed it",
        advice="start it again in EC2, then run it again",
    )
