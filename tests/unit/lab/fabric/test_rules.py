"""The nft rules: what each security group rule becomes, and that the kernel takes them all."""

from __future__ import annotations

import subprocess

import pytest

from edgewrap.lab.cloud import CloudRule
from edgewrap.lab.fabric.desired import Vpc, wanted_vpcs
from edgewrap.lab.fabric.rules import gateway_rules, vpc_rules
from tests.unit.lab.snapshots import INSTANCE, address, interface, picture, rule

FULL = (
    rule(),
    rule(direction="egress"),
    rule(protocol="tcp", from_port=22, to_port=22, cidr="192.0.2.7/32"),
    rule(protocol="udp", from_port=4789, to_port=4790, cidr="", peer_group="sg-hosts"),
    rule(protocol="icmp", from_port=8, to_port=0),
    rule(cidr="::/0"),
)


def vpc(*rules: CloudRule, gateway: bool = True, checked: bool = True) -> Vpc:
    host = interface(10, source_dest_check=checked)
    group = interface(128, index=1, secondary_addresses=("10.0.0.130",), security_groups=("sg-hosts", "sg-vms"))
    public = (address("198.51.100.1", host), address("203.0.113.1", group, "10.0.0.130"))
    (made,) = wanted_vpcs(picture(host, group, addresses=public, rules=rules, gateway=gateway), {INSTANCE: "h"})
    return made


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (rule(), "ingress_sg-hosts accept"),
        (rule(direction="egress"), "egress_sg-hosts accept"),
        (rule(protocol="tcp", from_port=22, to_port=23), "ingress_sg-hosts tcp dport 22-23 accept"),
        (rule(cidr="192.0.2.7/24"), "ingress_sg-hosts ip saddr 192.0.2.0/24 accept"),
        (rule(direction="egress", cidr="192.0.2.0/24"), "egress_sg-hosts ip daddr 192.0.2.0/24 accept"),
        (rule(cidr="", peer_group="sg-vms"), "ingress_sg-hosts ip saddr @members_sg-vms accept"),
        (rule(protocol="icmp", from_port=8), "ingress_sg-hosts ip protocol icmp accept"),
    ],
)
def test_a_rule_becomes(given: CloudRule, expected: str) -> None:
    assert f"add rule ip lab {expected}" in vpc_rules(vpc(given)).splitlines()


def test_ipv6_rules_are_left_out() -> None:
    assert "::" not in vpc_rules(vpc(rule(cidr="::/0")))


def test_an_interface_owns_its_addresses_only_while_it_is_checked() -> None:
    port = vpc().ports[0].name
    assert f'"{port}" . 10.0.0.10' in vpc_rules(vpc())
    assert f'"{port}" . 10.0.0.10' not in vpc_rules(vpc(checked=False))


def test_translation_maps_both_ways() -> None:
    text = gateway_rules(vpc())
    assert "10.0.0.130 : 203.0.113.1" in text
    assert "203.0.113.1 : 10.0.0.130" in text


@pytest.mark.parametrize("gateway", [True, False])
@pytest.mark.parametrize("rules", [(), FULL])
def test_the_kernel_takes_the_rules_again_and_again(rules: tuple[CloudRule, ...], gateway: bool) -> None:
    """Loading the same file a second time neither fails nor doubles anything."""
    made = vpc(*rules, gateway=gateway)
    for text in (vpc_rules(made), gateway_rules(made)):
        script = f"nft -f - <<'E'\n{text}E\nnft -f - <<'E'\n{text}E\nnft list table ip lab"
        done = subprocess.run(["unshare", "--net", "sh", "-ec", script], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("hook prerouting") == 1
