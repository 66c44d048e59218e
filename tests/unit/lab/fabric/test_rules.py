"""The nft rules: what each security group rule becomes."""

from __future__ import annotations

import pytest

from edgewrap.lab.cloud import CloudRule
from edgewrap.lab.fabric.rules import gateway_rules, vpc_rules
from tests.support.snapshots import rule, vpc


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
def test_nft_rules_of_a_security_group_rule(given: CloudRule, expected: str) -> None:
    assert f"add rule ip lab {expected}" in vpc_rules(vpc(given)).splitlines()


def test_ipv6_rules_are_left_out() -> None:
    assert "::" not in vpc_rules(vpc(rule(cidr="::/0")))


def test_interfaces_with_source_destination_check_own_their_addresses_only() -> None:
    port = vpc().ports[0].name
    assert f'"{port}" . 10.0.0.10' in vpc_rules(vpc())
    assert f'"{port}" . 10.0.0.10' not in vpc_rules(vpc(checked=False))


def test_translation_maps_both_ways() -> None:
    text = gateway_rules(vpc())
    assert "10.0.0.130 : 203.0.113.1" in text
    assert "203.0.113.1 : 10.0.0.130" in text
