"""The commands of OpenNebula's drivers for a NIC."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from edgewrap.errors import LabError
from edgewrap.lab.vms import drivers
from edgewrap.lab.vms.record import Nic
from edgewrap.lab.vms.security_groups import Command, activation, deactivation

NIC = Nic(
    id=0,
    driver="fw",
    port="one-1-0",
    bridge="br-edge",
    mac="02:00:0a:00:80:02",
    address="10.0.128.2",
    network="public",
    security_groups=("100",),
    filters_mac=False,
    filters_address=False,
)
PRIVATE = replace(NIC, driver="vxlan", bridge="onebr3", physical="ens5", vlan_id="5", vxlan_mode="evpn")


def admitted(*rules: dict[str, str], nic: Nic = NIC) -> list[str]:
    """What the rules of group 100 add to the chains of a NIC that filters nothing, in order."""
    of_group = [{"SECURITY_GROUP_ID": "100", **rule} for rule in rules]
    without = activation(1, nic, [])
    return [f"{command.tool} {command.text}" for command in activation(1, nic, of_group) if command not in without]


TCP_IN = {"PROTOCOL": "TCP", "RULE_TYPE": "inbound"}
FROM = {"IP": "10.0.0.3", "SIZE": "6"}
RULES: list[tuple[dict[str, str], list[str]]] = [
    (
        {"PROTOCOL": "ALL", "RULE_TYPE": "OUTBOUND"},
        ["iptables -A one-1-0-o -p all -j RETURN", "ip6tables -A one-1-0-o -p all -j RETURN"],
    ),
    ({"PROTOCOL": "ICMP", "RULE_TYPE": "inbound"}, ["iptables -A one-1-0-i -p icmp -j RETURN"]),
    ({"PROTOCOL": "ICMPV6", "RULE_TYPE": "inbound"}, ["ip6tables -A one-1-0-i -p icmpv6 -j RETURN"]),
    (
        {"PROTOCOL": "IPSEC", "RULE_TYPE": "inbound"},
        ["iptables -A one-1-0-i -p esp -j RETURN", "ip6tables -A one-1-0-i -p esp -j RETURN"],
    ),
    (
        {**TCP_IN, "RANGE": "22,80:90"},
        [
            "iptables -A one-1-0-i -p tcp -m multiport --dports 22,80:90 -j RETURN",
            "ip6tables -A one-1-0-i -p tcp -m multiport --dports 22,80:90 -j RETURN",
        ],
    ),
    (
        {"PROTOCOL": "ICMP", "ICMP_TYPE": "8", "RULE_TYPE": "inbound"},
        ["iptables -A one-1-0-i -p icmp --icmp-type 8 -j RETURN"],
    ),
    (
        {**TCP_IN, **FROM},
        [
            "ipset create one-1-0-100-i-tcp-n-inet hash:net family inet",
            "iptables -A one-1-0-i -p tcp -m set --match-set one-1-0-100-i-tcp-n-inet src -j RETURN",
            "ipset add -exist one-1-0-100-i-tcp-n-inet 10.0.0.3/32",
            "ipset add -exist one-1-0-100-i-tcp-n-inet 10.0.0.4/30",
            "ipset add -exist one-1-0-100-i-tcp-n-inet 10.0.0.8/32",
        ],
    ),
    (
        {**TCP_IN, "IP": "10.0.0.4", "SIZE": "1", "RANGE": "22,80:90"},
        [
            "ipset create one-1-0-100-i-nr-inet hash:net,port family inet maxelem 65536",
            "iptables -A one-1-0-i -m set --match-set one-1-0-100-i-nr-inet src,dst -j RETURN",
            "ipset add -exist one-1-0-100-i-nr-inet 10.0.0.4/32,tcp:22",
            "ipset add -exist one-1-0-100-i-nr-inet 10.0.0.4/32,tcp:80-90",
        ],
    ),
    (
        {"PROTOCOL": "ICMP", "ICMP_TYPE": "11", "RULE_TYPE": "outbound", "IP": "10.0.0.4", "SIZE": "1"},
        [
            "ipset create one-1-0-100-o-ni hash:net,port family inet",
            "iptables -A one-1-0-o -m set --match-set one-1-0-100-o-ni dst,dst -j RETURN",
            "ipset add -exist one-1-0-100-o-ni 10.0.0.4/32,icmp:11/0",
            "ipset add -exist one-1-0-100-o-ni 10.0.0.4/32,icmp:11/1",
        ],
    ),
    (
        {"PROTOCOL": "UDP", "RULE_TYPE": "inbound", "IP": "fd00::", "SIZE": "16"},
        [
            "ipset create one-1-0-100-i-udp-n-inet6 hash:net family inet6",
            "ip6tables -A one-1-0-i -p udp -m set --match-set one-1-0-100-i-udp-n-inet6 src -j RETURN",
            "ipset add -exist one-1-0-100-i-udp-n-inet6 fd00::/124",
        ],
    ),
]


@pytest.mark.parametrize(("rule", "commands"), RULES)
def test_what_a_rule_allows(rule: dict[str, str], commands: list[str]) -> None:
    assert admitted(rule) == commands


def test_rules_of_one_group_share_a_set() -> None:
    first, second = ({**TCP_IN, "IP": f"10.0.{number}.4", "SIZE": "1", "RANGE": "80"} for number in range(2))
    assert [command.split()[0] for command in admitted(first, second)] == ["ipset", "iptables", "ipset", "ipset"]


def test_a_nic_has_the_rules_of_its_own_groups_only() -> None:
    without = activation(1, replace(NIC, security_groups=()), [])
    assert [command.text for command in without if command.text.endswith("-p all -j RETURN")] == []
    assert [command.text for command in without][-2:] == ["-A one-1-0-i -j DROP", "-A one-1-0-o -j DROP"]
    assert admitted({"SECURITY_GROUP_ID": "101", "PROTOCOL": "ALL", "RULE_TYPE": "INBOUND"}) == []


def test_only_the_rules_of_the_nic_are_removed() -> None:
    listing = """-P FORWARD ACCEPT
-N one-1-0-i
-N one-1-0-o
-N one-1-01-i
-N opennebula
-A INPUT -m physdev --physdev-in one-1-0 -j one-1-0-o
-A FORWARD -m physdev --physdev-is-bridged -j opennebula
-A one-1-0-o -j DROP
-A opennebula -m physdev --physdev-in one-1-0 --physdev-is-bridged -j one-1-0-o
-A opennebula -m physdev --physdev-in one-1-01 --physdev-is-bridged -j one-1-01-o
-A opennebula -j ACCEPT
"""
    assert deactivation("one-1-0", {"iptables": listing}, ["one-1-0-ip-spoofing", "one-1-01-ip-spoofing"]) == [
        Command("iptables", "-D INPUT -m physdev --physdev-in one-1-0 -j one-1-0-o"),
        Command("iptables", "-D opennebula -m physdev --physdev-in one-1-0 --physdev-is-bridged -j one-1-0-o"),
        Command("iptables", "-F one-1-0-i"),
        Command("iptables", "-F one-1-0-o"),
        Command("iptables", "-X one-1-0-i"),
        Command("iptables", "-X one-1-0-o"),
        Command("ipset", "destroy one-1-0-ip-spoofing"),
    ]


@pytest.mark.parametrize(
    ("changes", "command"),
    [
        (
            {"mtu": 8950, "link_options": ("nolearning",)},
            "link add ens5.5 mtu 8950 type vxlan id 5 ttl 16 dev ens5 nolearning",
        ),
        (
            {"vxlan_mode": "multicast", "vlan_id": "258"},
            "link add ens5.258 mtu 1500 type vxlan id 258 group 239.0.1.2 ttl 16 dev ens5",
        ),
    ],
)
def test_the_vxlan_device_of_a_private_network(changes: dict[str, Any], command: str) -> None:
    assert drivers.vxlan_link(replace(PRIVATE, **changes), "dev ens5") == command


def test_each_tool_runs_once_and_sets_come_first() -> None:
    lines = drivers.batches([Command("iptables", "-N a"), Command("ipset", "create s"), Command("iptables", "-F a")])
    assert lines == [
        *("ipset restore <<'.'", "create s", "."),
        *("iptables-restore --noflush --wait 3 <<'.'", "*filter", "-N a", "-F a", "COMMIT", "."),
    ]


def test_a_driver_that_the_lab_does_not_play_is_refused() -> None:
    with pytest.raises(LabError, match="'public' cannot be used"):
        drivers.require_known([NIC, replace(NIC, driver="802.1Q")])
