"""Ctrl-C and SIGTERM end a run at once, the first time, also while a front-end, AWS or a host does not answer."""

from __future__ import annotations

import json
import os
import pty
import signal
import socket
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import asyncssh
import pytest

from tests.support.aws_plane import first_inputs, make_spec

HOST = {"instance_id": "i-1", "private_address": "10.0.0.10", "public_address": "198.51.100.1", "state": "running"}
INPUTS = first_inputs(make_spec(hosts={"count": 1, "ami": "ami-0123456789abcdef0"})).to_text()
STATE = {
    "version": 4,
    "outputs": {"inputs": {"value": INPUTS}, "hosts": {"value": {"host-0": HOST}}},
    "resources": [{"type": "terraform_data", "name": "inputs"}],
}
SPEC = """\
apiVersion: edgewrap/v1
name: edge-paris
aws: {{region: eu-west-3, endpoint_url: "{aws}"}}
hosts: {{count: 1, ami: ami-0123456789abcdef0}}
ssh: {{public_key: key.pub, proxy_command: "{proxy}"}}
opennebula: {{endpoint: "{front_end}/RPC2"}}
"""


SILENT = "touch asked; exec sleep 100"
FIRST_FAILS = "if test -e first; then touch asked; exec sleep 100; fi; touch first; exit 1"
PROGRAM = (sys.executable, "-c", "from edgewrap.cli.main import main; main()")


@contextmanager
def _listener() -> Iterator[tuple[str, Callable[[], object]]]:
    """An address where a connection is accepted and never answered; and a function that waits for one."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        kept = []
        yield f"http://127.0.0.1:{server.getsockname()[1]}", lambda: kept.append(server.accept()[0])
        for connection in kept:
            connection.close()


def _closed() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


def _environ(directory: Path) -> dict[str, str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "ONE_", "SSH_"))}
    environ |= {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "ONE_AUTH": "user:very-secret"}
    return environ | {"EDGEWRAP_DIR": str(directory), "HOME": str(directory)}


def _interrupted(directory: Path, command: list[str], reading: Callable[[], object], number: int) -> tuple[float, str]:
    with subprocess.Popen(
        [*PROGRAM, *command, "-f", "spec.yaml"],
        cwd=directory,
        env=_environ(directory),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            reading()
            time.sleep(0.3)
            begun = time.monotonic()
            process.send_signal(number)
            shown, _ = process.communicate(timeout=30)
            took = time.monotonic() - begun
        finally:
            process.kill()
    assert process.returncode == 130, shown
    return took, shown


def _wait_for(file: Path) -> None:
    deadline = time.monotonic() + 30
    while not file.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _set_up(directory: Path, *, aws: str, front_end: str, proxy: str = SILENT) -> None:
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(directory / "key")
    asyncssh.read_private_key(directory / "key").write_public_key(directory / "key.pub")
    (directory / "spec.yaml").write_text(SPEC.format(aws=aws, front_end=front_end, proxy=proxy))
    (directory / "edge-paris").mkdir(mode=0o700)
    (directory / "edge-paris" / "terraform.tfstate").write_text(json.dumps(STATE))


@pytest.mark.parametrize(
    ("command", "silent", "number"),
    [
        (["preflight"], "aws", signal.SIGINT),
        (["status"], "front_end", signal.SIGTERM),
        (["status"], "host", signal.SIGINT),
        (["plan", "--skip", "aws"], "front_end", signal.SIGINT),
        (["plan"], "aws", signal.SIGTERM),
        (["destroy", "--auto-approve"], "front_end", signal.SIGTERM),
    ],
)
def test_one_signal_ends_the_run(tmp_path: Path, command: list[str], silent: str, number: int) -> None:
    with _listener() as (address, connected):
        urls = {"aws": _closed(), "front_end": _closed(), silent: address}
        _set_up(tmp_path, aws=urls["aws"], front_end=urls["front_end"])

        asked = partial(_wait_for, tmp_path / "asked")
        took, shown = _interrupted(tmp_path, command, asked if silent == "host" else connected, number)
    assert took < 10  # a front-end has 30 s, AWS 45 s, the facts of a host 60 s
    assert "the run was interrupted" in shown
    assert "Traceback" not in shown


@pytest.mark.parametrize(
    ("proxy", "number", "code"),
    [(SILENT, signal.SIGTERM, 130), (FIRST_FAILS, signal.SIGTERM, 130), (FIRST_FAILS, signal.SIGINT, 0)],
    ids=["SIGTERM during the first reading", "SIGTERM during a later one", "Ctrl-C during a later one"],
)
def test_a_watch_that_a_signal_ends_leaves_the_terminal_as_it_was(
    tmp_path: Path, proxy: str, number: int, code: int
) -> None:
    _set_up(tmp_path, aws=_closed(), front_end=_closed(), proxy=proxy)
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    watch = subprocess.Popen(
        [*PROGRAM, "status", "-f", "spec.yaml", "--watch", "--interval", "1"],
        cwd=tmp_path,
        env={**_environ(tmp_path), "TERM": "xterm-256color"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    try:
        shown = bytearray()
        reader = threading.Thread(target=_read_all, args=(ours, shown), daemon=True)
        reader.start()
        _wait_for(tmp_path / "asked")
        time.sleep(0.3)
        watch.send_signal(number)
        assert watch.wait(timeout=30) == code, shown
        assert termios.tcgetattr(theirs) == before
    finally:
        watch.kill()
        os.close(theirs)
    reader.join(10)
    os.close(ours)
    hidden, again = (shown.rfind(sequence) for sequence in (HIDE_CURSOR, SHOW_CURSOR))
    assert 0 <= hidden < again
    after = shown[again:].decode()
    assert ("the run was interrupted" in after) == (code == 130)
    assert "Traceback" not in after


HIDE_CURSOR, SHOW_CURSOR = b"\x1b[?25l", b"\x1b[?25h"


def _read_all(descriptor: int, into: bytearray) -> None:
    with suppress(OSError):  # the last process has closed its side
        while part := os.read(descriptor, 65536):
            into += part
