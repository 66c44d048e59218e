"""The volumes of hosts, by the real terraform on the lab's AWS: made, enlarged, replaced and deleted with their hosts.

The tests are in the order of a cluster's life; each starts from what the one before left. The provider waits at least
10 seconds for each volume, attachment and change: only the plan is quick.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from edgewrap.aws.clients import Clients
from edgewrap.aws.render.variables import make_variables
from edgewrap.aws.state.untracked import find_untracked
from edgewrap.aws.terraform.resources import DATASTORE, DATASTORE_ATTACHMENT, importable_addresses
from edgewrap.errors import RefusedChangeError
from edgewrap.outputs import UNKNOWN, Outputs
from edgewrap.plane import Context

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

VOLUME = {"gb": 20, "iops": 3500, "throughput": 200}
SMALL = {"elastic_ips": {"count": 0}, "groups": 1}


@pytest.fixture(scope="module")
def cluster(make_cluster: Any) -> Any:
    return make_cluster("volumes")


def spec_of(cluster: Any, **hosts: Any) -> Any:
    return cluster.spec(hosts={"count": 2, "root_volume_gb": 16, **hosts}, public_network=SMALL)


@pytest.fixture(scope="module")
def outputs(cluster: Any) -> Outputs:
    """Hosts of an edgewrap that knew root volumes only: host 0; host 1 has a volume for its datastores."""
    cluster.apply(spec_of(cluster, count=1))
    plan, outputs = cluster.apply(spec_of(cluster, datastore_volume=VOLUME))
    assert plan.predicted.hosts["host-1"].datastores == UNKNOWN
    assert (plan.predicted.hosts["host-1"].datastores_gb, plan.predicted.hosts["host-1"].root_gb) == (20, 16)
    volumes = {(change.kind, change.key, str(change.action)) for change in plan.changes if "volume" in change.kind}
    assert volumes == {("volume", "host-1", "create"), ("volume attachment", "host-1", "create")}
    assert isinstance(outputs, Outputs)
    return outputs


def volume_of(ec2: EC2Client, volume: str) -> dict[str, Any]:
    [found] = ec2.describe_volumes(VolumeIds=[volume])["Volumes"]
    return dict(found)


def root_volume(ec2: EC2Client, instance: str) -> dict[str, Any]:
    attached: Any = [{"Name": "attachment.instance-id", "Values": [instance]}]
    volumes = ec2.describe_volumes(Filters=attached)["Volumes"]
    [found] = [one for one in volumes if one["Attachments"][0]["Device"] == "/dev/sda1"]
    return dict(found)


def speed(volume: dict[str, Any]) -> tuple[int, ...]:
    return volume["Size"], volume["Iops"], volume["Throughput"]


def test_a_volume_is_planned_with_its_host(make_cluster: Any) -> None:
    cluster = make_cluster("planned")
    plan = cluster.plan(spec_of(cluster, datastore_volume=VOLUME))
    made = {(change.kind, change.key) for change in plan.changes if "volume" in change.kind}
    assert made == {(kind, f"host-{index}") for kind in ("volume", "volume attachment") for index in (0, 1)}
    host = plan.predicted.hosts["host-1"]
    assert (host.datastores, host.datastores_gb, host.root_gb) == (UNKNOWN, 20, 16)
    [volume] = [change for change in plan.changes if (change.kind, change.key) == ("volume", "host-1")]
    assert volume.after == {"size": "20", "iops": "3500", "throughput": "200"}


@pytest.mark.full
def test_only_new_hosts_have_a_volume_for_their_datastores(outputs: Outputs, ec2: EC2Client) -> None:
    hosts = outputs.hosts
    assert (hosts["host-0"].datastores, hosts["host-0"].root_gb) == ("root", 16)
    volume = volume_of(ec2, hosts["host-1"].datastores)
    assert speed(volume) == (20, 3500, 200)
    assert volume["Encrypted"]
    assert [(one["Device"], one["InstanceId"]) for one in volume["Attachments"]] == [
        ("/dev/sdf", hosts["host-1"].instance_id)
    ]
    assert speed(root_volume(ec2, hosts["host-0"].instance_id)) == (16, 3000, 125)


@pytest.mark.full
def test_a_second_run_has_nothing_to_do(cluster: Any, outputs: Outputs) -> None:
    plan, after = cluster.apply(spec_of(cluster, datastore_volume=VOLUME))
    assert (plan.changes, plan.pending) == ((), False)
    assert after == outputs


@pytest.mark.full
def test_a_killed_run_finds_the_volume_by_its_tags(cluster: Any, outputs: Outputs) -> None:
    spec = spec_of(cluster, datastore_volume=VOLUME)
    state = cluster.plane(spec).current()
    wanted = importable_addresses(make_variables(spec, state.inputs, ""), "public")
    found = find_untracked(Clients(spec, os.environ), outputs.uuid, wanted).imports
    volume, instance = outputs.hosts["host-1"].datastores, outputs.hosts["host-1"].instance_id
    assert found[DATASTORE.address("host-1")] == volume
    assert found[DATASTORE_ATTACHMENT.address("host-1")] == f"/dev/sdf:{volume}:{instance}"


@pytest.mark.full
def test_all_fields_of_a_volume_change_at_once(cluster: Any, outputs: Outputs, ec2: EC2Client) -> None:
    """AWS allows one change in 6 hours, and so does the lab's AWS: two calls would fail."""
    larger = {"gb": 30, "iops": 4000, "throughput": 300}
    spec = spec_of(
        cluster, root_volume_gb=17, root_volume_iops=5000, root_volume_throughput=250, datastore_volume=larger
    )
    plan, after = cluster.apply(spec)
    assert {(change.kind, change.key, str(change.action)) for change in plan.changes} == {
        ("instance", "host-0", "update"),
        ("instance", "host-1", "update"),
        ("volume", "host-1", "update"),
    }
    assert (plan.predicted.hosts["host-1"].datastores_gb, plan.predicted.hosts["host-1"].root_gb) == (30, 17)
    assert speed(root_volume(ec2, outputs.hosts["host-0"].instance_id)) == (17, 5000, 250)
    assert speed(volume_of(ec2, outputs.hosts["host-1"].datastores)) == (30, 4000, 300)
    assert after.hosts["host-1"].instance_id == outputs.hosts["host-1"].instance_id
    assert cluster.plan(spec).changes == ()


LIVING = {"root_volume_gb": 17, "root_volume_iops": 5000, "root_volume_throughput": 250}


@pytest.mark.full
def test_a_smaller_volume_is_refused(cluster: Any, outputs: Outputs) -> None:
    smaller = spec_of(cluster, **LIVING, datastore_volume={**VOLUME, "gb": 29})
    with pytest.raises(RefusedChangeError) as caught:
        cluster.plan(smaller)
    assert caught.value.refusals[0].startswith("hosts.datastore_volume.gb: cannot change from 30 to 29")
    assert outputs


@pytest.mark.full
def test_existing_hosts_keep_their_disks_if_the_kind_changes(cluster: Any, outputs: Outputs) -> None:
    plan = cluster.plan(spec_of(cluster, **LIVING, datastore_volume="instance-store"))
    assert plan.changes == ()
    assert [host.datastores for host in plan.predicted.hosts.values()] == ["root", outputs.hosts["host-1"].datastores]


@pytest.mark.full
def test_a_replaced_host_gets_a_new_volume(cluster: Any, outputs: Outputs, ec2: EC2Client) -> None:
    spec = spec_of(cluster, **LIVING, datastore_volume={"gb": 30, "iops": 4000, "throughput": 300})
    plane = cluster.plane(spec)
    plan = plane.plan(plane.current(), Context(replaced=frozenset({"host-0", "host-1"})))
    volumes = {(change.kind, change.key, str(change.action)) for change in plan.changes if change.kind == "volume"}
    assert volumes == {("volume", "host-0", "create"), ("volume", "host-1", "replace")}
    after = plane.apply(plan)
    assert after is not None
    old = outputs.hosts["host-1"].datastores
    assert old not in {volume["VolumeId"] for volume in ec2.describe_volumes()["Volumes"]}
    for host in after.hosts.values():
        assert volume_of(ec2, host.datastores)["Attachments"][0]["InstanceId"] == host.instance_id
    assert cluster.plan(spec).changes == ()


@pytest.mark.full
@pytest.mark.parametrize("entry", [False, True], ids=["another host", "an entry host"])
def test_a_host_that_was_terminated_outside_gets_a_new_volume(
    cluster: Any, outputs: Outputs, ec2: EC2Client, entry: bool
) -> None:
    """Once groups have moved off it, the state has its volume without its instance."""
    spec = spec_of(cluster, **LIVING, datastore_volume={"gb": 30, "iops": 4000, "throughput": 300})
    before = cluster.plane(spec).current().outputs
    [key] = [key for key in before.hosts if (key == before.groups["group-0"].host) is entry]
    ec2.terminate_instances(InstanceIds=[before.hosts[key].instance_id])
    plane = cluster.plane(spec)
    state = plane.observe(Context())
    plan = plane.plan(state)
    volumes = {(change.kind, change.key, str(change.action)) for change in plan.changes if change.kind == "volume"}
    assert volumes == {("volume", key, "replace")}
    assert bool(plan.moves_ahead) is entry
    if entry:
        state = plane.move(state, plan)
        plan = plane.replan_after_moves(state, plan)
    after = plane.apply(plan)
    assert after is not None
    assert after.hosts[key].datastores != before.hosts[key].datastores
    assert outputs


@pytest.mark.full
def test_the_destroy_leaves_no_volume(cluster: Any, outputs: Outputs, ec2: EC2Client) -> None:
    spec = spec_of(cluster, **LIVING, datastore_volume=VOLUME)
    plane = cluster.plane(spec)
    plane.apply(plane.destroy(plane.current()))
    ours: Any = [{"Name": "tag:edgewrap:uuid", "Values": [outputs.uuid]}]
    assert ec2.describe_volumes(Filters=ours)["Volumes"] == []
