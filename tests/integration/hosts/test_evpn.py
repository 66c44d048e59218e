"""Real BGP sessions between the hosts, VMs away from their entry hosts, and a watcher that runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from edgewrap.spec.models import Spec
from tests.integration.hosts.conftest import Runner
from tests.integration.hosts.vpc import Vpc, until

PASSWORD = "geheim-7f3a"


def with_evpn(runner: Runner, **evpn: object) -> Runner:
    document = runner.spec.model_dump(mode="json", by_alias=True)
    return replace(runner, spec=Spec.model_validate({**document, "evpn": evpn}))


def sessions(vpc: Vpc, host: str) -> dict[str, int]:
    """How many times each established session of a host came up, by its neighbour's address."""
    answer = vpc.on(host, "vtysh -c 'show bgp neighbors json'")
    return {
        address: peer["connectionsEstablished"]
        for address, peer in json.loads(answer).items()
        if isinstance(peer, dict) and peer.get("bgpState") == "Established"
    }


def await_sessions(vpc: Vpc, **wanted: int) -> dict[str, dict[str, int]]:
    names = {host.replace("_", "-"): count for host, count in wanted.items()}
    until(lambda: all(len(sessions(vpc, host)) == count for host, count in names.items()))
    return {host: sessions(vpc, host) for host in names}


@pytest.fixture(scope="module")
def evpn(runner: Runner) -> Runner:
    runner.converge()
    await_sessions(runner.vpc, host_0=2, host_1=2, host_2=2)
    return runner


def test_a_vm_away_from_its_entry_host(evpn: Runner) -> None:
    vm = evpn.vpc.start_vm("away", "host-2", evpn.vpc.outputs.eips["eip-0"])
    vm.sh("ping -c 3 -i 0.2 -W 1 198.51.100.1")
    assert "1450" in vm.vpc.on("host-2", "ip link show br-edge")
    evpn.vpc.sh("ip netns del away")


def test_a_deleted_bgp_neighbour_is_restored_without_touching_other_sessions(evpn: Runner) -> None:
    vpc = evpn.vpc
    before = sessions(vpc, "host-0")
    daemon = vpc.on("host-0", "cat /run/frr/bgpd.pid")
    vpc.on("host-0", "vtysh -c 'configure' -c 'router bgp 65000' -c 'no neighbor 10.0.0.12'")
    (change,) = evpn.changes()
    assert change.key == "host-0/bgp/65000"
    assert "neighbor 10.0.0.12 peer-group hosts" in change.after["configuration"]
    evpn.converge()
    await_sessions(vpc, host_0=2)
    assert sessions(vpc, "host-0")["10.0.0.11"] == before["10.0.0.11"]
    assert vpc.on("host-0", "cat /run/frr/bgpd.pid") == daemon


@pytest.mark.full
def test_adding_a_host_touches_no_existing_bgp_session(evpn: Runner) -> None:
    fewer = evpn.only("host-0", "host-1")
    fewer.converge()
    before = await_sessions(evpn.vpc, host_0=1, host_1=1)
    evpn.converge()
    after = await_sessions(evpn.vpc, host_0=2, host_1=2, host_2=2)
    assert after["host-0"]["10.0.0.11"] == before["host-0"]["10.0.0.11"]


@pytest.mark.full
def test_removing_a_route_reflector_causes_no_gap(evpn: Runner) -> None:
    """host-0 is retired: prepared, host-2 reflects as well; afterwards host-1 and host-2 do."""
    vpc, remaining = evpn.vpc, evpn.only("host-1", "host-2")
    later = replace(evpn.outputs, hosts=remaining.outputs.hosts)
    before = await_sessions(vpc, host_1=2, host_2=2)
    with vpc.inside():
        prepared = evpn.prepare(later)
    assert not prepared.failures
    assert evpn.changes() == ()  # of two hosts nothing differs: their neighbours are the same
    assert before == await_sessions(vpc, host_1=2, host_2=2)
    remaining.converge()
    after = await_sessions(vpc, host_1=1, host_2=1)
    assert after["host-2"]["10.0.0.11"] == before["host-2"]["10.0.0.11"]
    evpn.converge()
    await_sessions(vpc, host_0=2, host_1=2, host_2=2)


def test_the_password_reaches_frr_and_nothing_else(evpn: Runner) -> None:
    vpc, closed = evpn.vpc, with_evpn(evpn, password=PASSWORD)
    for runner, word in ((closed, PASSWORD), (with_evpn(evpn, password=f"{PASSWORD}-2"), f"{PASSWORD}-2")):
        seen = runner.observe()
        assert PASSWORD not in repr(seen)
        assert PASSWORD not in repr(runner.changes(seen))
        runner.converge(seen)
        assert PASSWORD not in repr(runner.events)
        await_sessions(vpc, host_0=2, host_1=2, host_2=2)
        assert vpc.on("host-0", "stat -c '%a %U:%G' /etc/frr/frr.conf") == "640 root:frr\n"
        assert f" neighbor hosts password {word}\n" in vpc.on("host-0", "vtysh -c 'show running-config'")
    assert vpc.on("host-0", "grep -rls geheim /var/log /run /etc || :") == "/etc/frr/frr.conf\n"
    assert "geheim" not in vpc.sh("cat /proc/[0-9]*/cmdline | tr '\\0' ' '").replace("grep -rls geheim", "")
    vpc.on("host-0", "vtysh -c 'configure' -c 'router bgp 65000' -c 'neighbor hosts password other'")
    (change,) = with_evpn(evpn, password=f"{PASSWORD}-2").changes()
    assert change.after == {"configuration": "router bgp 65000\n neighbor hosts password (hidden)"}
    evpn.converge()
    await_sessions(vpc, host_0=2, host_1=2, host_2=2)
    assert "password" not in vpc.on("host-0", "cat /etc/frr/frr.conf; vtysh -c 'show running-config'")


@contextmanager
def watcher(vpc: Vpc, host: str) -> Iterator[None]:
    """The watcher, as systemd runs it."""
    vpc.on(host, "setsid python3 /etc/edgewrap/watch.py </dev/null >/tmp/watch.log 2>&1 & echo $! >/run/watch.pid")
    try:
        yield
    finally:
        vpc.on(host, "kill $(cat /run/watch.pid)")


def opened(vpc: Vpc, host: str) -> str:
    return vpc.on(host, "nft list set bridge edge allowed")


PLUG = """
ip link add {port} type veth peer name guest address {mac}
ip link set {port} master br-edge up
"""


def test_a_bridge_port_opens_when_the_drivers_rules_name_its_vm(evpn: Runner) -> None:
    """As with LXC: the port's own MAC does not depend on the VM's. The rules are those of OpenNebula's fw driver."""
    vpc, address = evpn.vpc, evpn.outputs.eips["eip-5"].private_address
    mac = "02:00:" + ":".join(f"{int(part):02x}" for part in address.split("."))
    with watcher(vpc, "host-2"):
        vpc.on("host-2", PLUG.format(port="one-7-0", mac=mac))
        until(lambda: "closed" in vpc.on("host-2", "cat /tmp/watch.log"))
        assert "one-7-0" not in opened(vpc, "host-2")
        vpc.on(
            "host-2",
            f"""
            iptables -N opennebula; iptables -N one-7-0-o
            iptables -A opennebula -m physdev --physdev-in one-7-0 --physdev-is-bridged -j one-7-0-o
            iptables -A one-7-0-o -m mac ! --mac-source {mac.upper()} -j DROP
            ipset create one-7-0-ip-spoofing hash:ip family inet
            ipset add one-7-0-ip-spoofing {address}
            ipset add one-7-0-ip-spoofing 10.0.0.11
            iptables -A one-7-0-o -m set ! --match-set one-7-0-ip-spoofing src -j DROP""",
        )
        until(lambda: f'"one-7-0" . {mac} . {address}' in opened(vpc, "host-2"))
        assert "10.0.0.11" not in opened(vpc, "host-2")  # no Elastic IP's
        vpc.on("host-2", "ip link del one-7-0")
        until(lambda: "one-7-0" not in opened(vpc, "host-2"))
    vpc.on("host-2", "iptables -F; iptables -X; ipset destroy")


@pytest.mark.full
def test_guard_entries_follow_their_interface(evpn: Runner) -> None:
    """AWS moves group-1 while nobody runs edgewrap, as between `prepare` and `converge`."""
    vpc, outputs = evpn.vpc, evpn.outputs
    moved = replace(outputs.groups["group-1"], host="host-2")
    later = replace(outputs, groups={**outputs.groups, "group-1": moved})
    routes = "ip route show table 10000 | cut -d' ' -f1; ip neigh show proxy dev gw-edge | cut -d' ' -f1"
    mine = {"10.0.128.130", "10.0.128.131", "10.0.128.132", "10.0.128.133"}
    with watcher(vpc, "host-0"), watcher(vpc, "host-2"):
        with vpc.inside():
            prepared = evpn.prepare(later)
        assert not prepared.failures
        assert not mine & set(vpc.on("host-2", routes).split())
        assert mine <= set(vpc.on("host-0", routes).split())
        vm = vpc.start_vm("moving", "host-1", vpc.outputs.eips["eip-1"])
        vm.sh("ping -c 2 -i 0.2 -W 1 198.51.100.1")
        vpc.detach("group-1")
        vpc.attach("group-1", "host-2")
        until(lambda: mine <= set(vpc.on("host-2", routes).split()))
        until(lambda: not mine & set(vpc.on("host-0", routes).split()))
        until(lambda: "02:ed:0a:00:00:0c" in vm.sh("ip neigh show dev eth0"))
        vm.sh("ping -c 2 -i 0.2 -W 1 198.51.100.1")
        there = replace(evpn, outputs=later)
        there.converge()
        vpc.detach("group-1")
        vpc.attach("group-1", "host-0")
        evpn.converge()
    vpc.sh("ip netns del moving")


def test_disabling_the_firewall_removes_its_table(evpn: Runner) -> None:
    document = evpn.spec.model_dump(mode="json", by_alias=True)
    document["hosts"]["firewall"] = False
    opened = replace(evpn.only("host-2"), spec=Spec.model_validate(document))
    keys = {change.key for change in opened.changes()}
    assert {"host-2/file//etc/edgewrap/firewall.nft", "host-2/nftables/firewall"} <= keys
    opened.converge()
    assert "edge-host" not in evpn.vpc.on("host-2", "nft list tables")
    evpn.converge()
    operator = evpn.vpc.on("host-2", "cat /var/lib/edgewrap/operators").strip()
    assert operator in evpn.vpc.on("host-2", "nft list set inet edge-host operators")
