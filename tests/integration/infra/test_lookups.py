"""The questions put to AWS, on the lab's AWS."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgewrap.errors import AwsError, ToolError
from edgewrap.infra.aws import AwsLookups
from edgewrap.infra.inputs import InterfaceLimits
from edgewrap.lab.aws.client import LabAwsClient
from tests.support.infra import PUBLIC_KEY, make_spec


def test_zone_and_limits_are_those_of_the_type(aws: LabAwsClient) -> None:
    lookups = AwsLookups(make_spec(), {"AWS_ENDPOINT_URL": aws.endpoint})
    assert lookups.first_zone() == "eu-west-3a"
    assert lookups.interface_limits() == InterfaceLimits(interfaces=15, addresses_per_interface=50)


@pytest.mark.parametrize(("ami", "machine"), [("ubuntu-24.04", "noble"), ("ubuntu-22.04", "jammy")])
def test_the_image_is_the_newest_of_canonicals(aws: LabAwsClient, ami: str, machine: str) -> None:
    import boto3

    image = AwsLookups(make_spec(hosts={"ami": ami}), {"AWS_ENDPOINT_URL": aws.endpoint}).image()
    ec2 = boto3.client("ec2", region_name="eu-west-3", endpoint_url=aws.endpoint)
    images = ec2.describe_images(Filters=[{"Name": "architecture", "Values": ["x86_64"]}])["Images"]
    same = [one for one in images if f"-{machine}-" in one.get("Name", "")]
    assert image == max(same, key=lambda one: one["CreationDate"])["ImageId"]
    assert len(same) > 1


def test_the_specs_own_endpoint_counts(aws: LabAwsClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    spec = make_spec(aws={"endpoint_url": aws.endpoint})
    assert AwsLookups(spec, {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}).first_zone() == "eu-west-3a"


def test_a_type_that_does_not_exist_is_named(aws: LabAwsClient) -> None:
    lookups = AwsLookups(make_spec(hosts={"instance_type": "c5.paper"}), {"AWS_ENDPOINT_URL": aws.endpoint})
    with pytest.raises(AwsError, match=r"c5\.paper") as caught:
        lookups.interface_limits()
    assert caught.value.advice == "correct hosts.instance_type"
    with pytest.raises(AwsError, match=r"no zone of eu-west-3 offers c5\.paper"):
        lookups.first_zone()


def test_an_endpoint_that_does_not_answer_is_named() -> None:
    with pytest.raises(AwsError) as caught:
        AwsLookups(make_spec(aws={"endpoint_url": "http://127.0.0.1:1"}), {}).first_zone()
    assert caught.value.cause == "http://127.0.0.1:1 could not be asked"


def test_the_public_key_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "key.pub"
    lookups = AwsLookups(make_spec(ssh={"public_key": str(file)}), {})
    with pytest.raises(ToolError, match="cannot be read"):
        lookups.public_key()
    file.write_text(f"{PUBLIC_KEY}\n")
    assert lookups.public_key() == PUBLIC_KEY
    for wrong in ("", "-----BEGIN OPENSSH PRIVATE KEY-----\n", f"{PUBLIC_KEY}\n{PUBLIC_KEY}\n"):
        file.write_text(wrong)
        with pytest.raises(ToolError, match="is not a public key file"):
            lookups.public_key()
