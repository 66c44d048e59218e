"""The kernel accepts the nft rules of the fabric."""

from __future__ import annotations

import subprocess

import pytest

from edgewrap.lab.cloud import CloudRule
from edgewrap.lab.fabric.rules import gateway_rules, vpc_rules
from tests.support.snapshots import rule, vpc

EVERY_KIND = (
    rule(),
    rule(direction="egress"),
    rule(protocol="tcp", from_port=22, to_port=22, cidr="192.0.2.7/32"),
    rule(protocol="udp", from_port=4789, to_port=4790, cidr="", peer_group="sg-hosts"),
    rule(protocol="icmp", from_port=8, to_port=0),
    rule(cidr="::/0"),
)


@pytest.mark.parametrize("gateway", [True, False])
@pytest.mark.parametrize("rules", [(), EVERY_KIND])
def test_the_kernel_accepts_the_rules_twice(rules: tuple[CloudRule, ...], gateway: bool) -> None:
    """Loading the same file a second time neither fails nor doubles anything."""
    made = vpc(*rules, gateway=gateway)
    for text in (vpc_rules(made), gateway_rules(made)):
        script = f"nft -f - <<'E'\n{text}E\nnft -f - <<'E'\n{text}E\nnft list table ip lab"
        done = subprocess.run(["unshare", "--net", "sh", "-ec", script], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("hook prerouting") == 1
