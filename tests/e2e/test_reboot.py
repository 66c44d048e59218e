"""A host that reboots is an entry host again by itself."""

from __future__ import annotations

import time

import pytest

from tests.e2e.conftest import NOTHING_TO_DO, Edge
from tests.support.packets import connect, server

BOOT_S = 60


def test_a_rebooted_host_comes_back_by_itself(edge: Edge) -> None:
    key, host = "eip-2", edge.entry("eip-2")
    before = started(edge, host)
    edge.lab.run("systemctl", "reboot", place=host, check=False)
    deadline = time.monotonic() + BOOT_S
    while started(edge, host) in ("", before) or not restored(edge, host):
        if time.monotonic() > deadline:
            pytest.fail(f"{host} did not come back")
        time.sleep(0.5)
    edge.lab.tool("lab", "vm", "start", key, "--host", host, "--ip", edge.private(key))
    with server(edge.lab, key, 80):
        assert connect(edge.lab, "internet", edge.public(key), 80).startswith("192.0.2.")
    edge.lab.tool("lab", "vm", "stop", key)
    assert edge.apply() == (0, NOTHING_TO_DO)


def started(edge: Edge, host: str) -> str:
    """When the host's init started; empty while there is none."""
    return edge.lab.run("cut", "-d ", "-f22", "/proc/1/stat", place=host, check=False).stdout


def restored(edge: Edge, host: str) -> bool:
    """Whether our unit has run since the boot."""
    done = edge.lab.run("systemctl", "is-active", "edgewrap-network", place=host, check=False)
    return done.stdout == "active\n"
