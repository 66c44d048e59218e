"""A change that cuts SSH off: the host rolls it back, and neither the other hosts nor any VM notice."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edgewrap.hosts.executor import ROLLBACK_S
from edgewrap.lab.fabric.fabric import TOOL_ADDRESS
from tests.e2e.conftest import Edge
from tests.support import nat_pool
from tests.support.streams import stream

PORT = 80
POOL = tuple(f"192.0.2.{number}" for number in (201, 202, 203, 204))  # plan, apply's look, change, confirmation
ELSEWHERE = "203.0.113.0/24"


@pytest.fixture
def pool(edge: Edge) -> Iterator[tuple[str, ...]]:
    """More addresses of the place where edgewrap runs, as a pool of NAT addresses is."""
    for address in POOL:
        edge.lab.run("ip", "address", "add", f"{address}/32", "dev", "internet")
        edge.lab.run("ip", "route", "add", f"{address}/32", "dev", "lab", place="internet")
    yield POOL
    for address in POOL:
        edge.lab.run("ip", "address", "del", f"{address}/32", "dev", "internet")
        edge.lab.run("ip", "route", "del", f"{address}/32", "dev", "lab", place="internet")


def test_a_change_that_cuts_off_ssh_is_rolled_back(
    edge: Edge, pool: tuple[str, ...], tmp_path: Path, figure: Callable[[str], None]
) -> None:
    """An operator behind the pool lets in others' addresses only. To one host each connection comes from another
    address; the others keep the one that they know."""
    key = "eip-0"
    host, address = edge.entry(key), edge.outputs["hosts"][edge.entry(key)]["public_address"]
    others = edge.outputs["hosts"].keys() - {host}
    script = tmp_path / "proxy.sh"
    script.write_text(
        f"[ $1 = {address} ] && set -- $1 {' '.join(pool)} || set -- $1 {TOOL_ADDRESS}\n"
        f"one=$1; shift; exec {sys.executable} {nat_pool.__file__} $one {tmp_path} $*\n"
    )
    spec = tmp_path / "edge.yaml"
    access = f'ssh: {{ from: [{ELSEWHERE}], proxy_command: "sh {script} {{host}}" }}'
    spec.write_text(re.sub("^ssh: .*", access, edge.spec.read_text(), flags=re.MULTILINE))
    edge.lab.tool("lab", "vm", "start", key, "--host", host, "--ip", edge.private(key))
    try:
        with stream(edge.lab, key, edge.public(key), "internet", PORT) as flow:
            begun = time.monotonic()
            done = edge.lab.edgewrap("apply", "--file", str(spec), "--only", "hosts", "--auto-approve", check=False)
            seconds = time.monotonic() - begun
    finally:
        edge.lab.tool("lab", "vm", "stop", key)
    text = done.stdout + done.stderr
    assert done.returncode == 3
    assert f"{host}: the change cut SSH off; the host rolled it back and is as before" in text
    assert f"no new SSH connection within {ROLLBACK_S} s" in text
    assert "ssh.from" in text
    for other in others:
        assert f"hosts       ✓ {other}  " in text
    figure(f"cut off: back after {seconds:.1f} s; the stream paused for {flow.longest_s:.2f} s at most")
    assert seconds < ROLLBACK_S + 60
    assert flow.lives
    assert flow.longest_s < 2
    _, text = edge.apply("--only", "hosts")
    assert f"hosts: {2 * len(others)} to update ({2 * len(others)} of them drift)\n" in text
    assert f"{host}/" not in text
    assert "hosts: nothing to do\n" in edge.apply("--skip", "aws")[1]
