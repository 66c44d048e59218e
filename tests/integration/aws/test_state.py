"""States as they are found: left by a run that died, damaged, lost, another cluster's, in a file or in S3; read by the
real terraform, for which no provider is started."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from edgewrap.aws.state.store import KEPT_BACKUPS, LocalStore
from edgewrap.aws.terraform.workdir import WorkDir
from edgewrap.errors import StateError
from edgewrap.lab.aws.client import LabAwsClient
from edgewrap.outputs import UNKNOWN
from edgewrap.spec.models import Spec
from tests.support.aws_plane import first_inputs, make_spec
from tests.support.lab import REGION

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

NAME = "edgewrap-lab"
KEY = "edges/edge-paris.tfstate"

PROVIDER = 'provider["terraform.io/builtin/terraform"]'


def remembered(text: str) -> dict[str, Any]:
    """The resource that holds the inputs, as terraform writes it into a state."""
    value = {"value": text, "type": "string"}
    attributes = {"id": "1", "input": value, "output": value, "triggers_replace": None}
    return {
        "mode": "managed",
        "type": "terraform_data",
        "name": "inputs",
        "provider": PROVIDER,
        "instances": [{"schema_version": 0, "attributes": attributes}],
    }


def state_text(resources: list[dict[str, Any]], version: int = 4) -> str:
    state = {"version": version, "terraform_version": "1.6.0", "serial": 3, "lineage": "1", "outputs": {}}
    return json.dumps({**state, "resources": resources})


def write_state(directory: Path, resources: list[dict[str, Any]], version: int = 4) -> None:
    (directory / "terraform.tfstate").write_text(state_text(resources, version))


@pytest.fixture
def cluster(make_cluster: Any) -> Any:
    return make_cluster("state")


@pytest.fixture
def s3(aws: LabAwsClient) -> Iterator[S3Client]:
    """S3 with the lab's bucket, empty again afterwards."""
    client = boto3.client("s3", region_name=REGION, endpoint_url=aws.endpoint)
    yield client
    for found in client.list_objects_v2(Bucket=NAME).get("Contents", []):
        client.delete_object(Bucket=NAME, Key=found["Key"])


def s3_spec(cluster: Any, **backend: str) -> Spec:
    in_s3 = {"s3": {"bucket": NAME, "key": KEY, "region": REGION, **backend}}
    spec: Spec = cluster.spec(terraform={"binary": str(cluster.binary), "backend": in_s3})
    return spec


def test_terraform_does_not_run_without_a_state(cluster: Any) -> None:
    assert cluster.plane(cluster.spec()).current() is None
    assert cluster.commands() == []
    assert list((cluster.directory / "work").iterdir()) == []


def test_a_state_without_resources_counts_as_no_state(cluster: Any) -> None:
    write_state(cluster.directory / "work", [])
    assert cluster.plane(cluster.spec()).current() is None


def test_inputs_are_read_before_there_are_outputs(cluster: Any) -> None:
    inputs = first_inputs(make_spec())
    write_state(cluster.directory / "work", [remembered(inputs.to_text())])
    state = cluster.plane(cluster.spec()).current()
    assert state.inputs == inputs
    assert (state.applied, state.outputs.uuid, state.outputs.vpc_id) == ("", inputs.uuid, UNKNOWN)


def test_a_state_of_another_tool_is_refused(cluster: Any) -> None:
    write_state(cluster.directory / "work", [{**remembered("{}"), "name": "other"}])
    with pytest.raises(StateError, match="not edgewrap's inputs"):
        cluster.plane(cluster.spec()).current()


DAMAGED = [
    ("", "is empty"),
    (" \n", "is empty"),
    ('{"version": 4, ', "cannot be read"),
    ("[]", "is not a Terraform state"),
    ('{"resources": []}', "is not a Terraform state"),
    ('{"version": 4, "resources": {}}', "is not a Terraform state"),
    ('{"version": 5, "resources": []}', "has format 5"),
]


@pytest.mark.parametrize(("text", "what"), DAMAGED)
def test_a_damaged_state_is_refused_before_terraform_runs(cluster: Any, text: str, what: str) -> None:
    (cluster.directory / "work" / "terraform.tfstate").write_text(text)
    with pytest.raises(StateError, match=what):
        cluster.plane(cluster.spec()).current()
    assert cluster.commands() == []


@pytest.mark.parametrize(("text", "what"), DAMAGED)
def test_the_same_in_s3(cluster: Any, s3: S3Client, text: str, what: str) -> None:
    s3.put_object(Bucket=NAME, Key=KEY, Body=text.encode())
    with pytest.raises(StateError, match=what):
        cluster.plane(s3_spec(cluster)).current()
    assert cluster.commands() == []


@pytest.mark.parametrize("backup", ["terraform.tfstate.backup", "backups/000007.tfstate"])
def test_a_deleted_state_is_detected_by_its_backup(cluster: Any, backup: str) -> None:
    path = cluster.directory / "work" / backup
    path.parent.mkdir(exist_ok=True)
    path.write_text(state_text([remembered("{}")]))
    with pytest.raises(StateError, match="is missing, but there is a backup of it") as raised:
        cluster.plane(cluster.spec()).current()
    assert f"cp '{path}'" in raised.value.advice


def test_an_errored_state_file_is_not_ignored(cluster: Any) -> None:
    unsaved = cluster.directory / "work" / "terraform" / "errored.tfstate"
    unsaved.parent.mkdir()
    unsaved.write_text(state_text([]))
    for spec, command in ((cluster.spec(), "cp '"), (s3_spec(cluster), "aws s3 cp '")):
        with pytest.raises(StateError, match="could not save its Terraform state") as raised:
            cluster.plane(spec).current()
        assert f"{command}{unsaved}'" in raised.value.advice


def test_another_clusters_state_is_refused(cluster: Any, s3: S3Client) -> None:
    text = state_text([remembered(first_inputs(make_spec(name="edge-lyon")).to_text())])
    s3.put_object(Bucket=NAME, Key=KEY, Body=text.encode())
    with pytest.raises(StateError, match=f"s3://{NAME}/{KEY} is that of the cluster edge-lyon, not of edge-paris"):
        cluster.plane(s3_spec(cluster)).current()


def test_a_state_in_s3_needs_no_working_directory(cluster: Any, s3: S3Client) -> None:
    assert cluster.plane(s3_spec(cluster)).current() is None
    inputs = first_inputs(make_spec())
    s3.put_object(Bucket=NAME, Key=KEY, Body=state_text([remembered(inputs.to_text())]).encode())
    (cluster.directory / "work").rmdir()
    assert cluster.plane(s3_spec(cluster)).current().inputs == inputs


def test_a_local_state_is_not_ignored_after_a_switch_to_s3(cluster: Any, s3: S3Client) -> None:
    write_state(cluster.directory / "work", [])
    assert cluster.plane(s3_spec(cluster)).current() is None
    write_state(cluster.directory / "work", [remembered("{}")])
    with pytest.raises(StateError, match="is still a local file") as raised:
        cluster.plane(s3_spec(cluster)).current()
    assert f"s3://{NAME}/{KEY}" in raised.value.advice


def test_a_missing_bucket(cluster: Any, aws: LabAwsClient) -> None:
    with pytest.raises(StateError, match="NoSuchBucket") as raised:
        cluster.plane(s3_spec(cluster, bucket="no-such-bucket")).current()
    assert raised.value.cause == "there is no such bucket"


def test_an_s3_endpoint_that_does_not_answer(cluster: Any, aws: LabAwsClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    monkeypatch.setattr("edgewrap.aws.clients.ATTEMPTS", 1)
    with pytest.raises(StateError) as raised:
        cluster.plane(s3_spec(cluster)).current()
    assert 'endpoint URL: "http://127.0.0.1:1/' in raised.value.what
    assert raised.value.cause == "the AWS endpoint does not answer"


def test_local_states_are_backed_up_and_the_oldest_backups_removed(tmp_path: Path) -> None:
    store = LocalStore(WorkDir(tmp_path))
    store.back_up()  # there is none yet
    for serial in range(8, 8 + KEPT_BACKUPS + 2):
        text = state_text([remembered("{}")]).replace('"serial": 3', f'"serial": {serial}')
        (tmp_path / "terraform.tfstate").write_text(text)
        store.back_up()
    kept = sorted((tmp_path / "backups").iterdir())
    assert [path.name for path in kept] == [f"{serial:06}.tfstate" for serial in range(10, 10 + KEPT_BACKUPS)]
    assert kept[-1].read_text() == text
    assert kept[-1].stat().st_mode & 0o777 == 0o600
