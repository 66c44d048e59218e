"""The questions put to AWS, with AWS's own answers that the lab does not give."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgewrap.aws.clients import ClientFactory, Clients
from edgewrap.aws.inputs.lookups import AwsLookups, InstanceNow
from edgewrap.errors import AwsError
from tests.support.aws_plane import make_spec
from tests.support.scripted import Scripted


@pytest.mark.parametrize(
    ("preferred", "offered", "zone"),
    [
        ("", ["us-west-2b", "us-west-2-lax-1a", "us-west-2a"], "us-west-2a"),
        ("us-west-2b", ["us-west-2b", "us-west-2a"], "us-west-2b"),
        ("us-west-2c", ["us-west-2b", "us-west-2-wl1-las-wlz-1"], "us-west-2b"),
    ],
)
def test_the_zone_must_be_in_the_region(preferred: str, offered: list[str], zone: str) -> None:
    spec = make_spec(aws={"region": "us-west-2"})
    aws = Scripted(spec)
    offerings = [{"InstanceType": "c5.metal", "Location": one} for one in offered]
    aws.stub("ec2").add_response("describe_instance_type_offerings", {"InstanceTypeOfferings": offerings})
    assert AwsLookups(spec, aws.clients).first_zone(preferred) == zone
    aws.done()


@pytest.mark.parametrize("endpoint", ["localhost:4566", "http://[::1", "http://"])
def test_an_endpoint_that_is_not_a_url_is_explained(endpoint: str) -> None:
    spec = make_spec()
    with pytest.raises(AwsError) as raised:
        AwsLookups(spec, Clients(spec, {"AWS_ENDPOINT_URL": endpoint})).instances(["i-0"])
    assert raised.value.cause == f"{endpoint} is not a URL"
    assert "AWS_ENDPOINT_URL" in raised.value.advice


def test_an_invalid_region_is_not_reported_as_an_endpoint() -> None:
    from botocore.exceptions import InvalidRegionError

    with pytest.raises(InvalidRegionError):
        ClientFactory("no region").client("ec2", "")


@pytest.mark.parametrize("endpoint", ["", "http://127.0.0.1:1"])
def test_a_missing_token_file_is_explained(endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token = tmp_path / "token"
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/edge")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(token))
    spec = make_spec()
    with pytest.raises(AwsError) as raised:
        AwsLookups(spec, Clients(spec, {"AWS_ENDPOINT_URL": endpoint})).instances(["i-0"])
    assert raised.value.what == f"{token} cannot be read: No such file or directory"
    assert "AWS_WEB_IDENTITY_TOKEN_FILE" in raised.value.advice


@pytest.mark.parametrize(
    ("state", "address", "right"),
    [
        ("running", "198.51.100.1", True),
        ("stopped", None, True),
        ("running", "-oProxyCommand=x", False),
        ("running", "198.51.100.1\n", False),
        ("$(x)", "198.51.100.1", False),
    ],
)
def test_an_answer_about_an_instance_is_checked(state: str, address: str | None, right: bool) -> None:
    spec = make_spec()
    aws = Scripted(spec)
    instance = {"InstanceId": "i-1", "State": {"Name": state}} | ({"PublicIpAddress": address} if address else {})
    aws.stub("ec2").add_response("describe_instances", {"Reservations": [{"Instances": [instance]}]})
    lookups = AwsLookups(spec, aws.clients)
    if right:
        assert lookups.instances(["i-1"]) == {"i-1": InstanceNow(state, address or "")}
        return
    with pytest.raises(AwsError, match="AWS sent an answer that cannot be used: ValueError: must be ") as raised:
        lookups.instances(["i-1"])
    assert raised.value.what.isprintable()


def _of_architectures(aws: Scripted, *architectures: str) -> None:
    kind = {"InstanceType": "c5.metal", "ProcessorInfo": {"SupportedArchitectures": list(architectures)}}
    aws.stub("ec2").add_response("describe_instance_types", {"InstanceTypes": [kind]})


@pytest.mark.parametrize(
    ("region", "owner"),
    [
        ("eu-west-3", "099720109477"),
        ("mx-central-1", "099720109477"),
        ("us-gov-east-1", "513442679011"),
        ("cn-northwest-1", "837727238323"),
    ],
)
def test_the_image_is_canonical_s_and_has_an_architecture_that_ubuntu_supports(region: str, owner: str) -> None:
    """Canonical has one account in each of AWS's partitions."""
    spec = make_spec(aws={"region": region})
    aws = Scripted(spec)
    _of_architectures(aws, "i386", "x86_64")
    name = "ubuntu/images/hvm-ssd*/ubuntu-noble-24.04-amd64-server-*"
    asked = {
        "Owners": [owner],
        "Filters": [
            {"Name": "name", "Values": [name]},
            {"Name": "architecture", "Values": ["x86_64"]},
            {"Name": "state", "Values": ["available"]},
        ],
    }
    found = {"Images": [{"ImageId": "ami-1", "CreationDate": "2026-01-01"}]}
    aws.stub("ec2").add_response("describe_images", found, asked)
    assert AwsLookups(spec, aws.clients).image() == "ami-1"
    aws.done()


def test_a_type_of_another_architecture_is_named() -> None:
    spec = make_spec()
    aws = Scripted(spec)
    _of_architectures(aws, "x86_64_mac")
    with pytest.raises(AwsError, match="architecture x86_64_mac"):
        AwsLookups(spec, aws.clients).image()
