"""What the account has, from AWS's own answers; and what becomes of questions that it does not let us ask."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from edgewrap.aws.clients import Clients
from edgewrap.aws.inputs.lookups import AwsLookups
from edgewrap.aws.preflight.account import Account, InUse
from edgewrap.aws.preflight.checks import AwsPreflight
from edgewrap.aws.preflight.quotas import ELASTIC_IPS, VPCS, Quota
from edgewrap.aws.preflight.topics import Topic
from edgewrap.change import PlaneName
from edgewrap.errors import AwsError
from edgewrap.finding import Finding, Verdict
from tests.support.aws_plane import make_spec
from tests.support.scripted import Scripted

SPEC = make_spec()


@pytest.fixture
def aws() -> Iterator[Scripted]:
    scripted = Scripted(SPEC)
    yield scripted
    scripted.done()


def test_the_granted_value_counts(aws: Scripted) -> None:
    aws.value("get_service_quota", ELASTIC_IPS, 64.0)
    assert Account(aws.clients, "").limit(ELASTIC_IPS) == 64


def test_without_a_granted_value_the_default_counts(aws: Scripted) -> None:
    aws.refuse("service-quotas", "get_service_quota", "NoSuchResourceException")
    aws.value("get_aws_default_service_quota", VPCS, 5.0)
    assert Account(aws.clients, "").limit(VPCS) == 5


def test_without_service_quotas_access_the_eip_quota_comes_from_ec2(aws: Scripted) -> None:
    aws.refuse("service-quotas", "get_service_quota", "AccessDeniedException")
    shown = {
        "AccountAttributes": [{"AttributeName": "vpc-max-elastic-ips", "AttributeValues": [{"AttributeValue": "7"}]}]
    }
    aws.stub("ec2").add_response("describe_account_attributes", shown, {"AttributeNames": ["vpc-max-elastic-ips"]})
    assert Account(aws.clients, "").limit(ELASTIC_IPS) == 7


def test_an_unavailable_quota_is_an_error_with_aws_code(aws: Scripted) -> None:
    aws.refuse("service-quotas", "get_service_quota", "AccessDeniedException")
    with pytest.raises(AwsError) as caught:
        Account(aws.clients, "").limit(VPCS)
    assert caught.value.code == "AccessDeniedException"
    assert caught.value.cause == "the credentials lack a permission"


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        ("UnauthorizedOperation", Verdict.WARNING),
        ("AccessDenied", Verdict.WARNING),
        ("InternalError", Verdict.UNKNOWN),
        ("SomethingNew", Verdict.UNKNOWN),
    ],
)
def test_a_denied_query_is_not_a_failure(aws: Scripted, code: str, verdict: Verdict) -> None:
    aws.refuse("ec2", "describe_addresses", code)
    aws.value("get_service_quota", ELASTIC_IPS, 5.0)
    aws.caller()
    who, finding = AwsPreflight(SPEC, aws.clients, AwsLookups(SPEC, aws.clients), None).about([Topic.ELASTIC_IPS])
    assert who.text == "arn:aws:iam::123456789012:user/ci, account 123456789012"
    assert finding.verdict is verdict
    assert code in finding.text
    assert finding.advice


def test_a_profile_that_does_not_exist_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    account = Account(Clients(SPEC, {}), "")
    for ask in (account.caller, account.vpcs, lambda: account.limit(VPCS)):
        with pytest.raises(AwsError) as caught:
            ask()
        assert caught.value.cause == "AWS_PROFILE names a profile that ~/.aws/config does not have"


def test_a_quota_without_a_value_is_an_error_with_aws_message(aws: Scripted) -> None:
    for told, cause in (
        ({"ErrorReason": {"ErrorCode": "SERVICE_ENDPOINT_ERROR", "ErrorMessage": "not now"}}, "not now"),
        ({"ErrorReason": {"ErrorCode": "DEPENDENCY_ACCESS_DENIED_ERROR"}}, "DEPENDENCY_ACCESS_DENIED_ERROR"),
        ({}, "no reason given"),
    ):
        aws.stub("service-quotas").add_response("get_service_quota", {"Quota": told})
        with pytest.raises(AwsError, match="L-F678F1CE") as caught:
            Account(aws.clients, "").limit(VPCS)
        assert caught.value.cause == cause


def test_an_account_attribute_without_a_value_is_an_error(aws: Scripted) -> None:
    aws.refuse("service-quotas", "get_service_quota", "AccessDeniedException")
    aws.stub("ec2").add_response("describe_account_attributes", {"AccountAttributes": []})
    with pytest.raises(AwsError, match="L-0263D0A3"):
        Account(aws.clients, "").limit(ELASTIC_IPS)


def test_an_unexpected_answer_is_unknown(aws: Scripted) -> None:
    aws.caller()
    aws.value("get_service_quota", ELASTIC_IPS, 5.0)
    aws.stub("ec2").add_response("describe_addresses", {})
    (_, finding) = AwsPreflight(SPEC, aws.clients, AwsLookups(SPEC, aws.clients), None).about([Topic.ELASTIC_IPS])
    assert finding.verdict is Verdict.UNKNOWN
    assert "KeyError" in finding.text


def test_addresses_that_are_not_of_amazons_pool_do_not_count(aws: Scripted) -> None:
    addresses: list[dict[str, object]] = [
        {"PublicIp": "192.0.2.1"},
        {"PublicIp": "192.0.2.2", "PublicIpv4Pool": "amazon"},
        {"PublicIp": "192.0.2.3", "PublicIpv4Pool": "ipv4pool-ec2-012345"},
        {"CustomerOwnedIp": "198.51.100.1", "PublicIpv4Pool": "amazon"},
        {"CarrierIp": "198.51.100.2", "PublicIpv4Pool": "amazon"},
        {"PublicIp": "192.0.2.4", "ServiceManaged": "alb"},
    ]
    aws.stub("ec2").add_response("describe_addresses", {"Addresses": addresses})
    assert Account(aws.clients, "").elastic_ips().count == 2


def test_a_vpc_that_another_account_shares_counts_in_its_own_quota(aws: Scripted) -> None:
    def vpc(number: int, owner: str) -> dict[str, object]:
        return {
            "VpcId": f"vpc-{number}",
            "OwnerId": owner,
            "CidrBlockAssociationSet": [{"CidrBlock": f"10.{number}.0.0/16"}],
        }

    vpcs = {"Vpcs": [vpc(0, "999999999999"), vpc(7, "123456789012")]}
    for _ in ("the quota", "the addresses"):
        aws.stub("ec2").add_response("describe_vpcs", vpcs)
    for _ in ("who", "the quota"):
        aws.caller()
    aws.value("get_service_quota", VPCS, 2.0)
    found = AwsPreflight(SPEC, aws.clients, AwsLookups(SPEC, aws.clients), None).about([Topic.VPC])
    by_check = {one.check: one for one in found}
    assert by_check["VPCs"].text == "1 of 2 in use, 1 to add, 0 left after that"
    assert "vpc-0 (10.0.0.0/16)" in by_check["addresses of the VPC"].text


@pytest.mark.parametrize(
    ("code", "who", "other"),
    [("AccessDenied", Verdict.WARNING, Verdict.OK), ("InvalidClientTokenId", Verdict.FAILURE, Verdict.OK)],
)
def test_if_only_sts_fails_other_findings_are_unchanged(aws: Scripted, code: str, who: Verdict, other: Verdict) -> None:
    aws.refuse("sts", "get_caller_identity", code)
    offering = {"InstanceType": "c5.metal", "Location": "eu-west-3a"}
    preflight = AwsPreflight(SPEC, aws.clients, AwsLookups(SPEC, aws.clients), None)
    preflight._checks = lambda topics: {"instance type": preflight._offer}  # type: ignore[method-assign]
    preflight._interfaces = lambda: Finding(PlaneName.AWS, "x", Verdict.UNKNOWN, "no", "y")  # type: ignore[method-assign]
    aws.stub("ec2").add_response("describe_instance_type_offerings", {"InstanceTypeOfferings": [offering]})
    credentials, offer, unknown = preflight.everything()
    assert credentials.verdict is who
    assert (offer.verdict, offer.text) == (other, "c5.metal is offered in eu-west-3a")
    assert unknown.text == ("AWS could not be asked" if who is Verdict.FAILURE else "no")


def test_vcpus_are_those_of_running_on_demand_instances_of_the_same_bucket(aws: Scripted) -> None:
    def instance(kind: str, state: str = "running", **more: object) -> dict[str, object]:
        return {"InstanceType": kind, "State": {"Name": state}, **more}

    tags = [{"Key": "edgewrap:uuid", "Value": "u"}, {"Key": "edgewrap:key", "Value": "host-1"}]
    instances = [
        instance("c5.metal"),
        instance("c5.metal", "pending"),
        instance("c5.metal", "stopped", Tags=tags),
        instance("m5.large", InstanceLifecycle="spot"),
        instance("m5.large", Placement={"Tenancy": "host"}),
        instance("c5.metal", Placement={"Tenancy": "dedicated"}),
        instance("g4dn.metal"),
        instance("m5.large"),
    ]
    aws.stub("ec2").add_response("describe_instances", {"Reservations": [{"Instances": instances}]})
    sizes = [("c5.metal", 96), ("m5.large", 2)]
    types = [{"InstanceType": kind, "VCpuInfo": {"DefaultVCpus": count}} for kind, count in sizes]
    aws.stub("ec2").add_response(
        "describe_instance_types", {"InstanceTypes": types}, {"InstanceTypes": ["c5.metal", "m5.large"]}
    )
    quota = Quota("vCPUs", "ec2", "L-1216C47A")
    used = Account(aws.clients, "u").vcpus(quota)
    assert used == InUse(96 * 3 + 2, own=frozenset({"host-1"}), idle=frozenset({"host-1"}))
