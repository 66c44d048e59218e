"""A state that was lost, or is another cluster's, is detected by the objects on the front-end and in AWS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

import boto3
import pytest

from edgewrap.aws.facts import AwsState
from edgewrap.change import PlaneName
from edgewrap.engine.cluster import Cluster
from edgewrap.engine.destroy import plan_destroy
from edgewrap.engine.plan import make_plan
from edgewrap.engine.state_ownership import require_own_state
from edgewrap.engine.workspace import Workspace
from edgewrap.errors import OpenNebulaError, StateError
from edgewrap.lab.aws.client import LabAwsClient, LabAwsProcess
from tests.support import front_end
from tests.support.aws_plane import first_inputs, make_spec
from tests.support.front_end import UUID, Stage, outputs, spec
from tests.support.lab import REGION

STRANGER = "00000000-2222-4a6e-9d55-2f5f7ce1a002"
TAGS = {"edgewrap:cluster": "edge-paris", "edgewrap:uuid": UUID}


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory, aws: LabAwsClient) -> Iterator[LabAwsClient]:
    """An AWS of this module's own: in that of all tests another one's cluster may have the same name."""
    with LabAwsProcess(tmp_path_factory.mktemp("own-aws")) as client, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", client.endpoint)
        yield client


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return front_end.stage("7.4.0", tmp_path)


@pytest.fixture
def cluster(stage: Stage, aws: LabAwsClient, tmp_path: Path) -> Cluster:
    """The cluster without any state, on the stage's front-end and the lab's AWS."""
    cluster = Cluster(spec(), Workspace(tmp_path / "edge-paris"), stage.events.append, {})
    cluster.__dict__["opennebula"] = stage.plane()  # connected in this process
    return cluster


@pytest.fixture
def vpc(aws: LabAwsClient) -> Iterator[str]:
    """A VPC of a cluster of that name in AWS."""
    ec2 = boto3.client("ec2", region_name=REGION, endpoint_url=aws.endpoint)
    made = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    ec2.create_tags(Resources=[made], Tags=[{"Key": key, "Value": value} for key, value in TAGS.items()])
    yield made
    ec2.delete_vpc(VpcId=made)


def state(uuid: str) -> AwsState:
    return AwsState(outputs(uuid=uuid), first_inputs(make_spec()), "")


def test_no_state_and_no_objects_is_a_first_run(cluster: Cluster, stage: Stage) -> None:
    require_own_state(cluster, None, stage.facts(), about_aws=True)


def test_the_clusters_own_state_is_accepted(cluster: Cluster, stage: Stage, vpc: str) -> None:
    stage.applied()
    require_own_state(cluster, state(UUID), stage.facts(), about_aws=True)


def test_another_clusters_state_is_refused(cluster: Cluster, stage: Stage) -> None:
    stage.applied()
    with pytest.raises(StateError, match=f"has the UUID {STRANGER}, but .* created from the state {UUID}"):
        require_own_state(cluster, state(STRANGER), stage.facts(), about_aws=True)


def test_a_lost_state_is_detected_by_the_front_end_before_planning(cluster: Cluster, stage: Stage) -> None:
    stage.applied()
    with pytest.raises(StateError, match=f"there is no Terraform state in .* created from the state {UUID}"):
        make_plan(cluster, tuple(PlaneName))
    with pytest.raises(StateError, match="there is no Terraform state"):  # AWS's part alone would create a second one
        make_plan(cluster, (PlaneName.AWS,))
    assert not cluster.workspace.directory.exists()


def test_a_lost_state_is_detected_by_aws_before_planning(cluster: Cluster, vpc: str) -> None:
    with pytest.raises(StateError, match=rf"but AWS has a cluster edge-paris in eu-west-3: {vpc} \(state {UUID}\)"):
        make_plan(cluster, tuple(PlaneName))
    with pytest.raises(StateError, match="but AWS has a cluster"):
        plan_destroy(cluster, tuple(PlaneName))
    assert not cluster.workspace.directory.exists()


def test_a_cluster_that_is_only_on_the_front_end_can_be_destroyed(cluster: Cluster, stage: Stage) -> None:
    stage.applied()
    plan = plan_destroy(cluster, tuple(PlaneName))
    assert plan.aws is None
    assert {change.plane for change in plan.changes} == {PlaneName.OPENNEBULA}


def planes_are(cluster: Cluster, uuid: str) -> None:
    """AWS has a state with this UUID, and a plan that removes nothing."""
    aws = Mock()
    aws.current.return_value = aws.observe.return_value = state(uuid)
    aws.destroy.return_value.changes = ()
    cluster.__dict__["aws"] = aws


def test_destroy_only_aws_checks_whose_state_it_is(cluster: Cluster, stage: Stage) -> None:
    stage.applied()
    planes_are(cluster, STRANGER)
    with pytest.raises(StateError, match=f"has the UUID {STRANGER}"):
        plan_destroy(cluster, (PlaneName.AWS,))
    planes_are(cluster, UUID)
    plan = plan_destroy(cluster, (PlaneName.AWS,))
    assert (plan.opennebula, plan.changes) == (None, ())


def test_destroy_only_aws_needs_no_front_end(cluster: Cluster, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def down() -> None:
        raise OpenNebulaError("it is down", cause="", advice="")

    monkeypatch.setattr(cluster.opennebula, "observe", down)
    planes_are(cluster, STRANGER)
    assert plan_destroy(cluster, (PlaneName.AWS,)).opennebula is None
    assert "it is down" in stage.events[-1].text
    with pytest.raises(OpenNebulaError):
        plan_destroy(cluster, tuple(PlaneName))
