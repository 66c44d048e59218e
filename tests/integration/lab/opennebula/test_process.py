"""The front-end as a process: how it starts, what it survives, how it ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.lab_opennebula import AUTH, Start


def test_objects_survive_a_kill_and_sigterm_ends_it(start: Start) -> None:
    first = start("--version", "7.4.0")
    cluster = first.client().cluster.allocate("edge")
    first.process.send_signal(signal.SIGKILL)
    first.process.wait()

    second = start("--version", "7.4.0")
    assert second.client().cluster.info(cluster).NAME == "edge"
    assert second.end() == 0


def test_it_listens_on_loopback_only(start: Start) -> None:
    served = start()
    port = urlsplit(served.url).port
    assert served.url == f"http://127.0.0.1:{port}/RPC2"
    listening = Path(f"/proc/{served.process.pid}/net/tcp").read_text().splitlines()[1:]
    places = {line.split()[1] for line in listening if line.split()[3] == "0A"}
    assert f"0100007F:{port:04X}" in places
    assert f"00000000:{port:04X}" not in places


def test_the_password_is_not_on_the_command_line(start: Start) -> None:
    served = start()
    password = AUTH.partition(":")[2]
    assert password.encode() not in Path(f"/proc/{served.process.pid}/cmdline").read_bytes()


def test_the_password_can_be_set_in_the_environment(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "edgewrap.lab.opennebula", "--port", "0", "--database", str(tmp_path / "one.db")]
    environment = os.environ | {"EDGEWRAP_LAB_ONE_AUTH": AUTH}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["ready"] is True
        process.terminate()


WRONG = [
    (["--version", "6.0"], "--version"),
    (["--monitor", "ssh"], "--monitor ssh needs --ssh-key and --allow-network"),
    (["--monitor", "ssh", "--ssh-key", "k"], "--monitor ssh needs --ssh-key and --allow-network"),
    (["--allow-network", "everything"], "--allow-network"),
    ([], "must hold USER:PASSWORD"),
]


@pytest.mark.parametrize(("options", "message"), WRONG)
def test_invalid_options_are_refused(tmp_path: Path, options: list[str], message: str) -> None:
    auth_file = tmp_path / "one_auth"
    auth_file.write_text("oneadmin" if not options else AUTH)
    command = [sys.executable, "-m", "edgewrap.lab.opennebula", "--port", "0", "--auth-file", str(auth_file)]
    command += ["--database", str(tmp_path / "one.db"), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert message in done.stderr
    assert not (tmp_path / "one.db").exists()


def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    (tmp_path / "one_auth").write_text(AUTH)
    server = [sys.executable, "-m", "edgewrap.lab.opennebula", "--port", "0", "--database", str(tmp_path / "one.db")]
    server += ["--auth-file", str(tmp_path / "one_auth"), "--die-with-parent"]
    parent = f"import subprocess, time; subprocess.Popen({server!r}); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        process.kill()
    end = time.monotonic() + 10
    while Path(f"/proc/{ready['pid']}").exists() and time.monotonic() < end:
        time.sleep(0.05)
    assert not Path(f"/proc/{ready['pid']}").exists()


def test_many_concurrent_callers(start: Start) -> None:
    served = start()

    def make(number: int) -> int:
        made: int = served.client().cluster.allocate(f"c{number}")
        return made

    with ThreadPoolExecutor(16) as pool:
        assert sorted(pool.map(make, range(60))) == list(range(100, 160))
    assert len(served.client().clusterpool.info().CLUSTER) == 61


def test_invalid_requests_are_refused(start: Start) -> None:
    served = start()
    place = urlsplit(served.url)
    with socket.create_connection((place.hostname, place.port), timeout=5) as connection:
        connection.sendall(b"POST /RPC2 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\n<oops")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert b"-503" in answer
    assert served.client().system.version() == "7.0.2"
