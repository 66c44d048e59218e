"""VMs away from their entry hosts, reflectors that die, and VMs that pretend to be others: real packets."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest

from tests.e2e.conftest import NOTHING_TO_DO, Edge
from tests.support import frames
from tests.support.packets import REFUSED, connect, server

INTERNET = "internet"
WEB, CLOSED = 80, 9000
VICTIM, ATTACKER = "eip-0", "eip-4"
# Where the VMs are; none is on the entry host of its Elastic IP but eip-1. group-0 and group-3 enter by host-0.
PLACES = {"eip-0": "host-1", "eip-1": "host-1", "eip-2": "host-0", "eip-3": "host-2", "eip-4": "host-1"}


@dataclass(frozen=True)
class Cloud:
    """The cluster with a VM for each Elastic IP, named as its key, with a web server in it."""

    edge: Edge
    outputs: dict[str, dict[str, dict[str, str]]]

    def private(self, key: str) -> str:
        return self.outputs["eips"][key]["private_address"]

    def public(self, key: str) -> str:
        return self.outputs["eips"][key]["public_address"]

    def mac(self, key: str) -> str:
        return "02:00:" + ":".join(f"{int(part):02x}" for part in self.private(key).split("."))

    def gateway_mac(self, host: str) -> str:
        address = self.outputs["hosts"][host]["private_address"]
        return "02:ed:" + ":".join(f"{int(part):02x}" for part in address.split("."))

    def connect(self, place: str, address: str, port: int = WEB, timeout_s: float = 2) -> str:
        return connect(self.edge.lab, place, address, port, timeout_s)

    @contextmanager
    def pings(self, place: str, target: str, count: int, interval_s: float) -> Iterator[list[int]]:
        """Pings beside the block; afterwards the list holds how many were answered."""
        answered: list[int] = []
        process = self.edge.lab.start(
            "ping", "-q", "-c", str(count), "-i", str(interval_s), "-W", "1", target, place=place
        )
        yield answered
        text, _ = process.communicate(timeout=count * interval_s + 20)
        found = re.search(r"(\d+) received", text)
        assert found, text
        answered.append(int(found[1]))

    def dropped_by_guard(self, host: str) -> int:
        """How many frames of VMs the guard has dropped there."""
        listing = self.edge.lab.run("nft", "-j", "list", "chain", "bridge", "edge", "prerouting", place=host).stdout
        rules = [entry["rule"]["expr"] for entry in json.loads(listing)["nftables"] if "rule" in entry]
        packets: int = next(part["counter"]["packets"] for part in rules[-1] if "counter" in part)
        return packets


@pytest.fixture(scope="module")
def cloud(edge: Edge) -> Iterator[Cloud]:
    with ExitStack() as stack:
        cloud = Cloud(edge, edge.output())
        for key, host in PLACES.items():
            edge.lab.tool("lab", "vm", "start", key, "--host", host, "--ip", cloud.private(key))
            stack.callback(edge.lab.tool, "lab", "vm", "stop", key)
            stack.enter_context(server(edge.lab, key, WEB))
            # or its kernel sends what the guard counts
            edge.lab.run("sh", "-c", "echo 1 >/proc/sys/net/ipv6/conf/eth0/disable_ipv6", place=key)
        stack.enter_context(server(edge.lab, INTERNET, WEB))
        yield cloud


def test_the_cluster_has_all_packet_paths(cloud: Cloud) -> None:
    entries = {key: group["host"] for key, group in cloud.outputs["groups"].items()}
    away = {key for key, host in PLACES.items() if entries[cloud.outputs["eips"][key]["group"]] != host}
    assert away == {"eip-0", "eip-2", "eip-3", "eip-4"}


@pytest.mark.parametrize("key", PLACES)
def test_a_vm_is_reached_by_its_elastic_ip_and_has_it_as_source(cloud: Cloud, key: str) -> None:
    assert cloud.connect(INTERNET, cloud.public(key)) == "192.0.2.1"
    assert cloud.connect(key, "192.0.2.1") == cloud.public(key)


@pytest.mark.parametrize(
    ("source", "destination"),
    [("eip-0", "eip-1"), ("eip-1", "eip-0"), ("eip-0", "eip-4"), ("eip-0", "eip-2"), ("eip-3", "eip-2")],
)
def test_traffic_between_vms(cloud: Cloud, source: str, destination: str) -> None:
    assert cloud.connect(source, cloud.private(destination)) == cloud.private(source)
    assert cloud.connect(source, cloud.public(destination)) == cloud.public(source)


@pytest.mark.parametrize("key", ["eip-0", "eip-1"], ids=["away from its entry host", "on it"])
def test_a_closed_port_is_refused_at_once(cloud: Cloud, key: str) -> None:
    """AWS's security group lets only port 80 through, so that one is closed for the while."""
    reject = ("INPUT", "-p", "tcp", "--dport", str(WEB), "-j", "REJECT", "--reject-with", "tcp-reset")
    cloud.edge.lab.run("iptables", "-I", *reject, place=key)
    try:
        ways = [(INTERNET, cloud.public(key))]
        ways += [
            (other, address) for other in ("eip-4", "eip-2") for address in (cloud.private(key), cloud.public(key))
        ]
        # half a second is sooner than TCP would try again
        answers = {way: cloud.connect(*way, timeout_s=0.5) for way in ways}
    finally:
        cloud.edge.lab.run("iptables", "-D", *reject, place=key)
    assert set(answers.values()) == {REFUSED}, answers


_TRY_ALL = """
import socket, sys
for target in sys.argv[1:]:
    address, port = target.split(":")
    try:
        socket.create_connection((address, int(port)), timeout=0.3)
        print(target)
    except OSError:
        pass
"""


@pytest.mark.parametrize("key", ["eip-0", "eip-1"])
def test_a_vm_reaches_no_port_of_a_host(cloud: Cloud, key: str) -> None:
    hosts = [host[name] for host in cloud.outputs["hosts"].values() for name in ("private_address", "public_address")]
    groups = [group["primary_address"] for group in cloud.outputs["groups"].values()]
    targets = [f"{address}:{port}" for address in (*hosts, *groups) for port in (22, 179)]
    metadata = "169.254.169.254:80"
    reached = cloud.edge.lab.run("python3", "-c", _TRY_ALL, *targets, metadata, "192.0.2.1:80", place=key).stdout
    assert reached == "192.0.2.1:80\n"


def test_a_vm_cannot_inject_vxlan_packets(cloud: Cloud) -> None:
    """A frame inside a VXLAN packet of a VM's own making; frames that reach a host's VXLAN are counted there."""
    address = cloud.outputs["hosts"]["host-1"]["private_address"]
    inner = frames.arp(cloud.mac(VICTIM), cloud.private(VICTIM))
    header = bytes.fromhex("08000000") + (16000000 << 8).to_bytes(4, "big")
    script = f"""
import socket
wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(50):
    wire.sendto(bytes.fromhex("{(header + inner).hex()}"), ("{address}", 8472))
"""
    received = ("cat", "/sys/class/net/vx-edge/statistics/rx_packets")
    before = int(cloud.edge.lab.run(*received, place="host-1").stdout)
    cloud.edge.lab.run("python3", "-c", script, place="eip-3")
    assert int(cloud.edge.lab.run(*received, place="host-1").stdout) - before < 50


def test_hosts_reach_only_ssh_and_bgp_of_each_other(cloud: Cloud) -> None:
    lab = cloud.edge.lab
    address = cloud.outputs["hosts"]["host-1"]["private_address"]
    lab.run("systemd-run", "--unit=listener", "python3", "-m", "http.server", str(CLOSED), place="host-1")
    try:
        wait = f"until ss -Hltn sport = :{CLOSED} | grep -q .; do sleep 0.1; done"
        lab.run("sh", "-c", wait, place="host-1", timeout=20)
        targets = [f"{address}:{port}" for port in (22, 179, CLOSED)]
        reached = lab.run("python3", "-c", _TRY_ALL, *targets, place="host-2").stdout.split()
        assert reached == targets[:2]
        assert lab.run("python3", "-c", _TRY_ALL, *targets, place="host-1").stdout.split() == targets
    finally:
        lab.run("systemctl", "stop", "listener", place="host-1")


def _impersonating(cloud: Cloud, mac: str, address: str) -> list[bytes]:
    """Frames of the attacker that say they come from that MAC and that address; all victims enter by host-0."""
    gateway = cloud.gateway_mac("host-0")
    packet = frames.ipv4(mac, address, to=gateway, target="192.0.2.1")
    made = [
        packet,
        frames.arp(mac, address),
        frames.arp(mac, address, to=gateway, target=cloud.outputs["eips"][VICTIM]["gateway"], reply=True),
        frames.tagged(packet),
        frames.tagged(frames.arp(mac, address)),
        frames.tagged(packet, vlan=7),
    ]
    if mac != cloud.mac(ATTACKER):
        made += [frames.rarp(mac), frames.tagged(frames.rarp(mac))]
    return [*made, frames.neighbour_advertisement(mac)]


@pytest.fixture(scope="module", params=["on the same host", "on another host"])
def attacker(cloud: Cloud, request: pytest.FixtureRequest) -> str:
    """The host that the attacker is on."""
    lab = cloud.edge.lab
    host = PLACES[VICTIM] if request.param == "on the same host" else "host-2"
    if host != PLACES[ATTACKER]:
        lab.tool("lab", "vm", "move", ATTACKER, "--host", host)
    return host


def test_spoofed_frames_are_dropped(cloud: Cloud, attacker: str) -> None:
    """With the victim's address, its MAC, both, and as its gateway."""
    victim, gateway = cloud.private(VICTIM), cloud.outputs["eips"][VICTIM]["gateway"]
    made = [
        *_impersonating(cloud, cloud.mac(ATTACKER), victim),
        *_impersonating(cloud, cloud.mac(VICTIM), cloud.private(ATTACKER)),
        *_impersonating(cloud, cloud.mac(VICTIM), victim),
        *_impersonating(cloud, cloud.gateway_mac("host-0"), gateway),
    ]
    before = cloud.dropped_by_guard(attacker)
    with cloud.pings(INTERNET, cloud.public(VICTIM), 60, 0.1) as answered:
        sent = frames.send(cloud.edge.lab, ATTACKER, made, rounds=100, pause_s=0.05)
    assert answered == [60]
    assert cloud.dropped_by_guard(attacker) == before + sent


def test_a_vms_own_frames_pass(cloud: Cloud, attacker: str) -> None:
    mac, address, gateway = cloud.mac(ATTACKER), cloud.private(ATTACKER), cloud.gateway_mac("host-0")
    own = [frames.arp(mac, address), frames.rarp(mac), frames.ipv4(mac, address, to=gateway, target="192.0.2.1")]
    before = cloud.dropped_by_guard(attacker)
    frames.send(cloud.edge.lab, ATTACKER, own, rounds=10)
    assert cloud.dropped_by_guard(attacker) == before
    direct = frames.ipv4(mac, address, to=cloud.mac(VICTIM), target=cloud.private(VICTIM))
    sent = frames.send(cloud.edge.lab, ATTACKER, [direct, frames.neighbour_advertisement(mac), frames.tagged(own[0])])
    assert cloud.dropped_by_guard(attacker) == before + sent
    assert cloud.connect(ATTACKER, "192.0.2.1") == cloud.public(ATTACKER)


def test_an_unknown_bridge_port_is_closed(cloud: Cloud) -> None:
    """A port that was added to the bridge by hand, with an unknown MAC, and a victim's identity."""
    lab, host = cloud.edge.lab, PLACES[VICTIM]
    before = cloud.dropped_by_guard(host)
    lab.run("sh", "-ec", f"""
        ip link add one-999-0 type veth peer name eth0 address {cloud.mac(VICTIM)}
        ip link set one-999-0 up master br-edge
        echo 1 >/proc/sys/net/ipv6/conf/eth0/disable_ipv6
        ip link set eth0 up""", place=host)  # fmt: skip
    try:
        with cloud.pings(INTERNET, cloud.public(VICTIM), 60, 0.05) as answered:
            made = [frames.arp(cloud.mac(VICTIM), cloud.private(VICTIM)), frames.rarp(cloud.mac(VICTIM))]
            sent = frames.send(lab, host, made, rounds=100)
        assert answered == [60]
        assert cloud.dropped_by_guard(host) >= before + sent
    finally:
        lab.run("ip", "link", "del", "one-999-0", place=host)


def _dead_after(cloud: Cloud, host: str) -> bool:
    """Whether the other reflector has seen the session to `host` end."""
    other = "host-1" if host == "host-0" else "host-0"
    listing = cloud.edge.lab.run("vtysh", "-c", "show bgp l2vpn evpn summary json", place=other).stdout
    peer = json.loads(listing)["peers"][cloud.outputs["hosts"][host]["private_address"]]
    return bool(peer["state"] != "Established")


@pytest.mark.parametrize(
    ("reflector", "one", "other"),
    [
        pytest.param("host-0", ("eip-1", "host-2"), ("eip-2", "host-1"), id="the first"),
        pytest.param("host-1", ("eip-0", "host-2"), ("eip-2", "host-0"), id="the second", marks=pytest.mark.full),
    ],
)
def test_traffic_survives_the_death_of_a_reflector(
    cloud: Cloud, reflector: str, one: tuple[str, str], other: tuple[str, str]
) -> None:
    """Two VMs away from their entry hosts, on the two hosts that stay: every packet between them crosses both."""
    lab = cloud.edge.lab
    wanted = dict([one, other])
    for key in PLACES:
        now = _host_of(cloud, key)
        if now != wanted.get(key, now) or now == reflector:
            lab.tool("lab", "vm", "move", key, "--host", wanted.get(key, other[1]))
    with cloud.pings(one[0], cloud.private(other[0]), 240, 0.05) as answered:
        lab.tool("lab", "host", "kill", reflector, "--silent")
        deadline = time.monotonic() + 12
        while not _dead_after(cloud, reflector):
            assert time.monotonic() < deadline, "the session outlived its hold time"
            time.sleep(0.5)
        # learnt by the reflector that is left
        lab.tool("lab", "vm", "move", "eip-3", "--host", one[1] if _host_of(cloud, "eip-3") == other[1] else other[1])
    assert answered == [240]
    if reflector != "host-0":
        assert cloud.connect(INTERNET, cloud.public("eip-3")) == "192.0.2.1"
    lab.tool("lab", "host", "start", reflector)
    _settle(cloud)


def _host_of(cloud: Cloud, key: str) -> str:
    listed = json.loads(cloud.edge.lab.tool("lab", "vm", "list", "--json").stdout)
    host: str = next(vm["host_key"] for vm in listed if vm["name"] == key)
    return host


def _settle(cloud: Cloud) -> None:
    """Every session is up again, the front-end has every host MONITORED, and nothing is left to do."""
    for host in cloud.outputs["hosts"]:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            done = cloud.edge.lab.run("vtysh", "-c", "show bgp l2vpn evpn summary failed json", place=host, check=False)
            if done.returncode == 0 and not json.loads(done.stdout).get("peers"):
                break
            time.sleep(0.5)
        else:
            pytest.fail(f"{host}: {done.stdout}")
    cloud.edge.apply("--only", "opennebula")


def test_an_apply_at_the_end_has_nothing_to_do(edge: Edge) -> None:
    assert edge.apply() == (0, NOTHING_TO_DO)
