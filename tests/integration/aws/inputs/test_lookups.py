"""The questions put to AWS, on the lab's AWS."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgewrap.aws.clients import Clients
from edgewrap.aws.inputs.lookups import AwsLookups
from edgewrap.aws.inputs.model import InterfaceLimits
from edgewrap.errors import AwsError, ToolError
from edgewrap.lab.aws.client import LabAwsClient
from edgewrap.spec.models import Spec
from tests.support.aws_plane import PUBLIC_KEY, make_spec


def lookups(spec: Spec, endpoint: str = "") -> AwsLookups:
    """Those of a spec; `endpoint` is what the environment names."""
    return AwsLookups(spec, Clients(spec, {"AWS_ENDPOINT_URL": endpoint}))


def test_zone_and_limits_are_those_of_the_type(aws: LabAwsClient) -> None:
    ours = lookups(make_spec(), aws.endpoint)
    assert ours.first_zone() == "eu-west-3a"
    assert ours.interface_limits() == InterfaceLimits(interfaces=15, addresses_per_interface=50)


@pytest.mark.parametrize(("ami", "machine"), [("ubuntu-24.04", "noble"), ("ubuntu-22.04", "jammy")])
def test_the_image_is_the_newest_of_canonicals(aws: LabAwsClient, ami: str, machine: str) -> None:
    import boto3

    image = lookups(make_spec(hosts={"ami": ami}), aws.endpoint).image()
    ec2 = boto3.client("ec2", region_name="eu-west-3", endpoint_url=aws.endpoint)
    images = ec2.describe_images(Filters=[{"Name": "architecture", "Values": ["x86_64"]}])["Images"]
    same = [one for one in images if f"-{machine}-" in one.get("Name", "")]
    assert image == max(same, key=lambda one: one["CreationDate"])["ImageId"]
    assert len(same) > 1


def test_the_endpoint_in_the_spec_is_used(aws: LabAwsClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    spec = make_spec(aws={"endpoint_url": aws.endpoint})
    assert lookups(spec, "http://127.0.0.1:1").first_zone() == "eu-west-3a"


def test_a_type_that_does_not_exist_is_named(aws: LabAwsClient) -> None:
    ours = lookups(make_spec(hosts={"instance_type": "c5.paper"}), aws.endpoint)
    with pytest.raises(AwsError, match=r"c5\.paper") as caught:
        ours.interface_limits()
    assert caught.value.advice == "correct hosts.instance_type"
    with pytest.raises(AwsError, match=r"no zone of eu-west-3 offers c5\.paper"):
        ours.first_zone()


def test_an_endpoint_that_does_not_answer_is_named() -> None:
    with pytest.raises(AwsError) as caught:
        lookups(make_spec(aws={"endpoint_url": "http://127.0.0.1:1"})).first_zone()
    assert "http://127.0.0.1:1" in caught.value.what
    assert caught.value.cause == "the AWS endpoint does not answer"


def test_the_public_key_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "key.pub"
    ours = lookups(make_spec(ssh={"public_key": str(file)}))
    with pytest.raises(ToolError, match="cannot be read"):
        ours.public_key()
    file.write_text(f"{PUBLIC_KEY}\n")
    assert ours.public_key() == PUBLIC_KEY
    for wrong in ("", "-----BEGIN OPENSSH PRIVATE KEY-----\n", f"{PUBLIC_KEY}\n{PUBLIC_KEY}\n"):
        file.write_text(wrong)
        with pytest.raises(ToolError, match="is not a public key file"):
            ours.public_key()
