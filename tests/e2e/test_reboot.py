"""A rebooted host is an entry host again by itself; one that cloud-init has reconfigured is fixed."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.e2e.conftest import NOTHING_TO_DO, Edge
from tests.support.packets import connect, server

KEY, BOOT_S = "eip-2", 60


def test_a_rebooted_host_recovers_by_itself(edge: Edge) -> None:
    host = edge.entry(KEY)
    reboot(edge, host, lambda: restored(edge, host))
    answers(edge, host)
    monitored_again(edge)
    assert edge.apply("--skip", "aws") == (0, NOTHING_TO_DO.partition("\n")[2])


@pytest.mark.full
def test_a_host_reset_by_cloud_init_is_shown_and_restored(edge: Edge) -> None:
    """Its groups' interfaces are attached at boot, and edgewrap's configuration is missing: every address is on the
    NIC."""
    host, group = edge.entry(KEY), edge.outputs["eips"][KEY]["group"]
    bare = "systemctl disable -q edgewrap-network edgewrap-watch frr; find /etc -path '*edgewrap*' -delete"
    edge.lab.run("sh", "-ec", bare, place=host)
    reboot(edge, host, lambda: edge.private(KEY) in addresses(edge, host))
    status, text = edge.edgewrap("plan", "--only", "hosts", "--detailed-exitcode", check=False)
    assert status == 2
    assert f"interface {group}" in text
    assert f"addresses: '{edge.outputs['groups'][group]['primary_address']}/16, {edge.private(KEY)}/16" in text
    edge.apply("--only", "hosts")
    assert edge.private(KEY) not in addresses(edge, host)
    answers(edge, host)
    assert edge.apply("--only", "hosts")[1].startswith("hosts: nothing to do")
    monitored_again(edge)


def monitored_again(edge: Edge) -> None:
    """The front-end may have seen the host while it was down, and would try it again only after minutes."""
    assert "opennebula: nothing to do\n" in edge.apply("--only", "opennebula")[1]


def answers(edge: Edge, host: str) -> None:
    """A VM there is reached by its Elastic IP."""
    edge.lab.tool("lab", "vm", "start", KEY, "--host", host, "--ip", edge.private(KEY))
    with server(edge.lab, KEY, 80):
        assert connect(edge.lab, "internet", edge.public(KEY), 80).startswith("192.0.2.")
    edge.lab.tool("lab", "vm", "stop", KEY)


def reboot(edge: Edge, host: str, up: Callable[[], bool]) -> None:
    """Reboot a host, and wait until it is `up`."""
    before = started(edge, host)
    edge.lab.run("systemctl", "reboot", place=host, check=False)
    deadline = time.monotonic() + BOOT_S
    while started(edge, host) in ("", before) or not up():
        if time.monotonic() > deadline:
            pytest.fail(f"{host} did not come back")
        time.sleep(0.5)


def started(edge: Edge, host: str) -> str:
    """When the host's init started; empty while there is none."""
    return edge.lab.run("cut", "-d ", "-f22", "/proc/1/stat", place=host, check=False).stdout


def restored(edge: Edge, host: str) -> bool:
    """Whether our unit has run since the boot."""
    done = edge.lab.run("systemctl", "is-active", "edgewrap-network", place=host, check=False)
    return done.stdout == "active\n"


def addresses(edge: Edge, host: str) -> str:
    """The host's IPv4 addresses, from `ip`."""
    return edge.lab.run("ip", "-br", "-4", "address", place=host, check=False).stdout
