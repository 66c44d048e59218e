"""Real packets to, from and between VMs on their entry hosts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.e2e.conftest import Edge
from tests.support.packets import NO_ANSWER, connect, server

INTERNET = "internet"
SSH, WEB, CLOSED = 22, 80, 9000


@pytest.fixture(scope="module")
def vms(edge: Edge) -> Iterator[Edge]:
    """A VM on the entry host of each Elastic IP, named as its key, and servers everywhere."""
    with ExitStack() as stack:
        for key in edge.outputs["eips"]:
            edge.lab.tool("lab", "vm", "start", key, "--host", edge.entry(key), "--ip", edge.private(key))
            stack.callback(edge.lab.tool, "lab", "vm", "stop", key)
            stack.enter_context(server(edge.lab, key, WEB, CLOSED))
        stack.enter_context(server(edge.lab, INTERNET, WEB))
        yield edge


def test_the_cluster_has_all_packet_paths(edge: Edge) -> None:
    groups = {key: eip["group"] for key, eip in edge.outputs["eips"].items()}
    assert groups["eip-0"] == groups["eip-4"]
    assert groups["eip-0"] != groups["eip-3"]
    assert edge.entry("eip-0") == edge.entry("eip-3")
    assert edge.entry("eip-0") != edge.entry("eip-1")


def test_from_the_internet_to_every_vm_with_the_source_address_kept(vms: Edge) -> None:
    seen = {key: connect(vms.lab, INTERNET, eip["public_address"], WEB) for key, eip in vms.outputs["eips"].items()}
    assert set(seen.values()) == {connect(vms.lab, INTERNET, "192.0.2.1", WEB)}
    assert all(address.startswith("192.0.2.") for address in seen.values())


@pytest.mark.parametrize("key", ["eip-0", "eip-1", "eip-3", "eip-4"])
def test_a_vm_is_seen_on_the_internet_as_its_elastic_ip(vms: Edge, key: str) -> None:
    internet = connect(vms.lab, INTERNET, vms.public(key), WEB)
    assert connect(vms.lab, key, internet, WEB) == vms.public(key)


@pytest.mark.parametrize(
    ("source", "destination"),
    [
        pytest.param("eip-0", "eip-4", id="one group"),
        pytest.param("eip-0", "eip-3", id="two groups on one host"),
        pytest.param("eip-0", "eip-1", id="two hosts"),
        pytest.param("eip-1", "eip-4", id="two hosts, the other way"),
    ],
)
def test_packets_between_vms(vms: Edge, source: str, destination: str) -> None:
    assert connect(vms.lab, source, vms.private(destination), WEB) == vms.private(source)
    assert connect(vms.lab, source, vms.public(destination), WEB) == vms.public(source)


def test_a_vm_reaches_itself_by_its_elastic_ip(vms: Edge) -> None:
    assert connect(vms.lab, "eip-2", vms.public("eip-2"), WEB) == vms.public("eip-2")


def test_a_port_that_the_security_group_does_not_allow_is_closed(vms: Edge) -> None:
    assert connect(vms.lab, INTERNET, vms.public("eip-0"), CLOSED) == NO_ANSWER
    assert connect(vms.lab, "eip-4", "127.0.0.1", CLOSED) == "127.0.0.1"  # the server is there


def test_hosts_open_ssh_to_each_other_by_public_address_and_vms_do_not(vms: Edge) -> None:
    """Through the security group and the hosts' own firewall; `ssh.from` covers no host."""
    for target in vms.outputs["hosts"].values():
        address = target["public_address"]
        seen = vms.lab.run("ssh-keyscan", "-T", "2", address, place="host-0", check=False).stdout
        assert f"{address} ssh-ed25519 " in seen
        assert connect(vms.lab, "eip-0", address, SSH) == NO_ANSWER


def test_the_bridge_stays_after_the_last_vm_of_a_host(vms: Edge) -> None:
    host = vms.entry("eip-2")
    vms.lab.tool("lab", "vm", "stop", "eip-2")
    try:
        assert "br-edge" in vms.lab.run("ip", "-br", "link", place=host).stdout
        assert vms.apply("--only", "hosts")[1].startswith("hosts: nothing to do")
    finally:
        vms.lab.tool("lab", "vm", "start", "eip-2", "--host", host, "--ip", vms.private("eip-2"))
