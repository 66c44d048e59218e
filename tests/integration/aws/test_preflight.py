"""The checks of AWS on the lab's: each quota, what is ours already, zones, interfaces, addresses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from edgewrap.aws.clients import Clients
from edgewrap.aws.inputs.lookups import AwsLookups
from edgewrap.aws.inputs.model import Inputs
from edgewrap.aws.preflight.checks import AwsPreflight
from edgewrap.aws.preflight.topics import Topic
from edgewrap.finding import Finding, Verdict
from edgewrap.lab.aws.client import LabAwsClient
from edgewrap.spec.models import Spec
from tests.support.aws_plane import first_inputs, make_spec

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

EVERYTHING = tuple(Topic)


@pytest.fixture
def quotas(aws: LabAwsClient) -> Iterator[LabAwsClient]:
    """Quotas may be changed: they are put back."""
    before = aws.quotas()
    yield aws
    aws.set_quotas(**before.model_dump())


def preflight(aws: LabAwsClient, spec: Spec, inputs: Inputs | None = None) -> AwsPreflight:
    clients = Clients(spec, {"AWS_ENDPOINT_URL": aws.endpoint})
    return AwsPreflight(spec, clients, AwsLookups(spec, clients), inputs)


def by_check(findings: tuple[Finding, ...]) -> dict[str, Finding]:
    return {finding.check: finding for finding in findings}


def in_use(ec2: EC2Client) -> dict[str, int]:
    running = [{"Name": "instance-state-name", "Values": ["pending", "running"]}]
    reservations = ec2.describe_instances(Filters=running)["Reservations"]  # type: ignore[arg-type]
    return {
        "elastic_ips": len(ec2.describe_addresses()["Addresses"]),
        "vpcs": len(ec2.describe_vpcs()["Vpcs"]),
        "standard_vcpus": 96 * sum(len(one["Instances"]) for one in reservations),
    }


@pytest.mark.parametrize(
    ("quota", "check", "comes"),
    [("elastic_ips", "Elastic IPs", 4), ("vpcs", "VPCs", 1), ("standard_vcpus", "vCPUs", 288)],
)
def test_each_quota_is_named_when_one_is_missing(
    quotas: LabAwsClient, ec2: EC2Client, quota: str, check: str, comes: int
) -> None:
    used = in_use(ec2)
    enough = dict.fromkeys(used, 10_000)
    exactly = used[quota] + comes
    for limit, verdict in ((exactly, Verdict.OK), (exactly - 1, Verdict.FAILURE)):
        quotas.set_quotas(**enough | {quota: limit})
        found = preflight(quotas, make_spec()).about(EVERYTHING)
        assert by_check(found)[check].verdict is verdict
        assert {one.check for one in found if one.verdict is Verdict.FAILURE} <= {check}
    assert f"{used[quota]} of {exactly - 1} in use, {comes} to add" in by_check(found)[check].text
    assert f" to {exactly} or more" in by_check(found)[check].advice


def test_hosts_with_elastic_ips_of_their_own_count(quotas: LabAwsClient, ec2: EC2Client) -> None:
    quotas.set_quotas(elastic_ips=in_use(ec2)["elastic_ips"] + 6)
    _, finding = preflight(quotas, make_spec(hosts={"address": "eip"})).about([Topic.ELASTIC_IPS])
    assert finding.verdict is Verdict.FAILURE
    assert "7 to add: 1 too many" in finding.text
    assert "every host takes one too" in finding.advice


def test_resources_of_a_killed_run_do_not_count_twice(quotas: LabAwsClient, ec2: EC2Client) -> None:
    inputs = first_inputs(make_spec())
    tags: Any = [
        {"Key": "edgewrap:uuid", "Value": inputs.uuid},
        {"Key": "edgewrap:key", "Value": "eip-1"},
    ]
    tagged: Any = [{"ResourceType": "elastic-ip", "Tags": tags}]
    made = ec2.allocate_address(Domain="vpc", TagSpecifications=tagged)["AllocationId"]
    try:
        quotas.set_quotas(elastic_ips=in_use(ec2)["elastic_ips"] + 3)
        for known, comes, verdict in ((inputs, 3, Verdict.OK), (None, 4, Verdict.FAILURE)):
            _, finding = preflight(quotas, make_spec(), known).about([Topic.ELASTIC_IPS])
            assert finding.verdict is verdict
            assert f"{comes} to add" in finding.text
    finally:
        ec2.release_address(AllocationId=made)


def test_a_zone_that_does_not_offer_the_type(aws: LabAwsClient) -> None:
    spec = make_spec(aws={"zone": "eu-west-3z"})
    finding = by_check(preflight(aws, spec).about([Topic.HOSTS]))["instance type"]
    assert finding.verdict is Verdict.FAILURE
    assert finding.text == "eu-west-3z does not offer c5.metal; these do: eu-west-3a, eu-west-3b, eu-west-3c"
    assert "zone: eu-west-3a" in finding.advice


def test_addresses_of_another_vpc_are_a_warning(aws: LabAwsClient, ec2: EC2Client) -> None:
    other = ec2.create_vpc(CidrBlock="10.77.0.0/16")["Vpc"]["VpcId"]
    try:
        for cidr, verdict in (("10.77.8.0/22", Verdict.WARNING), ("10.78.0.0/16", Verdict.OK)):
            spec = make_spec(aws={"network": {"cidr": cidr}})
            finding = by_check(preflight(aws, spec).about([Topic.VPC]))["addresses of the VPC"]
            assert finding.verdict is verdict
            assert (other in finding.text) == (verdict is Verdict.WARNING)
    finally:
        ec2.delete_vpc(VpcId=other)


def test_more_groups_than_the_type_has_interfaces(aws: LabAwsClient) -> None:
    found = by_check(preflight(aws, make_spec(public_network={"groups": 15})).everything())
    assert found["network interfaces"].verdict is Verdict.FAILURE
    assert found["network interfaces"].advice == "write `groups: 14` or less"
    assert found["credentials"].text.endswith("account 123456789012")


def test_invalid_credentials_are_reported_once() -> None:
    spec = make_spec(aws={"endpoint_url": "http://127.0.0.1:1"})
    clients = Clients(spec, {})
    first, *others = AwsPreflight(spec, clients, AwsLookups(spec, clients), None).everything()
    assert (first.check, first.verdict) == ("credentials", Verdict.FAILURE)
    asked = [one for one in others if one.check != "ssh.from"]
    assert {(one.verdict, one.text) for one in asked} == {(Verdict.UNKNOWN, "AWS could not be asked")}


def test_no_quota_is_read_when_nothing_is_created(aws: LabAwsClient) -> None:
    before = aws.calls()[-1].serial
    assert preflight(aws, make_spec()).about([]) == ()
    assert aws.calls(before) == ()
