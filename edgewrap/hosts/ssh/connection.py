"""SSH connections to hosts: who we are, whom we trust, how long we wait.

Nothing of the user's own SSH set-up is read or written: no config, no known_hosts, no default keys. A host's key is
taken at first sight and pinned with its instance id by the caller; a pin of another instance is void. Authentication
is by the key beside `ssh.public_key`, in its file or in the agent; the agent is never forwarded.
"""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from time import monotonic
from typing import IO, TYPE_CHECKING

from edgewrap.errors import ConvergeError, HostError, HostKeyError, ToolError
from edgewrap.hosts.remedies import LOGIN_REFUSED, NOT_SSH, SUDO
from edgewrap.hosts.ssh.errors import ConnectionProblem, problem_of, proxy_problem
from edgewrap.outputs import HostOutput, HostPin
from edgewrap.paths import is_file
from edgewrap.remedies import find_remedy
from edgewrap.spec.models import Ssh

if TYPE_CHECKING:  # asyncssh takes a third of a second to import
    from asyncssh import SSHClientConnection, SSHKey, SSHKeyPair

CONNECT_TIMEOUT_S = 10
LOGIN_TIMEOUT_S = 20
RETRY_S = 2
PROGRESS_S = 15
LOGIN_PATIENCE_S = 120  # cloud-init may still be making the user; a wrong key stays wrong

# In order of preference, so that the same host always shows the same key.
_KEY_ALGORITHMS = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)

Progress = Callable[[str], None]


class Unreachable(Exception):  # noqa: N818 - it never leaves this plane; the caller gets HostUnreachableError
    """One attempt failed."""

    def __init__(self, trouble: ConnectionProblem) -> None:
        super().__init__(str(trouble))
        self.trouble = trouble


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What a script left: its exit status and its two streams."""

    status: int
    stdout: str
    stderr: str


@dataclass(frozen=True, slots=True)
class Session:
    """An open connection, and the key that the host showed."""

    host: HostOutput
    pin: HostPin
    connection: SSHClientConnection
    user: str

    async def run_as_root(self, script: str, timeout_s: float) -> CommandResult:
        """Run a POSIX shell script as root. It travels on standard input, never on a command line; its `$1` is the
        address that the host sees us come from, where it tells.

        Raises HostError where the connection breaks, the time is up, or sudo asks for a password.
        """
        import asyncssh

        root = "" if self.user == "root" else "sudo -n -- "
        command = f"""exec sh -c 'exec {root}sh -s -- "${{SSH_CONNECTION%% *}}"'"""
        try:
            result = await self.connection.run(command, input=script, timeout=timeout_s, errors="replace")
        except asyncssh.TimeoutError as error:
            raise HostError(
                self.host.key,
                f"no answer within {timeout_s:.0f} s",
                cause="the host is overloaded, or a command on it hangs",
                advice="look at the host (`edgewrap ssh`), then run it again",
            ) from error
        except (asyncssh.Error, OSError) as error:
            raise problem_of(error).error(self.host) from error
        answer = CommandResult(result.exit_status or 0, str(result.stdout or ""), str(result.stderr or ""))
        if result.exit_status is None:
            raise ConnectionProblem(NOT_SSH, "the connection was lost while a script ran").error(self.host)
        if answer.status == 1 and answer.stderr.startswith("sudo: "):
            words = answer.stderr.strip().splitlines()[-1]
            remedy = find_remedy(SUDO, words) or SUDO[-1]
            raise ConvergeError(
                self.host.key,
                f"sudo refused {self.user}: {words}",
                cause=remedy.cause,
                advice=remedy.advice,
            )
        return answer


@asynccontextmanager
async def credentials(public_key: Path) -> AsyncIterator[list[SSHKey | SSHKeyPair]]:
    """The keys to log in with, given the file of `ssh.public_key`: from the agent the one that it names, and the
    private key in the file beside it, without `.pub`.

    Raises ToolError where there is neither.
    """
    import asyncssh

    path = public_key.with_name(public_key.name.removesuffix(".pub"))
    public = public_key.with_name(f"{path.name}.pub")
    keys: list[SSHKey | SSHKeyPair] = []
    reasons: list[str] = []
    try:
        keys.append(asyncssh.read_private_key(path))
    except asyncssh.KeyEncryptionError:
        reasons.append(f"{path} has a passphrase")
    except asyncssh.KeyImportError as error:
        reasons.append(f"{path}: {error}" if "assphrase" not in str(error) else f"{path} has a passphrase")
    except OSError as error:
        reasons.append(f"{path}: {error.strerror}")
    agent_path = os.environ.get("SSH_AUTH_SOCK")
    agent = None
    try:
        if agent_path and is_file(public):
            agent = await asyncssh.connect_agent(agent_path)
            wanted = asyncssh.read_public_key(public).public_data
            keys[:0] = [pair for pair in await agent.get_keys() if pair.public_data == wanted]
    except (OSError, asyncssh.Error, asyncssh.KeyImportError) as error:
        reasons.append(f"SSH agent: {error}")
    try:
        if not keys:
            raise ToolError(
                "there is no key to log in to the hosts with",
                cause="; ".join([*reasons, "the SSH agent does not have it" if agent else "no SSH agent is there"]),
                advice="put the private key beside ssh.public_key, or add it to the agent with ssh-add",
            )
        yield keys
    finally:
        if agent is not None:
            agent.close()
            await agent.wait_closed()


@asynccontextmanager
async def connected(
    host: HostOutput,
    ssh: Ssh,
    keys: list[SSHKey | SSHKeyPair],
    pin: HostPin | None,
    *,
    wait_s: float,
    progress: Progress,
) -> AsyncIterator[Session]:
    """A session with the host, waited for up to `wait_s` seconds; 0 means one attempt.

    Only what may pass by itself is waited for. Raises HostUnreachableError and HostKeyError.
    """
    session = await connect_with_retry(host, ssh, keys, pin, wait_s, progress)
    try:
        yield session
    finally:
        session.connection.abort()
        await session.connection.wait_closed()


async def connect_with_retry(
    host: HostOutput,
    ssh: Ssh,
    keys: list[SSHKey | SSHKeyPair],
    pin: HostPin | None,
    wait_s: float,
    progress: Progress,
) -> Session:
    start = told = monotonic()
    refused_since: float | None = None
    while True:
        try:
            return await _attempt(host, ssh, keys, pin)
        except Unreachable as error:
            trouble = error.trouble
        now = monotonic()
        refused_since = (refused_since or now) if trouble.remedy is LOGIN_REFUSED else None
        given_up = refused_since is not None and now - refused_since > LOGIN_PATIENCE_S
        if now + RETRY_S - start > wait_s or given_up:
            raise trouble.error(host)
        if now - told >= PROGRESS_S:
            told = now
            progress(f"waiting for SSH at {host.name} for {now - start:.0f} s: {trouble}")
        await asyncio.sleep(RETRY_S)


async def _attempt(host: HostOutput, ssh: Ssh, keys: list[SSHKey | SSHKeyPair], pin: HostPin | None) -> Session:
    """One attempt. Raises Unreachable, or HostKeyError where the host shows another key than the pinned one."""
    import asyncssh

    pinned = pin.host_key if pin is not None and pin.instance_id == host.instance_id else None
    shown: list[str] = []

    class Client(asyncssh.SSHClient):
        def validate_host_public_key(self, _host: str, _addr: str, _port: int, key: SSHKey) -> bool:
            shown.append(_public_line(key))
            return pinned is None or shown[-1] == _without_comment(pinned)

    with (
        tempfile.NamedTemporaryFile(mode="r", errors="replace", prefix="edgewrap-proxy-") as proxy_errors,
        tempfile.NamedTemporaryFile(mode="w", prefix="edgewrap-proxy-") as proxy_script,
    ):
        try:
            connection = await asyncssh.connect(
                host.name,
                22,
                client_factory=Client,
                config=None,
                username=ssh.user,
                client_keys=keys,
                agent_path=None,
                agent_forwarding=False,
                preferred_auth="publickey",
                gss_kex=False,
                gss_auth=False,
                x509_trusted_certs=None,
                x509_trusted_cert_paths=[],
                known_hosts=([], [], []),
                server_host_key_algs=_algorithms(pinned),
                proxy_command=_proxy_command(ssh, host, proxy_errors.name, proxy_script),
                connect_timeout=CONNECT_TIMEOUT_S,
                login_timeout=LOGIN_TIMEOUT_S,
                keepalive_interval=15,
                keepalive_count_max=4,
            )
        except (asyncssh.Error, OSError) as error:
            if pinned is not None and shown and shown[-1] != _without_comment(pinned):
                raise _wrong_key(host) from error
            trouble = problem_of(error)
            if ssh.proxy_command and not shown:
                words = proxy_errors.read().strip().splitlines()
                trouble = proxy_problem(words[-1] if words else str(trouble))
            raise Unreachable(trouble) from error
    return Session(host, HostPin(host.instance_id, shown[-1]), connection, ssh.user)


def _algorithms(pinned: str | None) -> list[str]:
    """The pinned key's algorithm comes first: a host that still has that key shows it; any other is then a mismatch."""
    kind = pinned.partition(" ")[0] if pinned else ""
    first = [name for name in _KEY_ALGORITHMS if name == kind or (kind == "ssh-rsa" and name.startswith("rsa-"))]
    return [*first, *(name for name in _KEY_ALGORITHMS if name not in first)]


def filled_in(proxy_command: str, host: HostOutput) -> str:
    """The shell command that carries the connection to this host. Values are quoted for the shell."""
    values = {"instance_id": host.instance_id, "host": host.name}
    return re.sub(r"\{(instance_id|host)\}", lambda found: quote(values[found[1]]), proxy_command)


def _proxy_command(ssh: Ssh, host: HostOutput, errors: str, script: IO[str]) -> list[str] | None:
    """Run by a shell, as OpenSSH does, but from the file `script`: it may have a password from the environment in it,
    which a command line would show to every user of this machine. What it says on its error stream is kept in the file
    `errors` for the cause; asyncssh would take it for a part of the conversation, and the end of that stream for the
    end of the connection."""
    if not ssh.proxy_command:
        return None
    script.write(f"exec 9>&2 2>{quote(errors)}; {filled_in(ssh.proxy_command, host)}\n")
    script.flush()
    return ["/bin/sh", script.name]


def _wrong_key(host: HostOutput) -> HostKeyError:
    return HostKeyError(
        host.key,
        f"{host.name} shows another host key than the one pinned for {host.instance_id}",
        cause="the host's keys were replaced (its disk was made anew), or somebody intercepts the connection",
        advice="compare the key with the instance's console output; if it is right, remove the pinned key from the "
        "host's template in OpenNebula and run it again",
    )


def _public_line(key: SSHKey) -> str:
    return _without_comment(key.export_public_key("openssh").decode())


def _without_comment(line: str) -> str:
    return " ".join(line.split()[:2])
