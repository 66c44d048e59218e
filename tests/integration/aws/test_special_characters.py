"""A cluster whose texts and paths are as bad as they can be, with hosts that keep their addresses, on an endpoint
that only the spec names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from edgewrap.lab.aws.client import LabAwsClient
from edgewrap.spec.models import Spec

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

HOSTILE = "a \"b\" 'c' ${d} %{ e } {{ f }} [g] \\n é 日本\nnew line <<EOT $${h}"
RULES = [
    {"protocol": "tcp", "ports": 443, "description": "web [1] {2} $3 = {{4}}"},
    {"protocol": "udp", "ports": "5000-5010", "cidrs": ["192.0.2.0/24"]},
]


@pytest.fixture(scope="module")
def cluster(make_cluster: Any) -> Any:
    return make_cluster('a directory with "quotes" and ${more} é')


@pytest.fixture(scope="module")
def spec(cluster: Any, aws: LabAwsClient) -> Spec:
    spec: Spec = cluster.spec(
        aws={"endpoint_url": aws.endpoint},
        hosts={"count": 1, "address": "eip"},
        public_network={"elastic_ips": {"count": 1}, "groups": 1, "security_group": {"ingress": RULES}},
    )
    # past the spec's own checks, which refuse such a tag: what gets through must come out unharmed
    return spec.model_copy(update={"aws": spec.aws.model_copy(update={"tags": {"purpose": HOSTILE}})})


@pytest.mark.full
def test_special_characters_survive_terraform(
    cluster: Any, spec: Spec, aws: LabAwsClient, ec2: EC2Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")  # the spec's own endpoint counts
    _, outputs = cluster.apply(spec)
    assert "GetUser" in {call.action for call in aws.calls()}  # the provider asks IAM in which account it is: this one
    host, eip = outputs.hosts["host-0"], outputs.eips["eip-0"]

    [vpc] = ec2.describe_vpcs(VpcIds=[outputs.vpc_id])["Vpcs"]
    assert {"Key": "purpose", "Value": HOSTILE} in vpc["Tags"]

    addresses = ec2.describe_addresses(Filters=[{"Name": "instance-id", "Values": [host.instance_id]}])["Addresses"]
    assert {address["PublicIp"]: address["PrivateIpAddress"] for address in addresses} == {
        host.public_address: "10.0.0.10",
        eip.public_address: eip.private_address,
    }

    groups = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [outputs.vpc_id]}])["SecurityGroups"]
    [vms] = [group["GroupId"] for group in groups if group["GroupName"] == "edge-paris-vms"]
    found = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [vms]}])["SecurityGroupRules"]
    assert {
        (rule["IpProtocol"], rule["FromPort"], rule["ToPort"], rule["CidrIpv4"], rule.get("Description", ""))
        for rule in found
        if not rule["IsEgress"]
    } == {
        ("tcp", 443, 443, "0.0.0.0/0", "web [1] {2} $3 = {{4}}"),
        ("udp", 5000, 5010, "192.0.2.0/24", ""),
    }

    plan = cluster.plan(spec)
    assert (plan.changes, plan.pending) == ((), False)
    assert plan.inputs == cluster.plane(spec).current().inputs
