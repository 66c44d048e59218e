"""Interface groups that move, by the real terraform on the lab's AWS: in the right order, and nothing else moves.

The tests are in the order of a cluster's life; each starts from what the one before left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from edgewrap.aws.facts import AwsState
from edgewrap.aws.planner import AwsPlan
from edgewrap.errors import TerraformError
from edgewrap.lab.aws.client import LabAwsClient
from edgewrap.outputs import Outputs
from tests.support.lab_cloud import wait_until

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

ATTACHMENT = "network interface attachment"
LOSING = ("Disassociate", "Release", "Unassign", "DeleteNetworkInterface")


@pytest.fixture(scope="module")
def cluster(make_cluster: Any) -> Any:
    return make_cluster("moves")


@pytest.fixture(scope="module")
def spec(cluster: Any) -> Any:
    hosts = {"count": 3, "address": "public"}
    return cluster.spec(hosts=hosts, public_network={"elastic_ips": {"count": 2}, "groups": 2})


@pytest.fixture(scope="module")
def first(cluster: Any, spec: Any) -> Outputs:
    _, outputs = cluster.apply(spec)
    assert isinstance(outputs, Outputs)
    return outputs


def changing(aws: LabAwsClient, after: int) -> list[str]:
    """The calls since then that changed something; none of them may cost an Elastic IP its place."""
    actions = [call.action for call in aws.calls(after) if not call.action.startswith(("Describe", "Get"))]
    assert not [action for action in actions if action.startswith(LOSING)]
    return actions


def words(plan: AwsPlan) -> set[str]:
    return {f"{change.action} {change.kind} {change.key}: {change.why}" for change in plan.changes}


def observed(cluster: Any, spec: Any) -> tuple[Any, AwsState]:
    plane = cluster.plane(spec)
    state = plane.observe()
    assert state is not None
    return plane, state


def entries(state: AwsState | Outputs) -> dict[str, str]:
    outputs = state.outputs if isinstance(state, AwsState) else state
    return {key: group.host for key, group in outputs.groups.items()}


@pytest.mark.full
def test_the_group_of_a_stopped_host_moves_in_one_apply(
    cluster: Any, spec: Any, first: Outputs, aws: LabAwsClient, ec2: EC2Client
) -> None:
    assert entries(first) == {"group-0": "host-0", "group-1": "host-1"}
    aws.set_instance_state(first.hosts["host-1"].instance_id, "stopped")
    before = aws.calls()[-1].serial
    plane, state = observed(cluster, spec)
    assert (state.outputs.hosts["host-1"].state, state.outputs.hosts["host-1"].public_address) == ("stopped", "")
    plan = plane.plan(state)
    assert plan.moves_ahead == ()
    assert f"replace {ATTACHMENT} group-1: host-1 is stopped" in words(plan)
    outputs = plane.apply(plan)
    assert entries(outputs) == {"group-0": "host-0", "group-1": "host-2"}
    assert sorted(changing(aws, before)) == [
        "AttachNetworkInterface",
        "DetachNetworkInterface",
        "ModifySecurityGroupRules",
    ]
    interface = first.groups["group-1"].interface_id
    [shown] = ec2.describe_network_interfaces(NetworkInterfaceIds=[interface])["NetworkInterfaces"]
    assert shown["Attachment"]["InstanceId"] == first.hosts["host-2"].instance_id
    again, state = observed(cluster, spec)
    assert again.plan(state).pending is False


@pytest.mark.full
def test_the_group_of_a_terminated_host_moves_though_no_instance_can_be_launched(
    cluster: Any, spec: Any, first: Outputs, aws: LabAwsClient, ec2: EC2Client
) -> None:
    aws.set_instance_state(first.hosts["host-1"].instance_id, "running")
    interface = first.groups["group-1"].interface_id
    [shown] = ec2.describe_network_interfaces(NetworkInterfaceIds=[interface])["NetworkInterfaces"]
    attachment: Any = [{"Name": "attachment.attachment-id", "Values": [shown["Attachment"]["AttachmentId"]]}]
    aws.set_instance_state(first.hosts["host-2"].instance_id, "terminated")
    # for some seconds AWS still shows it, and Terraform would replace it instead of creating it
    wait_until(lambda: not ec2.describe_network_interfaces(Filters=attachment)["NetworkInterfaces"])
    before = aws.calls()[-1].serial
    plane, state = observed(cluster, spec)
    plan = plane.plan(state)
    assert plan.moves_ahead == ("group-1",)
    assert {
        "create instance host-2: deleted outside",
        f"create {ATTACHMENT} group-1: host-2 is terminated",
    } <= words(plan)

    state = plane.move(state, plan)
    assert entries(state) == {"group-0": "host-0", "group-1": "host-1"}
    assert set(state.outputs.hosts) == {"host-0", "host-1"}
    assert set(changing(aws, before)) == {"AttachNetworkInterface", "ModifySecurityGroupRules"}

    vcpus = aws.quotas().standard_vcpus
    aws.set_quotas(standard_vcpus=0)
    with pytest.raises(TerraformError, match="VcpuLimitExceeded"):
        plane.apply(plane.replan_after_moves(state, plan))
    aws.set_quotas(standard_vcpus=vcpus)

    plane, state = observed(cluster, spec)  # the next run resumes
    plan = plane.plan(state)
    assert plan.moves_ahead == ()
    outputs = plane.apply(plan)
    assert entries(outputs) == {"group-0": "host-0", "group-1": "host-1"}
    assert outputs.hosts["host-2"].instance_id != first.hosts["host-2"].instance_id
    assert outputs.eips == first.eips
    changing(aws, before)
