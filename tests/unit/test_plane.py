"""All three planes have one interface."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from edgewrap.aws.plane import AwsPlan, AwsPlane, AwsState
from edgewrap.hosts.plane import HostsPlan, HostsPlane, Observation
from edgewrap.opennebula.plane import OneFacts, OpenNebulaPlan, OpenNebulaPlane
from edgewrap.outputs import Outputs
from edgewrap.plane import Plane

METHODS = [name for name in vars(Plane) if not name.startswith("_")]


def their_types(aws: AwsPlane, hosts: HostsPlane, one: OpenNebulaPlane) -> tuple[object, ...]:
    """Checked by mypy."""
    as_aws: Plane[AwsState | None, AwsPlan, Outputs | None] = aws
    as_hosts: Plane[Observation, HostsPlan, Observation] = hosts
    as_one: Plane[OneFacts, OpenNebulaPlan, None] = one
    return as_aws, as_hosts, as_one


@pytest.mark.parametrize("plane", [AwsPlane, HostsPlane, OpenNebulaPlane])
@pytest.mark.parametrize("method", METHODS)
def test_the_order_of_arguments_is_the_same(plane: type[Any], method: str) -> None:
    expected = [name for name in inspect.signature(getattr(Plane, method)).parameters if name != "self"]
    found = [name.lstrip("_") for name in inspect.signature(getattr(plane, method)).parameters if name != "self"]
    assert found == expected


def test_there_are_five() -> None:
    assert METHODS == ["observe", "plan", "apply", "destroy", "preflight"]
