"""Settings of instances, by the real terraform on the lab's AWS: tags at launch, termination protection, clusters of an
earlier edgewrap.

The tests are in the order of a cluster's life; each starts from what the one before left.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from edgewrap.aws.render.module import render
from edgewrap.change import Action
from edgewrap.lab.aws.client import LabAwsClient
from edgewrap.outputs import Outputs
from edgewrap.plane import Context

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

FOREIGN: Any = [{"ResourceType": "volume", "Tags": [{"Key": "Name", "Value": "somebody's"}]}]
MAIN = "modules/hosts/main.tf"
VOLUME_TAGS = re.compile(r"\n  volume_tags = (merge\(.*?\n  \}\))", re.DOTALL)
LATER = re.compile(
    r"\n  (placement_group|tenancy|disable_api_termination) .*|\n +volume_tags, root_block_device\[0\]\.tags,"
)


@pytest.fixture(scope="module")
def cluster(make_cluster: Any) -> Any:
    return make_cluster("instances")


def spec_of(cluster: Any, *, protect: bool = False, tags: Any = (), **hosts: Any) -> Any:
    network = {"elastic_ips": {"count": 1}, "groups": 1}
    return cluster.spec(protect=protect, aws={"tags": dict(tags)}, hosts={"count": 2, **hosts}, public_network=network)


@pytest.fixture(scope="module")
def first(cluster: Any) -> Outputs:
    """A cluster of an edgewrap that set the volumes' tags after the launch, and knew none of the other settings."""

    def rendered(*arguments: Any, **named: Any) -> dict[str, str]:
        files = dict(render(*arguments, **named))
        tags = VOLUME_TAGS.search(files[MAIN])
        assert tags is not None
        earlier = LATER.sub("", VOLUME_TAGS.sub("", files[MAIN]))
        inside = "delete_on_termination = true\n"
        return files | {MAIN: earlier.replace(inside, f"{inside}    tags = {tags[1]}\n")}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("edgewrap.aws.planner.render", rendered)
        _, outputs = cluster.apply(spec_of(cluster))
    assert isinstance(outputs, Outputs)
    return outputs


def protected(ec2: EC2Client, outputs: Outputs) -> list[bool]:
    answers = (
        ec2.describe_instance_attribute(InstanceId=host.instance_id, Attribute="disableApiTermination")
        for host in outputs.hosts.values()
    )
    return [answer["DisableApiTermination"]["Value"] for answer in answers]


def volume_tags(ec2: EC2Client, outputs: Outputs) -> list[Any]:
    ours: Any = [{"Name": "tag:edgewrap:uuid", "Values": [outputs.uuid]}]
    volumes = ec2.describe_volumes(Filters=ours)["Volumes"]
    return sorted(sorted((tag["Key"], tag["Value"]) for tag in volume["Tags"]) for volume in volumes)


def test_a_cluster_of_an_earlier_edgewrap_has_nothing_to_do(cluster: Any, first: Outputs) -> None:
    assert cluster.plan(spec_of(cluster)).changes == ()


def test_tags_change_on_root_volumes_and_on_no_others(cluster: Any, first: Outputs, ec2: EC2Client) -> None:
    zone, before = first.zone, volume_tags(ec2, first)
    foreign = ec2.create_volume(AvailabilityZone=zone, Size=8, TagSpecifications=FOREIGN)["VolumeId"]
    ec2.attach_volume(Device="/dev/sdf", InstanceId=first.hosts["host-0"].instance_id, VolumeId=foreign)
    assert len(before) == 2
    for tags in ({"team": "edge", "url": "a.b"}, dict[str, str]()):
        cluster.apply(spec_of(cluster, tags=tags))
        assert volume_tags(ec2, first) == [sorted([*kept, *tags.items()]) for kept in before]
    [volume] = ec2.describe_volumes(VolumeIds=[foreign])["Volumes"]
    assert volume["Tags"] == FOREIGN[0]["Tags"]
    ec2.detach_volume(VolumeId=foreign, InstanceId=first.hosts["host-0"].instance_id)
    ec2.delete_volume(VolumeId=foreign)


@pytest.mark.full
def test_a_host_is_replaced_and_another_retired_though_the_cluster_is_protected(
    cluster: Any, first: Outputs, ec2: EC2Client, aws: LabAwsClient
) -> None:
    """What is protected is terminated, and what is new is tagged and protected from the launch on. The step of the
    moves also protects the host that is replaced after it."""
    hosts = {"placement_group": "near", "tenancy": "dedicated", "capacity_reservation": "none"}
    spec = spec_of(cluster, protect=True, **hosts)
    plane = cluster.plane(spec)
    state = plane.observe()
    assert state is not None
    before = aws.calls()[-1].serial
    plan = plane.plan(state, Context(replaced=frozenset({"host-0"})))
    assert [(change.action, change.key) for change in plan.changes if change.kind == "instance"] == [
        (Action.REPLACE, "host-0"),
        (Action.UPDATE, "host-1"),
    ]
    assert plan.moves_ahead == ("group-0",)
    state = plane.move(state, plan)
    assert protected(ec2, state.outputs) == [True, True]
    outputs = plane.apply(plane.replan_after_moves(state, plan))
    assert outputs is not None
    calls = [call for call in aws.calls(before) if not call.reads]
    [launch] = [call for call in calls if call.action == "RunInstances"]
    kinds = {value for name, value in launch.parameters.items() if name.endswith("ResourceType")}
    assert kinds == {"instance", "volume"}
    [instance] = ec2.describe_instances(InstanceIds=[outputs.hosts["host-0"].instance_id])["Reservations"][0][
        "Instances"
    ]
    assert (instance["Placement"]["GroupName"], instance["Placement"]["Tenancy"]) == ("near", "dedicated")
    assert instance["CapacityReservationSpecification"]["CapacityReservationPreference"] == "none"
    assert protected(ec2, outputs) == [True, True]
    assert cluster.plan(spec).pending is False

    retired = spec_of(cluster, protect=True, count=1, retired=[1])
    plan, outputs = cluster.apply(retired)
    assert list(outputs.hosts) == ["host-0"]
    assert cluster.plan(retired).pending is False
