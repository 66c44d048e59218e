"""Whatever a host, or something else at its address, sends: an error of that host alone, in time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from edgewrap.errors import HostError, HostUnreachableError
from edgewrap.hosts.ssh import connection, sessions
from edgewrap.hosts.ssh.sessions import HostSession, run_on_hosts
from edgewrap.outputs import HostOutput, HostPin
from tests.support.aws_plane import make_spec
from tests.unit.hosts.recorded import DATA

ENTRY = (DATA / "entry.txt").read_text()
PIN = HostPin("i-0", "ssh-ed25519 AAAA")


def host(index: int) -> HostOutput:
    return HostOutput(f"host-{index}", index, f"i-{index}", f"10.0.0.1{index}", "127.0.0.1", "ec2.example", "running")


Process = asyncssh.SSHServerProcess[bytes]


async def right(process: Process) -> None:
    process.stdout.write(ENTRY.encode())


async def endless(process: Process) -> None:
    while True:
        process.stdout.write(b"x" * 65536)
        await process.stdout.drain()


async def endless_errors(process: Process) -> None:
    while True:
        process.stderr.write(b"x" * 65536)
        await process.stderr.drain()


async def one_endless_list(process: Process) -> None:
    process.stdout.write(b"##edgewrap:section links\n")
    while True:
        process.stdout.write(b"[" * 65536)
        await process.stdout.drain()


async def drip(process: Process) -> None:
    while True:
        process.stdout.write(b"x")
        await asyncio.sleep(0.05)


async def silence(_process: Process) -> None:
    await asyncio.sleep(100)


async def noise(process: Process) -> None:
    process.stdout.write(bytes(range(256)) * 100)


async def nested(process: Process) -> None:
    process.stdout.write(ENTRY.replace("links\n[", f"links\n{'[' * 100_000}").encode())


async def odd_mtu(process: Process) -> None:
    process.stdout.write(ENTRY.replace('"mtu":1500', '"mtu":"1500"').encode())


ODD: dict[str, tuple[Callable[[Process], Any], str]] = {
    "endless": (endless, "the output of a script is too large: it has more than 1 MiB"),
    "endless errors": (endless_errors, "the output of a script is too large"),
    "one endless list": (one_endless_list, "the output of a script is too large"),
    "drip": (drip, "no answer within 1 s"),
    "silence": (silence, "no answer within 1 s"),
    "noise": (noise, "the host could not be read"),
    "nested": (nested, "the host could not be read: links is not JSON"),
    "odd MTU": (odd_mtu, 'mtu is "1500"'),
}


@asynccontextmanager
async def server(handle: Callable[[Process], Any]) -> AsyncIterator[int]:
    """The port of an SSH server whose every command is handled so."""

    async def one(process: Process) -> None:
        try:
            await process.stdin.read()  # the script
            await handle(process)
        except (asyncssh.Error, OSError):
            pass
        finally:
            process.exit(0)

    listener = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
        process_factory=one,
        encoding=None,
        server_factory=_NoLogin,
    )
    try:
        yield listener.get_port()
    finally:
        listener.close()


class _NoLogin(asyncssh.SSHServer):
    def begin_auth(self, username: str) -> bool:
        return not username


@pytest.mark.parametrize("kind", ODD)
def test_an_odd_host_is_an_error_of_that_host_alone(kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    handle, what = ODD[kind]
    monkeypatch.setattr(sessions, "FACTS_TIMEOUT_S", 1 if kind in ("drip", "silence") else 20)
    monkeypatch.setattr(sessions, "MOST_OUTPUT", 1 << 20)
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(tmp_path / "key")
    spec = make_spec(ssh={"public_key": str(tmp_path / "key.pub")})

    async def work(session: HostSession) -> None:
        await session.read()

    async def look() -> tuple[HostSession, ...]:
        async with server(handle) as odd, server(right) as other:
            ports = {"host-0": odd, "host-1": other}

            async def connect(to: HostOutput, *_more: object) -> tuple[asyncssh.SSHClientConnection, HostPin]:
                return await asyncssh.connect("127.0.0.1", ports[to.key], known_hosts=None, config=None), PIN

            monkeypatch.setattr(sessions, "connect_with_retry", connect)
            return await run_on_hosts((host(0), host(1)), spec, {}, lambda _event: None, work, 0)

    begun = time.monotonic()
    failed, fine = asyncio.run(look())
    assert time.monotonic() - begun < 15
    assert failed.failure is not None
    assert what in failed.failure.what
    assert failed.failure.what.isprintable()
    assert fine.failure is None
    assert fine.facts is not None


BANNERS = {
    "noise": "printf 'SSH-2.0-x\\r\\n'; head -c 100000 /dev/urandom",
    "zeros": "cat /dev/zero",
    "zeros after its version": "printf 'SSH-2.0-x\\r\\n'; cat /dev/zero",
    "lines": "yes",
    "one endless line": "yes hello | tr -d '\\n'",
    "another version": "printf 'SSH-1.5-x\\r\\n'; sleep 1",
    "a version that is not ASCII": "printf 'SSH-2.0-\\377\\376\\r\\n'; sleep 1",
    "a key exchange of zeros": "printf 'SSH-2.0-x\\r\\n\\0\\0\\0\\014\\012\\024'; head -c 2000 /dev/zero; sleep 1",
    "a disconnect of noise": "printf 'SSH-2.0-x\\r\\n\\0\\0\\0\\014\\012\\001'; head -c 2000 /dev/urandom; sleep 1",
    "nothing": "true",
    "silence": "exec sleep 100",
}


def test_the_wait_for_a_silent_host_is_as_long_as_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(connection, "LAST_TIMEOUT_S", 0.5, raising=False)
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(tmp_path / "key")
    spec = make_spec(ssh={"public_key": str(tmp_path / "key.pub"), "proxy_command": "exec sleep 100"})

    async def work(_session: HostSession) -> None:
        raise AssertionError("there is no connection")

    begun = time.monotonic()
    (failed,) = asyncio.run(run_on_hosts((host(0),), spec, {}, lambda _event: None, work, 1.5))
    assert 1.5 <= time.monotonic() - begun < 5
    assert isinstance(failed.failure, HostUnreachableError)


@pytest.mark.parametrize("banner", BANNERS)
def test_what_is_not_ssh_is_an_error_of_the_host(banner: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(connection, "CONNECT_TIMEOUT_S", 2)
    monkeypatch.setattr(connection, "LOGIN_TIMEOUT_S", 2)
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(tmp_path / "key")
    spec = make_spec(ssh={"public_key": str(tmp_path / "key.pub"), "proxy_command": BANNERS[banner]})

    async def work(_session: HostSession) -> None:
        raise AssertionError("there is no connection")

    begun = time.monotonic()
    (failed,) = asyncio.run(run_on_hosts((host(0),), spec, {}, lambda _event: None, work, 0))
    assert time.monotonic() - begun < 15
    assert isinstance(failed.failure, HostError)
    assert failed.failure.cause
    assert failed.failure.advice
