"""The hosts after the step of the moves: one whose terminated instance is not replaced yet is still a peer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgewrap.engine.apply import with_coming_hosts
from edgewrap.hosts.desired import desired_hosts
from edgewrap.outputs import UNKNOWN, HostOutput, Outputs
from tests.support.aws_plane import make_spec


def host(index: int, instance: str, public: str) -> HostOutput:
    return HostOutput(f"host-{index}", index, instance, f"10.0.0.{10 + index}", public, public, "running")


@pytest.mark.parametrize("public", [UNKNOWN, "203.0.113.7"], ids=["an address of the subnet", "an Elastic IP"])
def test_a_host_that_is_not_replaced_yet_stays_a_neighbour(public: str) -> None:
    there = host(1, "i-1", "203.0.113.6")
    now = Outputs("", "", "", "", "10.0.0.0/16", "", "10.0.0.0/16", {"host-1": there})
    planned = replace(now, hosts={"host-0": host(0, UNKNOWN, public), "host-1": there})
    between, after = (desired_hosts(make_spec(), one)("host-1") for one in (with_coming_hosts(now, planned), planned))
    assert between.bgp == after.bgp
    assert [neighbour.address for neighbour in between.bgp.neighbours] == ["10.0.0.10"]
    assert list(with_coming_hosts(now, planned).hosts) == ["host-0", "host-1"]
    assert UNKNOWN not in str(between)
