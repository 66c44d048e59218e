"""When a cluster without instances may take another zone, and which."""

from __future__ import annotations

from typing import Any

import pytest

from edgewrap.aws.facts import AwsState
from edgewrap.aws.outputs import read_outputs
from edgewrap.aws.terraform.resources import INSTANCE, SUBNET
from edgewrap.aws.zone_fallback import in_zone, may_change_zone, next_zone, only_capacity_is_missing
from edgewrap.errors import AwsError, Diagnostic, EdgewrapError, TerraformError
from tests.support.aws_plane import first_inputs, make_spec

CAPACITY = Diagnostic(
    "error", "creating EC2 Instance: api error InsufficientInstanceCapacity: We currently do not have"
)
HOSTS = Diagnostic("error", "creating EC2 Instance", "api error InsufficientHostCapacity: no host has capacity")
QUOTA = Diagnostic("error", "creating EC2 EIP: api error AddressLimitExceeded: too many")
WARNING = Diagnostic("warning", "a deprecated argument")


def failed(*diagnostics: Diagnostic) -> TerraformError:
    return TerraformError("terraform apply failed", cause="", advice="", diagnostics=diagnostics)


@pytest.mark.parametrize(
    ("error", "only"),
    [
        (failed(CAPACITY), True),
        (failed(CAPACITY, HOSTS, WARNING), True),
        (failed(CAPACITY, QUOTA), False),
        (failed(WARNING), False),
        (failed(), False),
        (AwsError("api error InsufficientInstanceCapacity", cause="", advice=""), False),
    ],
)
def test_only_missing_capacity_leads_to_another_zone(error: EdgewrapError, only: bool) -> None:
    assert only_capacity_is_missing(error) is only


@pytest.mark.parametrize(
    ("aws", "addresses", "may"),
    [
        ({}, {SUBNET.address()}, True),
        ({}, {SUBNET.address(), INSTANCE.address("host-1")}, False),
        ({"zone": "eu-west-3a"}, {SUBNET.address()}, False),
    ],
    ids=["no instance", "an instance", "the zone is the user's choice"],
)
def test_a_zone_changes_while_nothing_depends_on_it(aws: dict[str, Any], addresses: set[str], may: bool) -> None:
    inputs = first_inputs(make_spec())
    state = AwsState(read_outputs({}, inputs), inputs, "", frozenset(addresses))
    assert may_change_zone(make_spec(aws=aws), state) is may
    assert may_change_zone(make_spec(aws=aws), None) is False
    assert in_zone(state, "eu-west-3c").inputs.foundation.zone == "eu-west-3c"


def test_each_zone_is_tried_once() -> None:
    zones = ("a", "b", "c")
    assert [next_zone(zones, tried) for tried in (("a",), ("a", "b"), ("c",), zones)] == ["b", "c", "a", ""]
