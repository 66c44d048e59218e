"""A first apply in a region whose first zone has no capacity, by the real terraform on the lab's AWS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from edgewrap.aws.plane import AwsPlane
from edgewrap.aws.render.module import render
from edgewrap.aws.terraform.resources import INSTANCE
from edgewrap.errors import TerraformError
from edgewrap.events import Event
from edgewrap.lab.aws.client import LabAwsClient
from edgewrap.lab.aws.limits import Shortage
from edgewrap.outputs import Outputs
from tests.support.lab import provider_mirror

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

A, B, C = "eu-west-3a", "eu-west-3b", "eu-west-3c"


@pytest.fixture(autouse=True)
def no_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider tries RunInstances ten times, which takes most of a minute."""

    def rendered(*arguments: Any, **named: Any) -> dict[str, str]:
        files = dict(render(*arguments, **named))
        assert "max_retries = 10" in files["main.tf"]
        return files | {"main.tf": files["main.tf"].replace("max_retries = 10", "max_retries = 4")}

    monkeypatch.setattr("edgewrap.aws.planner.render", rendered)


@pytest.fixture
def missing(aws: LabAwsClient) -> Iterator[Any]:
    """Sets the zones without capacity."""
    yield lambda *zones: aws.set_missing_capacity(*(Shortage(zone=zone) for zone in zones))
    aws.set_missing_capacity()


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def plane(make_cluster: Any, events: list[Event], request: pytest.FixtureRequest) -> AwsPlane:
    cluster = make_cluster(request.function.__name__)
    spec = cluster.spec(hosts={"count": 2}, public_network={"elastic_ips": {"count": 2}, "groups": 2})
    return AwsPlane(spec, cluster.directory / "work", events.append, plugin_dir=provider_mirror())


def of_zones(events: list[Event]) -> list[str]:
    return [event.text for event in events if event.key == "zone"]


def addresses(ec2: EC2Client, uuid: str) -> list[str]:
    ours: Any = [{"Name": "tag:edgewrap:uuid", "Values": [uuid]}]
    return sorted(one["AllocationId"] for one in ec2.describe_addresses(Filters=ours)["Addresses"])


def assert_all_in(zone: str, outputs: Outputs, ec2: EC2Client) -> None:
    """AWS has this of the cluster, and nothing in another zone."""
    ours: Any = [{"Name": "tag:edgewrap:uuid", "Values": [outputs.uuid]}]
    inside: Any = [{"Name": "vpc-id", "Values": [outputs.vpc_id]}]
    [subnet] = ec2.describe_subnets(Filters=inside)["Subnets"]
    assert (subnet["SubnetId"], subnet["AvailabilityZone"], outputs.zone) == (outputs.subnet_id, zone, zone)
    groups = ec2.describe_network_interfaces(Filters=ours)["NetworkInterfaces"]
    assert {one["NetworkInterfaceId"] for one in groups} == {group.interface_id for group in outputs.groups.values()}
    assert [len(one["PrivateIpAddresses"]) for one in groups] == [50, 50]
    interfaces = ec2.describe_network_interfaces(Filters=inside)["NetworkInterfaces"]
    assert len(interfaces) == len(groups) + len(outputs.hosts) == 4
    assert [one["AvailabilityZone"] for one in ec2.describe_volumes(Filters=ours)["Volumes"]] == [zone, zone]
    assert len(ec2.describe_route_tables(Filters=ours)["RouteTables"]) == 1
    assert addresses(ec2, outputs.uuid) == sorted(eip.allocation_id for eip in outputs.eips.values())


def test_a_first_apply_continues_in_the_next_zone_and_leaves_nothing_behind(
    plane: AwsPlane, missing: Any, ec2: EC2Client, events: list[Event]
) -> None:
    plan = plane.plan(plane.current())
    assert plan.inputs.foundation.zone == A
    missing(A)
    outputs = plane.apply(plan)
    assert outputs is not None
    assert of_zones(events) == [
        f"AWS has no capacity for c5.metal in {A} now: there is no instance yet, so the run continues in {B}"
    ]
    assert_all_in(B, outputs, ec2)
    assert plane.plan(plane.current()).pending is False


@pytest.mark.full
def test_if_no_zone_has_capacity_the_next_run_resumes(
    plane: AwsPlane, missing: Any, ec2: EC2Client, events: list[Event]
) -> None:
    missing(A, B, C)
    with pytest.raises(TerraformError, match="InsufficientInstanceCapacity"):
        plane.apply(plane.plan(plane.current()))
    assert [text.rpartition(" ")[2] for text in of_zones(events)] == [B, C]
    state = plane.current()
    assert state is not None
    assert not any(address.startswith(INSTANCE.block) for address in state.addresses)
    allocated = addresses(ec2, state.inputs.uuid)
    assert len(allocated) == 2

    missing(A, C)  # the next run begins in the last zone
    events.clear()
    outputs = plane.apply(plane.plan(plane.current()))
    assert outputs is not None
    assert [text.rpartition(" ")[2] for text in of_zones(events)] == [A, B]
    assert_all_in(B, outputs, ec2)
    assert addresses(ec2, outputs.uuid) == allocated


@pytest.mark.full
def test_a_cluster_with_a_host_stays_in_its_zone(make_cluster: Any, missing: Any, events: list[Event]) -> None:
    cluster = make_cluster("bound")
    network = {"elastic_ips": {"count": 1}, "groups": 1}
    cluster.apply(cluster.spec(hosts={"count": 1}, public_network=network))
    spec = cluster.spec(hosts={"count": 2}, public_network=network)
    grown = AwsPlane(spec, cluster.directory / "work", events.append, plugin_dir=provider_mirror())
    plan = grown.plan(grown.current())
    missing(A)
    with pytest.raises(TerraformError, match="InsufficientInstanceCapacity"):
        grown.apply(plan)
    assert of_zones(events) == []
