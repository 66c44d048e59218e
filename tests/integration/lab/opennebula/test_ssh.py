"""`--monitor ssh` with the real ssh against a real SSH server on loopback: MONITORED only after a login."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from tests.support.lab_opennebula import Start

HOST = "127.0.0.1"


class Sshd:
    """An SSH server for one user and one key; it can be stopped and started again, with another host key too."""

    def __init__(self, authorized_keys: Path) -> None:
        self.authorized_keys = authorized_keys
        self.port = 0
        self.users: list[str] = []
        self._loop = asyncio.new_event_loop()
        self._server: asyncssh.SSHAcceptor | None = None
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    def start(self, key: asyncssh.SSHKey) -> None:
        async def listen() -> asyncssh.SSHAcceptor:
            return await asyncssh.listen(
                HOST,
                self.port,
                server_host_keys=[key],
                authorized_client_keys=str(self.authorized_keys),
                process_factory=self._serve,
                reuse_address=True,
            )

        self._server = asyncio.run_coroutine_threadsafe(listen(), self._loop).result(10)
        self.port = self._server.get_port()

    def _serve(self, process: asyncssh.SSHServerProcess[str]) -> None:
        self.users.append(f"{process.get_extra_info('username')} {process.command}")
        process.exit(0)

    def stop(self) -> None:
        if self._server is not None:
            self._loop.call_soon_threadsafe(self._server.close)
            asyncio.run_coroutine_threadsafe(self._server.wait_closed(), self._loop).result(10)
            self._server = None

    def close(self) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """The front-end's private key."""
    made = asyncssh.generate_private_key("ssh-ed25519")
    made.write_private_key(tmp_path / "key")
    made.write_public_key(tmp_path / "key.pub")
    (tmp_path / "key").chmod(0o600)
    return tmp_path / "key"


@pytest.fixture
def sshd(key: Path) -> Iterator[Sshd]:
    """A server that lets that key in."""
    server = Sshd(key.with_suffix(".pub"))
    server.start(asyncssh.generate_private_key("ssh-ed25519"))
    yield server
    server.close()


def wait_for(read: Callable[[], Any], done: Callable[[Any], bool]) -> Any:
    end = time.monotonic() + 20
    while not done(found := read()) and time.monotonic() < end:
        time.sleep(0.05)
    assert done(found), (found.STATE, found.TEMPLATE.get("ERROR"))
    return found


def test_a_host_is_monitored_while_its_ssh_server_answers(start: Start, sshd: Sshd, key: Path, tmp_path: Path) -> None:
    served = start(
        *("--monitor", "ssh", "--ssh-key", str(key), "--ssh-port", str(sshd.port), "--ssh-user", "oneadmin"),
        *("--allow-network", "127.0.0.0/8", "--var", str(tmp_path / "var"), "--monitor-interval", "0.2"),
        *("--monitor-retry", "0.5"),
    )
    one = served.client()
    number = one.host.allocate(HOST, "kvm", "kvm", 0)
    other = one.host.allocate("192.0.2.1", "kvm", "kvm", 0)

    found = wait_for(lambda: one.host.info(number), lambda host: host.STATE == 2)
    assert found.TEMPLATE["HYPERVISOR"] == "kvm"
    assert set(sshd.users) == {"oneadmin true"}
    assert (tmp_path / "var" / "known_hosts").read_text().startswith(f"[{HOST}]:{sshd.port} ssh-ed25519 ")
    refused = wait_for(lambda: one.host.info(other), lambda host: host.STATE == 3)
    assert "192.0.2.1 is not in 127.0.0.0/8" in refused.TEMPLATE["ERROR"]

    sshd.stop()
    found = wait_for(lambda: one.host.info(number), lambda host: host.STATE == 3)
    assert "Connection refused" in found.TEMPLATE["ERROR"]
    assert f"Error monitoring Host {HOST} ({number}): " in found.TEMPLATE["ERROR"]

    one.host.status(number, 2)
    sshd.start(asyncssh.generate_private_key("ssh-ed25519"))
    time.sleep(0.5)
    assert one.host.info(number).STATE == 8, "a host that is off is left alone"
    one.host.status(number, 0)
    found = wait_for(lambda: one.host.info(number), lambda host: host.STATE == 3)
    assert "REMOTE HOST IDENTIFICATION HAS CHANGED" in found.TEMPLATE["ERROR"]

    (tmp_path / "var" / "known_hosts").unlink()
    found = wait_for(lambda: one.host.info(number), lambda host: host.STATE == 2)
    assert "ERROR" not in found.TEMPLATE
    assert served.end() == 0


def test_a_rejected_key_is_a_monitoring_error(start: Start, sshd: Sshd, tmp_path: Path) -> None:
    stranger = asyncssh.generate_private_key("ssh-ed25519")
    stranger.write_private_key(tmp_path / "stranger")
    (tmp_path / "stranger").chmod(0o600)
    one = start(
        *("--monitor", "ssh", "--ssh-key", str(tmp_path / "stranger"), "--ssh-port", str(sshd.port)),
        *("--allow-network", "127.0.0.0/8", "--monitor-interval", "0.2"),
    ).client()
    number = one.host.allocate(HOST, "kvm", "kvm", 0)
    found = wait_for(lambda: one.host.info(number), lambda host: host.STATE == 3)
    assert "Permission denied" in found.TEMPLATE["ERROR"]
    assert sshd.users == []
