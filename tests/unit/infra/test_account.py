"""What the account has, from AWS's own answers; and what becomes of questions that it does not let us ask."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from edgewrap.errors import AwsError
from edgewrap.finding import Verdict
from edgewrap.infra.account import Account, InUse
from edgewrap.infra.aws import AwsLookups
from edgewrap.infra.preflight import AwsPreflight, Topic
from edgewrap.infra.quotas import ELASTIC_IPS, VPCS, Quota
from tests.support.infra import make_spec
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


def test_where_service_quotas_may_not_be_asked_ec2_tells_that_of_elastic_ips(aws: Scripted) -> None:
    aws.refuse("service-quotas", "get_service_quota", "AccessDeniedException")
    shown = {
        "AccountAttributes": [{"AttributeName": "vpc-max-elastic-ips", "AttributeValues": [{"AttributeValue": "7"}]}]
    }
    aws.stub("ec2").add_response("describe_account_attributes", shown, {"AttributeNames": ["vpc-max-elastic-ips"]})
    assert Account(aws.clients, "").limit(ELASTIC_IPS) == 7


def test_a_quota_that_nobody_tells_is_an_error_with_aws_code(aws: Scripted) -> None:
    aws.refuse("service-quotas", "get_service_quota", "AccessDeniedException")
    with pytest.raises(AwsError) as caught:
        Account(aws.clients, "").limit(VPCS)
    assert caught.value.code == "AccessDeniedException"
    assert caught.value.cause == "the credentials have too few rights"


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        ("UnauthorizedOperation", Verdict.WARNING),
        ("AccessDenied", Verdict.WARNING),
        ("InternalError", Verdict.UNKNOWN),
        ("SomethingNew", Verdict.UNKNOWN),
    ],
)
def test_a_question_that_is_refused_is_no_failure(aws: Scripted, code: str, verdict: Verdict) -> None:
    aws.refuse("ec2", "describe_addresses", code)
    aws.value("get_service_quota", ELASTIC_IPS, 5.0)
    (finding,) = AwsPreflight(SPEC, aws.clients, AwsLookups(SPEC, aws.clients), None).about([Topic.ELASTIC_IPS])
    assert finding.verdict is verdict
    assert code in finding.text
    assert finding.advice


def test_vcpus_are_those_of_running_on_demand_instances_of_the_same_bucket(aws: Scripted) -> None:
    def instance(kind: str, state: str = "running", **more: object) -> dict[str, object]:
        return {"InstanceType": kind, "State": {"Name": state}, **more}

    tags = [{"Key": "edgewrap:uuid", "Value": "u"}, {"Key": "edgewrap:key", "Value": "host-1"}]
    instances = [
        instance("c5.metal"),
        instance("c5.metal", "pending"),
        instance("c5.metal", "stopped", Tags=tags),
        instance("m5.large", InstanceLifecycle="spot"),
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
    assert used == InUse(96 * 2 + 2, own=frozenset({"host-1"}), idle=frozenset({"host-1"}))
