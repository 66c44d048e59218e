"""Ctrl-C and SIGTERM end a run at once, the first time, also while a front-end, AWS or a host does not answer."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
ssh: {{public_key: key.pub, proxy_command: "touch asked; exec sleep 100"}}
opennebula: {{endpoint: "{front_end}/RPC2"}}
"""


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


def _interrupted(directory: Path, command: list[str], reading: Callable[[], object], number: int) -> tuple[float, str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "ONE_", "SSH_"))}
    environ |= {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "ONE_AUTH": "user:very-secret"}
    environ |= {"EDGEWRAP_DIR": str(directory), "HOME": str(directory)}
    with subprocess.Popen(
        [sys.executable, "-c", "from edgewrap.cli.main import main; main()", *command, "-f", "spec.yaml"],
        cwd=directory,
        env=environ,
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


def _set_up(directory: Path, *, aws: str, front_end: str) -> None:
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(directory / "key")
    asyncssh.read_private_key(directory / "key").write_public_key(directory / "key.pub")
    (directory / "spec.yaml").write_text(SPEC.format(aws=aws, front_end=front_end))
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

        def asked() -> None:
            deadline = time.monotonic() + 30
            while not (tmp_path / "asked").exists():
                assert time.monotonic() < deadline
                time.sleep(0.05)

        took, shown = _interrupted(tmp_path, command, asked if silent == "host" else connected, number)
    assert took < 10  # a front-end has 30 s, AWS 45 s, the facts of a host 60 s
    assert "the run was interrupted" in shown
    assert "Traceback" not in shown
