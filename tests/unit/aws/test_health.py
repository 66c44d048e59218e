"""What AWS knows of instances that does not work."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgewrap.aws.health import health_findings
from edgewrap.outputs import EipOutput, GroupOutput, HostOutput, Outputs


def host(index: int, address: str = "", state: str = "running") -> HostOutput:
    name = address or f"10.0.0.1{index}"
    return HostOutput(f"host-{index}", index, f"i-{index}", f"10.0.0.1{index}", address, name, state)


def outputs(*hosts: HostOutput, group_on: str = "host-0") -> Outputs:
    group = GroupOutput("group-0", 0, "eni", "mac", "", "", group_on, 1)
    return Outputs("", "", "", "", "", "", "", {one.key: one for one in hosts}, {"group-0": group})


LOST, FINE = host(0), host(1, "198.51.100.2")
AGAIN = "stop and start the instance in EC2, then run `edgewrap apply`; or set `hosts.address: eip`"


@pytest.mark.parametrize(
    ("now", "advice"),
    [
        (outputs(LOST, FINE), f"run `edgewrap apply --move-off host-0`, {AGAIN}"),
        (outputs(LOST, FINE, group_on="host-1"), AGAIN),
        (outputs(LOST), "set `hosts.address: eip`"),
        (outputs(LOST, replace(FINE, state="stopped")), "set `hosts.address: eip`"),
    ],
    ids=["it has a group", "its groups have moved off", "the only host", "the only one that runs"],
)
def test_a_lost_public_address(now: Outputs, advice: str) -> None:
    [found] = health_findings(now, "public", {})
    assert found.check == "host-0"
    assert "has no public address" in found.text
    assert found.advice.startswith(advice)


@pytest.mark.parametrize(
    ("now", "address"),
    [(outputs(LOST, FINE), "private"), (outputs(host(0, state="stopped"), FINE), "public"), (outputs(FINE), "public")],
    ids=["no host has one", "it does not run", "it has one"],
)
def test_no_false_alarm(now: Outputs, address: str) -> None:
    assert health_findings(now, address, {"i-1": ()}) == ()


def test_private_addresses_that_an_interface_has_lost() -> None:
    eips = {
        key: EipOutput(key, "eipalloc", "203.0.113.1", f"10.0.128.{number}", "", "group-0")
        for key, number in (("eip-0", 2), ("eip-1", 4), ("eip-2", 6))
    }
    now = replace(outputs(FINE), eips=eips, region="eu-west-3")
    [found] = health_findings(now, "public", {}, {"10.0.128.2", "10.0.128.6", "10.0.128.8"})
    assert found.check == "group-0"
    assert found.text.startswith(
        "its interface eni no longer has 10.0.128.2 10.0.128.6: eip-0 eip-2 cannot be associated"
    )
    assert "--region eu-west-3 --network-interface-id eni --private-ip-addresses 10.0.128.2 10.0.128.6`" in found.advice


def test_failing_status_checks() -> None:
    [found] = health_findings(outputs(host(0, "198.51.100.1"), FINE), "public", {"i-1": ("system", "instance")})
    assert (found.check, found.text) == ("host-1", "EC2's system and instance status check of its instance i-1 fails")
    assert "`edgewrap replace host-1`" in found.advice
