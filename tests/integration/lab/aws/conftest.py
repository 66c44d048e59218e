"""Two servers, each in a process of its own: the lab's, and stock moto."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgewrap.lab.aws.client import LabAwsClient, LabAwsProcess


@pytest.fixture(scope="module")
def lab_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabAwsClient]:
    with LabAwsProcess(tmp_path_factory.mktemp("lab-aws")) as client:
        yield client


@pytest.fixture(scope="session")
def stock_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    log: Path = tmp_path_factory.mktemp("stock") / "log"
    with log.open("w") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], stdout=output, stderr=output
        )
    try:
        _wait_for(port, server, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def _wait_for(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError(f"stock moto does not come up: {log.read_text()}")
