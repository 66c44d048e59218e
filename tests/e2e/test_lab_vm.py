"""The lab's VMs on an applied cluster: OpenNebula's security groups and private networks on hosts of edgewrap's."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from xml.etree import ElementTree

import pytest

from tests.e2e.conftest import Edge
from tests.support.packets import NO_ANSWER, connect, server

KEY, PEER = "eip-0", "eip-4"  # one group, so one entry host
WEB, OTHER = 80, 9000
GROUP = """
NAME = "tenant"
RULE = [ PROTOCOL = "TCP", RANGE = "9000", RULE_TYPE = "inbound" ]
RULE = [ PROTOCOL = "ALL", RULE_TYPE = "outbound" ]
"""


@pytest.fixture
def restricted(edge: Edge) -> Iterator[int]:
    """A tenant's group, the only one of the public network for the length of a test."""
    group = edge.lab.one("one.secgroup.allocate", GROUP)
    network = named(edge.lab.one("one.vnpool.info", -2, -1, -1), "VNET", "edge-test-public")
    edge.lab.one("one.vn.update", network, f'SECURITY_GROUPS = "{group}"', 1)
    yield group
    edge.lab.one("one.vn.update", network, 'SECURITY_GROUPS = "0"', 1)
    edge.lab.one("one.secgroup.delete", group)


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


def test_a_tenants_rule_blocks_and_admits_on_the_entry_host(edge: Edge, restricted: int) -> None:
    host = edge.entry(KEY)
    for key in (KEY, PEER):
        edge.lab.tool("lab", "vm", "start", key, "--host", host, "--ip", edge.private(key))
    try:
        with server(edge.lab, KEY, WEB, OTHER):
            assert connect(edge.lab, PEER, edge.private(KEY), OTHER) == edge.private(PEER)
            assert connect(edge.lab, PEER, edge.private(KEY), WEB, 1) == NO_ANSWER
            assert connect(edge.lab, "internet", edge.public(KEY), WEB, 1) == NO_ANSWER  # which AWS's group admits
            assert connect(edge.lab, KEY, "127.0.0.1", WEB) == "127.0.0.1"
    finally:
        for key in (KEY, PEER):
            edge.lab.tool("lab", "vm", "stop", key)
    left = edge.lab.run("sh", "-c", "iptables -S; ipset list -name", place=host).stdout.splitlines()
    assert [line for line in left if "one-" in line] == []
    assert edge.apply("--only", "hosts")[1].startswith("hosts: nothing to do")


def test_a_private_network_of_the_template(edge: Edge) -> None:
    template = named(edge.lab.one("one.vntemplatepool.info", -2, -1, -1), "VNTEMPLATE", "edge-test-private")
    wanted = 'AR = [ TYPE = "IP4", IP = "192.168.7.10", SIZE = "20" ]'
    number = edge.lab.one("one.vntemplate.instantiate", template, "tenant", wanted)
    until_ready(edge, number)
    edge.lab.tool("lab", "vm", "start", "inside", "--host", "host-1", "--network", "tenant")
    try:
        links = json.loads(edge.lab.run("ip", "-d", "-j", "link", place="host-1").stdout)
        (device,) = [link for link in links if link.get("linkinfo", {}).get("info_data", {}).get("id") == 2 + number]
        assert (device["ifname"], device["master"]) == (f"ens5.{2 + number}", f"onebr{number}")
        told = device["linkinfo"]["info_data"]
        assert (told["link"], told["port"], told["learning"]) == ("ens5", 8472, False)
        assert edge.apply("--only", "hosts")[1].startswith("hosts: nothing to do")
    finally:
        edge.lab.tool("lab", "vm", "stop", "inside")
        edge.lab.one("one.vn.delete", number)
