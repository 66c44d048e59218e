"""OpenNebula's security groups, private networks and live migration on an applied cluster: real packets."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from xml.etree import ElementTree

import pytest

from tests.e2e.conftest import Edge
from tests.support.packets import NO_ANSWER, connect, pings, server
from tests.support.streams import stream

INTERNET = "internet"
KEY, PEER = "eip-0", "eip-4"  # one group, so one entry host
WEB, OTHER = 80, 9000
STALL_S = 1.5  # the move itself takes 0.1 s; a busy machine is slow by itself
GROUP = """
NAME = "tenant"
RULE = [ PROTOCOL = "TCP", RANGE = "9000", RULE_TYPE = "inbound" ]
RULE = [ PROTOCOL = "ALL", RULE_TYPE = "outbound" ]
"""
TENANTS = ("tenant", "other")
RANGE = 'AR = [ TYPE = "IP4", IP = "192.168.7.10", SIZE = "20" ]'


@contextmanager
def vm(edge: Edge, name: str, host: str, *options: str) -> Iterator[None]:
    """A VM on that host, for the length of the block."""
    edge.lab.tool("lab", "vm", "start", name, "--host", host, *options)
    try:
        yield
    finally:
        edge.lab.tool("lab", "vm", "stop", name)


def elsewhere(edge: Edge) -> str:
    """A host that is not the entry host of the Elastic IP."""
    return next(str(host) for host in edge.outputs["hosts"] if host != edge.entry(KEY))


def named(pool: str, tag: str, name: str) -> int:
    """The id of an object of that name."""
    found = next(one for one in ElementTree.fromstring(pool).iter(tag) if one.findtext("NAME") == name)  # noqa: S314
    return int(found.findtext("ID") or "")


def until_ready(edge: Edge, network: int) -> None:
    """Wait until the front-end has unlocked a new network."""
    deadline = time.monotonic() + 10
    while ElementTree.fromstring(edge.lab.one("one.vn.info", network)).findtext("STATE") != "1":  # noqa: S314
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_live_migration_keeps_connections_without_an_aws_call(edge: Edge, figure: Callable[[str], None]) -> None:
    """Off its entry host and back again; one stream in each direction, and pings."""
    entry, address = edge.entry(KEY), edge.public(KEY)
    with vm(edge, KEY, entry, "--ip", edge.private(KEY)):
        before = edge.lab.requests()[-1]["serial"]
        with ExitStack() as traffic:
            pinged = traffic.enter_context(pings(edge.lab, INTERNET, address, interval_s=0.02))
            outward = traffic.enter_context(stream(edge.lab, KEY, address, INTERNET, WEB))
            inward = traffic.enter_context(stream(edge.lab, INTERNET, "192.0.2.1", KEY, OTHER))
            for host in (elsewhere(edge), entry):
                edge.lab.tool("lab", "vm", "move", KEY, "--host", host)
        assert edge.lab.requests(before) == []
    figure(
        f"moved twice: streams still for {outward.longest_s:.2f} s (from the VM), {inward.longest_s:.2f} s (to it), "
        f"pings for {pinged.longest_s:.2f} s at most"
    )
    assert [(found.lives, found.longest_s < STALL_S) for found in (outward, inward)] == [(True, True)] * 2
    assert pinged.longest_s < STALL_S


@pytest.fixture(scope="module")
def networks(edge: Edge) -> Iterator[dict[str, int]]:
    """The ids of two tenants' private networks with the same addresses, by name."""
    template = named(edge.lab.one("one.vntemplatepool.info", -2, -1, -1), "VNTEMPLATE", "edge-test-private")
    made = {name: edge.lab.one("one.vntemplate.instantiate", template, name, RANGE) for name in TENANTS}
    for number in made.values():
        until_ready(edge, number)
    yield made
    for number in made.values():
        edge.lab.one("one.vn.delete", number)


def test_private_networks_over_three_hosts(edge: Edge, networks: dict[str, int]) -> None:
    """A tenant's VMs reach each other; a VM of another tenant, beside one of them, reaches none, nor do they it."""
    addresses = {host: f"192.168.7.{11 + index}" for index, host in enumerate(edge.outputs["hosts"])}
    stranger = "192.168.7.20"
    with ExitStack() as stack:
        for host, address in addresses.items():
            stack.enter_context(vm(edge, f"on-{host}", host, "--network", "tenant", "--ip", address))
        stack.enter_context(vm(edge, "stranger", "host-1", "--network", "other", "--ip", stranger))
        for host, address in addresses.items():
            others = " ".join({*addresses.values()} - {address})
            edge.lab.run("sh", "-ec", f"for a in {others}; do ping -c 1 -w 10 -i 0.2 $a; done", place=f"on-{host}")
        alone = "for a in {}; do ! ping -c 2 -i 0.2 -W 0.5 $a; done"
        edge.lab.run("sh", "-ec", alone.format(" ".join(addresses.values())), place="stranger")
        edge.lab.run("sh", "-ec", alone.format(stranger), place="on-host-1")

        links = json.loads(edge.lab.run("ip", "-d", "-j", "link", place="host-1").stdout)
        vnis = {2 + number: f"onebr{number}" for number in networks.values()}
        found = {link["linkinfo"]["info_data"]["id"]: link for link in links if link["ifname"].startswith("ens5.")}
        assert {vni: link["master"] for vni, link in found.items()} == vnis
        for vni, link in found.items():
            told = link["linkinfo"]["info_data"]
            assert (link["ifname"], told["link"], told["port"], told["learning"]) == (
                f"ens5.{vni}",
                "ens5",
                8472,
                False,
            )
        assert edge.apply("--only", "hosts")[1].startswith("hosts: nothing to do")


@pytest.fixture(scope="module")
def group(edge: Edge) -> Iterator[str]:
    """A tenant's security group, while the public network is without the one that admits everything."""
    kept = edge.spec.read_text()
    edge.spec.write_text(kept.replace("elastic_ips:", "default_security_group: remove\n  elastic_ips:"))
    made = edge.lab.one("one.secgroup.allocate", GROUP)
    assert "SECURITY_GROUPS: '0' -> ''" in edge.apply("--only", "opennebula")[1]
    yield str(made)
    edge.lab.one("one.secgroup.delete", made)
    edge.spec.write_text(kept)
    assert "opennebula: nothing to do\n" in edge.apply("--only", "opennebula")[1]
    network = named(edge.lab.one("one.vnpool.info", -2, -1, -1), "VNET", "edge-test-public")
    edge.lab.one("one.vn.update", network, 'SECURITY_GROUPS = "0"', 1)


def test_a_tenants_rule_takes_effect_on_and_off_the_entry_host(edge: Edge, group: str) -> None:
    entry, options = edge.entry(KEY), ("--security-group", group)
    with (
        vm(edge, KEY, entry, "--ip", edge.private(KEY), *options),
        vm(edge, PEER, entry, "--ip", edge.private(PEER), *options),
        server(edge.lab, KEY, WEB, OTHER),
    ):
        assert connect(edge.lab, KEY, "127.0.0.1", WEB) == "127.0.0.1"
        for host in (entry, elsewhere(edge)):
            if host != entry:
                edge.lab.tool("lab", "vm", "move", KEY, "--host", host)
            assert connect(edge.lab, PEER, edge.private(KEY), OTHER) == edge.private(PEER)
            assert connect(edge.lab, PEER, edge.private(KEY), WEB, 1) == NO_ANSWER
            assert connect(edge.lab, INTERNET, edge.public(KEY), WEB, 1) == NO_ANSWER  # which AWS's group admits
    for host in (entry, elsewhere(edge)):
        left = edge.lab.run("sh", "-c", "iptables -S; ipset list -name", place=host).stdout.splitlines()
        assert [line for line in left if "one-" in line] == []
    assert edge.apply("--only", "hosts")[1].startswith("hosts: nothing to do")


def test_a_vm_without_a_security_group_is_closed(edge: Edge, group: str) -> None:
    entry = edge.entry(KEY)
    with (
        vm(edge, KEY, entry, "--ip", edge.private(KEY)),
        vm(edge, PEER, entry, "--ip", edge.private(PEER), "--security-group", group),
        server(edge.lab, KEY, OTHER),
        server(edge.lab, PEER, OTHER),
    ):
        assert connect(edge.lab, PEER, edge.private(KEY), OTHER, 1) == NO_ANSWER
        assert connect(edge.lab, KEY, edge.private(PEER), OTHER, 1) == NO_ANSWER
