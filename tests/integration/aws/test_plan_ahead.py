"""Terraform plans while the other planes are read, and its plan is used only if it is the one that the run needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from edgewrap.change import Action
from edgewrap.plane import Context

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

NETWORK = {"elastic_ips": {"count": 1}, "groups": 1}


@pytest.mark.full
def test_a_plan_made_ahead_is_used_if_it_is_the_one_that_is_needed(make_cluster: Any, ec2: EC2Client) -> None:
    cluster = make_cluster("ahead")
    spec = cluster.spec(hosts={"count": 2}, public_network=NETWORK)
    new = cluster.plane(spec)
    new.plan_ahead(new.current)
    assert cluster.commands() == [], "nothing is applied yet"
    _, outputs = cluster.apply(spec)
    cluster.commands()

    plane = cluster.plane(spec)
    plane.plan_ahead(plane.current)
    assert not plane.plan(plane.observe()).pending
    assert cluster.commands() == ["version", "plan"]

    changed = cluster.plane(cluster.spec(hosts={"count": 2, "root_volume_gb": 600}, public_network=NETWORK))
    changed.plan_ahead(changed.current)
    assert cluster.commands() == [], "the spec is not the one that was applied"
    assert changed.plan(changed.observe()).pending
    cluster.commands()

    moving = cluster.plane(spec)
    moving.plan_ahead(moving.current)
    entry = outputs.groups["group-0"].host
    moved = moving.plan(moving.observe(), Context(avoid=frozenset({entry})))
    assert "network interface attachment" in {change.kind for change in moved.changes}
    assert cluster.commands() == ["version", "plan", "plan"]

    [address] = ec2.describe_addresses(AllocationIds=[outputs.eips["eip-0"].allocation_id])["Addresses"]
    ec2.disassociate_address(AssociationId=address["AssociationId"])
    drifted = cluster.plane(spec)
    drifted.plan_ahead(drifted.current)
    [change] = drifted.plan(drifted.observe()).changes
    assert change.action is Action.CREATE
    assert cluster.commands() == ["version", "plan"]
