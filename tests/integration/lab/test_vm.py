"""VMs: allocated by the front-end, connected as by its driver, with only their context."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.integration.lab.conftest import Pair
from tests.support.lab_cloud import wait_until

RUNNING, DONE, POWEROFF = 3, 6, 8


@dataclass(frozen=True)
class Edge:
    """Two hosts in the front-end, with a public network of two addresses."""

    pair: Pair
    network: int


@pytest.fixture(scope="module")
def edge(pair: Pair) -> Edge:
    one = pair.cloud.lab.one
    cluster = one("one.cluster.allocate", "edge")
    for host in (pair.first, pair.second):
        one("one.host.allocate", host.public, "kvm", "kvm", cluster)
    one("one.datastore.allocate", 'NAME = "edge-system"\nTYPE = "SYSTEM_DS"\nTM_MAD = "ssh"', cluster)
    ranges = "".join(
        f'AR = [ TYPE = "IP4", IP = "10.0.0.{even}", SIZE = "1", GATEWAY = "10.0.0.{even + 1}",'
        ' NETWORK_MASK = "255.255.255.254" ]\n'
        for even in (130, 132)
    )
    network = one(
        "one.vn.allocate",
        f'NAME = "edge-public"\nVN_MAD = "bridge"\nBRIDGE = "br-edge"\nDNS = "1.1.1.1"\nGUEST_MTU = "1400"\n{ranges}',
        cluster,
    )
    wait_until(lambda: _text(one("one.vn.info", network), "STATE") == "1")
    wait_until(
        lambda: [host.findtext("STATE") for host in ElementTree.fromstring(one("one.hostpool.info"))] == ["2", "2"]  # noqa: S314
    )
    return Edge(pair, network)


def _text(document: str, path: str) -> str:
    return ElementTree.fromstring(document).findtext(path) or ""  # noqa: S314 - from our own front-end


def leases(edge: Edge) -> str:
    return _text(edge.pair.cloud.lab.one("one.vn.info", edge.network), "USED_LEASES")


def start(edge: Edge, name: str, host: str, ip: str) -> dict[str, object]:
    edge.pair.cloud.lab.tool("lab", "vm", "start", name, "--host", host, "--ip", ip)
    listed: list[dict[str, object]] = json.loads(edge.pair.cloud.lab.tool("lab", "vm", "list", "--json").stdout)
    return next(vm for vm in listed if vm["name"] == name)


def test_a_vm_gets_its_port_and_its_context_and_nothing_else(edge: Edge) -> None:
    cloud = edge.pair.cloud
    vm = start(edge, "web", "host-0", "10.0.0.130")
    assert vm["port"] == f"one-{vm['id']}-0"
    assert vm["mac"] == "02:00:0a:00:00:82"
    assert "master br-edge" in cloud.on(edge.pair.first, f"ip link show {vm['port']}")
    inside = cloud.on("web", "ip -br address show eth0; ip route; ip link show eth0; ls /sys/class/net")
    assert "10.0.0.130/31" in inside
    assert "default via 10.0.0.131 dev eth0" in inside
    assert "mtu 1400" in inside
    assert str(vm["mac"]) in inside
    assert _text(cloud.lab.one("one.vm.info", vm["id"], False), "STATE") == str(RUNNING)
    assert leases(edge) == "1"
    again = cloud.lab.tool("lab", "vm", "start", "web", "--host", "host-0", "--ip", "10.0.0.132", check=False)
    assert again.returncode == 1
    assert "exists already" in again.stderr
    cloud.lab.tool("lab", "vm", "stop", "web")
    assert _text(cloud.lab.one("one.vm.info", vm["id"], False), "STATE") == str(DONE)
    assert leases(edge) == "0"
    assert "web" not in cloud.lab.tool("lab", "vm", "list").stdout


def test_two_vms_share_a_bridge_that_is_removed_with_its_last_port(edge: Edge) -> None:
    cloud, host = edge.pair.cloud, edge.pair.first
    start(edge, "a", "host-0", "10.0.0.130")
    start(edge, "b", host.public, "10.0.0.132")
    # With their gateways played by nobody, each needs a route to the other.
    cloud.on("a", "ip route add 10.0.0.132 dev eth0")
    cloud.on("b", "ip route add 10.0.0.130 dev eth0")
    assert " 0% packet loss" in cloud.on("a", "ping -c 2 -i 0.2 -W 1 10.0.0.132")
    cloud.lab.tool("lab", "vm", "stop", "a")
    assert "br-edge" in cloud.on(host, "ip -br link")
    cloud.lab.tool("lab", "vm", "stop", "b")
    assert "br-edge" not in cloud.on(host, "ip -br link")


def test_a_bridge_with_a_foreign_port_is_kept(edge: Edge) -> None:
    cloud, host = edge.pair.cloud, edge.pair.second
    cloud.on(host, "ip link add br-edge address 02:ee:0a:00:00:0b type bridge; ip link set br-edge up")
    cloud.on(host, "ip link add gw-edge type veth peer name gw-port; ip link set gw-port master br-edge")
    start(edge, "c", host.private, "10.0.0.130")
    cloud.lab.tool("lab", "vm", "stop", "c")
    assert "02:ee:0a:00:00:0b" in cloud.on(host, "ip link show br-edge")
    cloud.on(host, "ip link delete gw-edge; ip link delete br-edge")


def test_a_vm_is_lost_when_its_host_reboots(edge: Edge) -> None:
    cloud = edge.pair.cloud
    vm = start(edge, "d", "host-1", "10.0.0.130")
    boots = cloud.host(edge.pair.second)["boots"]
    cloud.call("reboot_instances", InstanceIds=[edge.pair.second.id])
    wait_until(lambda: cloud.host(edge.pair.second)["boots"] == boots + 1)
    wait_until(lambda: cloud.status()["vms"][0]["state"] == "lost with its host")
    time.sleep(0.2)
    assert "vm-d" not in cloud.lab.run("ip", "netns").stdout
    wait_until(lambda: _text(cloud.lab.one("one.vm.info", vm["id"], False), "STATE") == str(POWEROFF))
    cloud.lab.tool("lab", "vm", "stop", "d")
    assert leases(edge) == "0"


@pytest.mark.parametrize(
    ("host", "ip", "message"),
    [
        ("host-9", "10.0.0.130", "no host is named 'host-9'"),
        ("host-0", "10.9.9.9", "no network has the address 10.9.9.9"),
        ("host-0", "tenant", "'tenant' is not an IPv4 address"),
    ],
)
def test_a_refused_vm_leaves_nothing_behind(edge: Edge, host: str, ip: str, message: str) -> None:
    lab = edge.pair.cloud.lab
    refused = lab.tool("lab", "vm", "start", "x", "--host", host, "--ip", ip, check=False)
    assert refused.returncode == 1
    assert message in refused.stderr
    assert "VM 'x'" in lab.tool("lab", "vm", "stop", "x", check=False).stderr
    assert leases(edge) == "0"


@pytest.mark.full
def test_a_probe_of_an_address_without_an_answer_runs_nothing(edge: Edge, tmp_path: Path) -> None:
    command = ["touch", str(tmp_path / "ran")]
    done = edge.pair.cloud.lab.tool("lab", "probe", "203.0.113.250", "--", *command, check=False)
    assert done.returncode == 1
    assert "Error: 203.0.113.250 does not answer HTTP requests or pings from the lab's internet" in done.stderr
    assert not (tmp_path / "ran").exists()
