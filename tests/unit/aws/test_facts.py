"""The state, and what AWS says of its instances now."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgewrap.aws.facts import AwsState
from edgewrap.aws.inputs.lookups import InstanceNow
from edgewrap.outputs import EipOutput, GroupOutput, HostOutput, Outputs
from tests.support.aws_plane import first_inputs, make_spec

HOST = HostOutput("host-0", 0, "i-0", "10.0.0.10", "", "10.0.0.10", "running")
GROUP = GroupOutput("group-0", 0, "eni-0", "mac", "10.0.128.0", "10.0.128.0/25", "host-0", 1)
EIP = EipOutput("eip-0", "eipalloc-0", "203.0.113.1", "10.0.128.2", "10.0.128.3", "group-0")
OUTPUTS = replace(
    Outputs("", "", "", "", "", "", ""), hosts={"host-0": HOST}, groups={"group-0": GROUP}, eips={"eip-0": EIP}
)


@pytest.mark.parametrize(
    ("outputs", "addresses", "unassigned"),
    [
        pytest.param(OUTPUTS, {"10.0.0.10", "10.0.128.0", "10.0.128.2"}, set(), id="all there"),
        pytest.param(OUTPUTS, {"10.0.0.10", "10.0.128.0", "10.0.128.4"}, {"10.0.128.2"}, id="one is lost"),
        pytest.param(OUTPUTS, {"10.0.0.10"}, set(), id="the interface is detached"),
        pytest.param(OUTPUTS, set(), set(), id="terminated"),
        pytest.param(replace(OUTPUTS, groups={}), {"10.0.0.10"}, set(), id="a run died before the groups"),
        pytest.param(
            replace(OUTPUTS, groups={"group-0": replace(GROUP, host="host-9")}), {"10.0.0.10"}, set(), id="no host"
        ),
    ],
)
def test_private_addresses_that_an_interface_has_lost(
    outputs: Outputs, addresses: set[str], unassigned: set[str]
) -> None:
    state = AwsState(outputs, first_inputs(make_spec()), "")
    assert state.with_instances({"i-0": InstanceNow("running", "", frozenset(addresses))}).unassigned == unassigned
