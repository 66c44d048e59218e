"""SSH connections to hosts: login, host keys, waiting.

Nothing of the user's own SSH configuration is read or written: no config, no known_hosts, no default keys. A host's key
is trusted on first use, and the caller pins it with the instance id; a pin of another instance does not count. The
login uses the key that belongs to `ssh.public_key`, from its file or the agent; the agent is never forwarded.
"""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from shlex import quote
from time import monotonic
from typing import IO, TYPE_CHECKING

from edgewrap.errors import HostKeyError, ToolError
from edgewrap.hosts.remedies import LOGIN_REFUSED, PROXY, PROXY_FAILED, ConnectionProblem, problem_of
from edgewrap.limits import read_file
from edgewrap.outputs import HostOutput, HostPin
from edgewrap.paths import is_file
from edgewrap.remedies import find_remedy
from edgewrap.spec.models import Ssh

if TYPE_CHECKING:  # asyncssh takes a third of a second to import
    from asyncssh import SSHClientConnection, SSHKey, SSHKeyPair

CONNECT_TIMEOUT_S = 10
LAST_TIMEOUT_S = 3  # of an attempt at the end of the time, for a login that takes this long
LOGIN_TIMEOUT_S = 20
RETRY_S = 2
PROGRESS_S = 15
MOST_KEY_BYTES = 1 << 16
LOGIN_PATIENCE_S = 120  # cloud-init may still be creating the user; a wrong key stays wrong

# In order of preference, so that a host always shows the same key.
_KEY_ALGORITHMS = (
    "ssh-ed25519",
    *(f"ecdsa-sha2-nistp{bits}" for bits in (256, 384, 521)),
    "rsa-sha2-512",
    "rsa-sha2-256",
)


Progress = Callable[[str], None]


@asynccontextmanager
async def credentials(public_key: Path) -> AsyncIterator[list[SSHKey | SSHKeyPair]]:
    """The keys to log in with, given the file of `ssh.public_key`: the same key in the agent, and the private key in
    the file beside it, without `.pub`.

    Raises ToolError if there is neither.
    """
    import asyncssh

    path = public_key.with_name(public_key.name.removesuffix(".pub"))
    public = public_key.with_name(f"{path.name}.pub")
    keys: list[SSHKey | SSHKeyPair] = []
    reasons: list[str] = []
    try:
        keys.append(asyncssh.import_private_key(read_file(path, MOST_KEY_BYTES)))
    except asyncssh.KeyEncryptionError:
        reasons.append(f"{path} has a passphrase")
    except ValueError as error:  # KeyImportError is one
        reasons.append(f"{path}: {error}" if "assphrase" not in str(error) else f"{path} has a passphrase")
    except OSError as error:
        reasons.append(f"{path}: {error.strerror}")
    agent_path = os.environ.get("SSH_AUTH_SOCK")
    agent = None
    try:
        if agent_path and is_file(public):
            wanted = asyncssh.import_public_key(read_file(public, MOST_KEY_BYTES)).public_data
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                agent = await asyncssh.connect_agent(agent_path)
                keys[:0] = [pair for pair in await agent.get_keys() if pair.public_data == wanted]
    except TimeoutError:
        reasons.append(f"SSH agent: no answer within {CONNECT_TIMEOUT_S} s")
    except (OSError, asyncssh.Error, ValueError) as error:
        reasons.append(f"SSH agent: {error}")
    try:
        if not keys:
            raise ToolError(
                "no private key to log in to the hosts",
                cause="; ".join([*reasons, "the SSH agent does not have it" if agent else "no SSH agent is running"]),
                advice="put the private key beside ssh.public_key, or add it to the agent with ssh-add",
            )
        yield keys
    finally:
        if agent is not None:
            agent.close()
            await agent.wait_closed()


async def connect_with_retry(
    host: HostOutput, ssh: Ssh, keys: list[SSHKey | SSHKeyPair], pin: HostPin | None, wait_s: float, progress: Progress
) -> tuple[SSHClientConnection, HostPin]:
    """A connection to the host, and the key that it showed. Waits up to `wait_s` seconds for it, and LAST_TIMEOUT_S for
    an attempt that begins just before; 0 means one attempt, of CONNECT_TIMEOUT_S.

    Errors that do not pass by themselves end the wait. Raises HostUnreachableError and HostKeyError.
    """
    begun, told = monotonic(), 0.0
    refused_since: float | None = None
    while True:
        waited = monotonic() - begun
        longest = max(wait_s - waited, LAST_TIMEOUT_S) if wait_s else CONNECT_TIMEOUT_S
        try:
            return await _attempt(host, ssh, keys, pin, min(longest, CONNECT_TIMEOUT_S))
        except ConnectionProblem as error:
            problem = error
        refused = problem.remedy is LOGIN_REFUSED
        refused_since = (waited if refused_since is None else refused_since) if refused else None
        left = wait_s - (monotonic() - begun)
        if left <= 0 or (refused_since is not None and waited - refused_since > LOGIN_PATIENCE_S):
            raise problem.error(host)
        if waited - told >= PROGRESS_S:
            told = waited
            progress(f"waiting for SSH at {host.address} for {waited:.0f} s: {problem}")
        await asyncio.sleep(min(RETRY_S, left))


async def _attempt(
    host: HostOutput, ssh: Ssh, keys: list[SSHKey | SSHKeyPair], pin: HostPin | None, timeout_s: float
) -> tuple[SSHClientConnection, HostPin]:
    """One attempt of at most `timeout_s` seconds, with the login. Raises ConnectionProblem, or HostKeyError if the
    host's key is not the pinned one."""
    import asyncssh

    pinned = _without_comment(pin.host_key) if pin is not None and pin.instance_id == host.instance_id else None
    shown: list[str] = []

    class Client(asyncssh.SSHClient):
        def validate_host_public_key(self, _host: str, _addr: str, _port: int, key: SSHKey) -> bool:
            shown.append(_without_comment(key.export_public_key("openssh").decode()))
            return pinned is None or shown[-1] == pinned

    with (
        tempfile.NamedTemporaryFile(mode="r", errors="replace", prefix="edgewrap-proxy-") as proxy_errors,
        tempfile.NamedTemporaryFile(mode="w", prefix="edgewrap-proxy-") as proxy_script,
    ):
        try:
            connection = await asyncssh.connect(
                host.address,
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
                connect_timeout=timeout_s,
                login_timeout=LOGIN_TIMEOUT_S,
                keepalive_interval=15,
                keepalive_count_max=4,
            )
        except Exception as error:  # asyncssh lets out whatever a broken message leads to
            if pinned is not None and shown and shown[-1] != pinned:
                raise HostKeyError(
                    host.key,
                    f"the host key of {host.address} is not the one pinned for {host.instance_id}",
                    cause="the host's keys or its disk were replaced, or someone intercepts the connection",
                    advice="compare the key with the instance's console output; if it is right, remove the pinned key "
                    "from the host's template in OpenNebula and re-run",
                ) from error
            problem = problem_of(error)
            if ssh.proxy_command and not shown:
                words = proxy_errors.read().strip().splitlines()
                detail = words[-1] if words else str(problem)
                problem = ConnectionProblem(find_remedy(PROXY, detail) or PROXY_FAILED, detail)
            raise problem from error
    return connection, HostPin(host.instance_id, shown[-1])


def _algorithms(pinned: str | None) -> list[str]:
    """The pinned key's algorithm first: a host that still has that key then shows it, and not another one."""
    kind = pinned.partition(" ")[0] if pinned else ""
    return sorted(_KEY_ALGORITHMS, key=lambda name: name != kind and (kind != "ssh-rsa" or not name.startswith("rsa-")))


def filled_in(proxy_command: str, host: HostOutput) -> str:
    """`ssh.proxy_command` for this host, with its values quoted for the shell."""
    values = {"instance_id": host.instance_id, "host": host.address}
    return re.sub(r"\{(instance_id|host)\}", lambda found: quote(values[found[1]]), proxy_command)


def _proxy_command(ssh: Ssh, host: HostOutput, errors: str, script: IO[str]) -> list[str] | None:
    """A shell runs it, as with OpenSSH, but from the file `script`: it may contain a password from the environment, and
    every user of this machine can read command lines. Its errors go to the file `errors`, for the cause: asyncssh would
    take them for a part of the connection, and their end for its end."""
    if not ssh.proxy_command:
        return None
    script.write(f"exec 9>&2 2>{quote(errors)}; {filled_in(ssh.proxy_command, host)}\n")
    script.flush()
    return ["/bin/sh", script.name]


def _without_comment(line: str) -> str:
    return " ".join(line.split()[:2])
