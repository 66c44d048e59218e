"""A change by hand of anything of ours on a host is shown and corrected; what is not ours stays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import asyncssh
import pytest

from edgewrap.change import Action
from tests.integration.hosts.conftest import Runner

# What is done by hand, and the changes that it takes, by their keys without the host. Each entry holds what can be done
# at once without one hiding another.
DRIFTS: dict[str, tuple[str, set[str]]] = {
    "one route deleted": ("ip route del 10.0.128.2 table edge", {"route/group-0"}),
    "routes": (
        """
        ip route replace 10.0.128.2 dev eth0 table edge
        ip route add 10.0.128.4 dev eth0 table edge metric 5
        ip route add 10.0.129.40 dev gw-edge table edge
        ip route add unreachable 10.0.129.42 table edge
        ip route flush table edge-group-1
        ip route replace default via 10.0.0.1 dev eth0 table edge-group-0
        """,
        {"route/group-0", "route/group-1", "route/others"},
    ),
    "gateways": (
        "ip neigh del proxy 10.0.128.3 dev gw-edge; ip neigh add proxy 10.0.128.42 dev gw-edge",
        {"gateway/group-0", "gateway/others"},
    ),
    "every gateway": (
        "ip neigh show proxy dev gw-edge | cut -d' ' -f1 | while read -r address; do"
        " ip neigh del proxy $address dev gw-edge; done",
        {"gateway/group-0", "gateway/group-1"},
    ),
    "rules": (
        """
        ip rule del priority 1001
        ip rule add priority 900 iif lo lookup edge
        ip rule del priority 1000; ip rule add priority 1000 lookup edge  # without the protocol
        ip rule add priority 1002 from 10.0.128.128/25 iif gw-edge lookup 10002  # the same without the protocol
        """,
        {
            "rule/group-0",
            "rule/edge",
            "rule/others",
        },
    ),
    "bridge": (
        """
        ip link set br-edge down
        ip link set br-edge address 02:00:00:00:00:99
        ip link set br-edge type bridge mcast_snooping 1
        ip address add 10.9.9.9/24 dev br-edge
        bridge fdb del 02:ed:0a:00:00:0a dev gw-port master
        bridge fdb add 02:ed:0a:00:00:99 dev gw-port master static
        """,
        {"bridge/br-edge", "bridge/gw-edge"},
    ),
    "port out of the bridge": ("ip link set gw-port nomaster", {"bridge/gw-edge"}),
    "kernel parameters": (
        """
        cd /proc/sys/net
        echo 0 >ipv6/conf/gw-edge/disable_ipv6
        echo 0 >ipv4/ip_forward
        echo 0 >bridge/bridge-nf-call-iptables
        echo 1 >ipv4/conf/ens6/rp_filter
        """,
        {
            "bridge/gw-edge",
            "sysctl/net/ipv4/ip_forward",
            "sysctl/net/bridge/bridge-nf-call-iptables",
            "interface/group-0",
        },
    ),
    "table gone": ("nft delete table ip edge", {"nftables/edge"}),
    "one filter rule deleted": (
        "nft delete rule ip edge input handle $(nft -a list chain ip edge input | sed -n 's/.*ether.*handle //p')",
        {"nftables/edge"},
    ),
    "one filter rule added": ("nft insert rule ip edge input accept", {"nftables/edge"}),
    "every table flushed": ("nft flush ruleset", {"nftables/edge", "nftables/guard", "nftables/firewall"}),
    "the guard": ("nft add rule bridge edge senders accept", {"nftables/guard"}),
    "the firewall": ("nft flush chain inet edge-host host", {"nftables/firewall"}),
    "the VXLAN's port": (
        "ip link set vx-edge nomaster; ip link set vx-edge master br-edge",  # it learns again
        {"bridge/vx-edge"},
    ),
    "a VXLAN that learns": ("ip link set vx-edge type vxlan id 16000000 learning", {"bridge/vx-edge"}),
    "another VXLAN": (
        "ip link del vx-edge; ip link add vx-edge type vxlan id 7 local 10.0.0.10 dstport 4789",
        {"bridge/vx-edge"},
    ),
    "BGP's timers": (
        "vtysh -c 'configure' -c 'router bgp 65000' -c 'no neighbor hosts timers 3 9'",
        {"bgp/65000"},
    ),
    "a neighbour added": (
        "vtysh -c 'configure' -c 'router bgp 65000' -c 'neighbor 10.0.128.2 remote-as 65001'",
        {"bgp/65000"},
    ),
    "files and unit": (
        """
        echo '# mine' >>/etc/systemd/network/05-edgewrap-groups.network
        chmod 600 /etc/edgewrap/network.sh
        touch /etc/systemd/network/05-edgewrap-group-9.network
        rm /etc/systemd/system/multi-user.target.wants/edgewrap-network.service
        """,
        {
            "file//etc/systemd/network/05-edgewrap-groups.network",
            "file//etc/edgewrap/network.sh",
            "file//etc/systemd/network/05-edgewrap-group-9.network",
            "unit/edgewrap-network.service",
        },
    ),
    "interface down": ("ip link set ens6 down", {"interface/group-0", "route/group-0"}),
    "interfaces' addresses": (
        "ip address flush dev ens6; ip address add 10.0.128.130/16 dev ens7",
        {"interface/group-0", "route/group-0", "interface/group-1"},
    ),
    "what cloud-init makes": (
        """
        ip address flush dev ens6
        ip address add 10.0.128.0/16 dev ens6; ip address add 10.0.128.2/16 dev ens6
        ip route add default via 10.0.0.1 dev ens6 metric 200 proto dhcp
        ip route add default via 10.0.0.1 dev ens6 table 101; ip route add 10.0.0.0/16 dev ens6 table 101
        ip rule add from 10.0.128.0 lookup 101; ip rule add from 10.0.128.2 lookup 101
        """,
        {"interface/group-0", "route/group-0"},
    ),
}

ALIEN = """
nft list table ip alien >/dev/null 2>&1 || nft -f - <<'EOF'
table ip alien {
	chain forward { type filter hook forward priority 5; policy accept;
		ip saddr 192.0.2.1 drop
	}
}
EOF
ip rule | grep -q 'from 192.0.2.0/24 lookup 77' || ip rule add priority 950 from 192.0.2.0/24 lookup 77
ip route replace default via 10.0.0.1 dev eth0 table 77
ip route replace 192.0.2.0/24 via 10.0.0.1 dev eth0
ip neigh replace proxy 10.0.77.7 dev eth0
"""
SHOW_ALIEN = """
nft list table ip alien
ip rule | grep 192.0.2
ip route show table 77
ip route show table main
ip neigh show proxy dev eth0
ip -4 address show dev eth0
grep -v edgewrap /home/ubuntu/.ssh/authorized_keys
"""


@pytest.fixture(scope="module")
def host(runner: Runner) -> Runner:
    """host-0, converged, with things of others on it."""
    alone = runner.only("host-0")
    alone.converge()
    runner.vpc.on("host-0", ALIEN)
    assert alone.changes() == ()
    return alone


@pytest.mark.parametrize(("breaking", "expected"), DRIFTS.values(), ids=DRIFTS)
def test_drift_is_shown_and_reverted(host: Runner, breaking: str, expected: set[str]) -> None:
    host.vpc.on("host-0", ALIEN)
    before = host.vpc.on("host-0", SHOW_ALIEN)
    host.vpc.on("host-0", breaking)
    seen = host.observe()
    changes = host.changes(seen)
    assert {change.key for change in changes} == {f"host-0/{key}" for key in expected}
    assert len(changes) == len(expected)
    host.converge(seen)
    host.vpc.on("host-0", ALIEN)  # a flushed ruleset takes the others' along
    assert host.vpc.on("host-0", SHOW_ALIEN) == before


def test_a_deleted_gateway_brings_what_hung_on_it(host: Runner) -> None:
    host.vpc.on("host-0", "ip link del gw-edge")
    seen = host.observe()
    keys = {change.key.split("/", 1)[1] for change in host.changes(seen)}
    assert {"bridge/gw-edge", "route/group-0", "gateway/group-0"} <= keys
    host.converge(seen)


def test_a_bridge_created_by_a_driver_is_adopted_with_its_ports(runner: Runner) -> None:
    vpc, alone = runner.vpc, runner.only("host-2")
    vpc.on(
        "host-2",
        "ip link add br-edge type bridge; "
        "ip link add one-7-0 type veth peer name guest; ip link set one-7-0 master br-edge",
    )
    index = vpc.on("host-2", "cat /sys/class/net/br-edge/ifindex")
    alone.converge()
    assert vpc.on("host-2", "cat /sys/class/net/br-edge/ifindex") == index
    assert "one-7-0" in vpc.on("host-2", "ls /sys/class/net/br-edge/brif")
    vpc.on("host-2", "ip link del one-7-0")


def test_hosts_with_and_without_leftovers_of_cloud_init_end_up_the_same(runner: Runner) -> None:
    alone = runner.only("host-0")
    everything = "ip -4 address; ip -6 address; ip rule; ip route show table all; ip neigh show proxy"
    alone.converge()
    clean = runner.vpc.on("host-0", everything)
    runner.vpc.on("host-0", DRIFTS["what cloud-init makes"][0])
    alone.converge()
    assert runner.vpc.on("host-0", everything) == clean


def test_a_group_moves_to_another_host(runner: Runner) -> None:
    vpc = runner.vpc
    runner.converge()
    vpc.detach("group-1")
    vpc.attach("group-1", "host-2")
    moved = replace(runner.outputs.groups["group-1"], host="host-2")
    there = replace(runner, outputs=replace(runner.outputs, groups={**runner.outputs.groups, "group-1": moved}))
    seen = there.observe()
    changes = there.changes(seen)
    deleted = {change.key for change in changes if change.action is Action.DELETE}
    assert {"host-0/route/others", "host-0/gateway/others"} <= deleted
    there.converge(seen)
    shown = vpc.on("host-0", "ip route show table all; ip neigh show proxy; ip rule")
    assert "10.0.128.130" not in shown
    assert "10.0.128.131" not in shown
    assert "ens7" not in vpc.on("host-0", "ls /etc/systemd/network; ip link")
    assert "10.0.128.130" in vpc.on("host-2", "ip route show table edge")
    assert "10.0.128.131" in vpc.on("host-2", "ip neigh show proxy")
    vpc.detach("group-1")
    vpc.attach("group-1", "host-0")
    runner.converge()


def test_authorized_keys_are_exactly_those_of_the_spec(make_runner: Callable[..., Runner], tmp_path: Path) -> None:
    keys = [_public_key(tmp_path / name) for name in ("ada", "grace")]
    path = "/home/ubuntu/.ssh/authorized_keys"
    with_both = make_runner(authorized_keys=keys).only("host-0")
    own = with_both.vpc.on("host-0", f"cat {path}")
    with_both.converge()
    text = with_both.vpc.on("host-0", f"cat {path}")
    assert text.startswith(own)
    assert all(key in text.splitlines() for key in keys)
    assert with_both.vpc.on("host-0", f"stat -c '%a %U:%G' {path}") == "600 ubuntu:ubuntu\n"
    with_one = make_runner(authorized_keys=keys[:1]).only("host-0")
    assert [change.kind for change in with_one.changes()] == ["authorized keys"]
    with_one.converge()
    assert keys[1] not in with_one.vpc.on("host-0", f"cat {path}")
    without = make_runner().only("host-0")
    without.converge()
    assert without.vpc.on("host-0", f"cat {path}") == own


def _public_key(file: Path) -> str:
    key = asyncssh.generate_private_key("ssh-ed25519", comment=f"{file.name}@example.org")
    return key.export_public_key().decode().strip()
