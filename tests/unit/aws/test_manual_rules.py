"""Rules made by hand in the cluster's security groups that allow what a rule of the spec will allow."""

from __future__ import annotations

from typing import Any

import pytest

from edgewrap.aws.manual_rules import find_manual_rules, meaning_in_aws
from edgewrap.aws.render.variables import meaning_of
from edgewrap.aws.terraform.resources import EIP, HOSTS_CLUSTER, HOSTS_SSH, VMS_EGRESS, VMS_INGRESS, VPC
from tests.support.aws_plane import make_spec
from tests.support.scripted import Scripted

UUID = "7e5a1c9e-0000-4000-8000-000000000001"
WEB, DNS, SSH = "vms-ingress-tcp-443-0.0.0.0/0", "vms-egress-udp-53-192.0.2.0/24", "hosts-ingress-ssh-192.0.2.0/24"


def rule(protocol: str, low: int, high: int, *, egress: bool = False, group: str = "sg-v", **source: Any) -> Any:
    fields = {"IpProtocol": protocol, "FromPort": low, "ToPort": high, "IsEgress": egress, "GroupId": group}
    return {"SecurityGroupRuleId": f"sgr-{low}", **fields, **(source or {"CidrIpv4": "0.0.0.0/0"})}


@pytest.mark.parametrize(
    ("in_aws", "key"),
    [
        (rule("tcp", 443, 443), WEB),
        (rule("udp", 53, 53, egress=True, CidrIpv4="192.0.2.0/24"), DNS),
        (rule("tcp", 0, 65535), "vms-ingress-tcp-all-0.0.0.0/0"),
        (rule("icmp", -1, -1), "vms-ingress-icmp-all-0.0.0.0/0"),
        (rule("-1", -1, -1), "vms-ingress-all-all-0.0.0.0/0"),
        (rule("-1", 0, 0), "vms-ingress-all-all-0.0.0.0/0"),
        (rule("icmp", 8, 0), ""),
        (rule("tcp", 443, 443, CidrIpv6="::/0"), ""),
        (rule("tcp", 443, 443, PrefixListId="pl-1"), ""),
        (rule("tcp", 443, 443, ReferencedGroupInfo={"GroupId": "sg-1"}), ""),
        (rule("tcp", 443, 443, CidrIpv4="odd"), ""),
    ],
)
def test_what_a_rule_in_aws_allows(in_aws: Any, key: str) -> None:
    assert meaning_in_aws(in_aws) == (meaning_of(key) if key else None)


def test_they_are_found_in_their_own_group_only() -> None:
    aws = Scripted(make_spec())
    tags = {"sg-v": "security-group-vms", "sg-h": "security-group-hosts"}
    groups = [{"GroupId": name, "Tags": [{"Key": "edgewrap:key", "Value": key}]} for name, key in tags.items()]
    rules = [
        rule("tcp", 443, 443),
        rule("tcp", 22, 22, CidrIpv4="192.0.2.0/24"),
        rule("udp", 53, 53, egress=True, group="sg-h", CidrIpv4="192.0.2.0/24"),
        rule("tcp", 80, 80),
    ]
    aws.stub("ec2").add_response("describe_security_groups", {"SecurityGroups": groups})
    asked = {"Filters": [{"Name": "group-id", "Values": ["sg-h", "sg-v"]}]}
    aws.stub("ec2").add_response("describe_security_group_rules", {"SecurityGroupRules": rules}, asked)
    missing = [VMS_INGRESS.address(WEB), VMS_EGRESS.address(DNS), HOSTS_SSH.address(SSH), HOSTS_CLUSTER.address()]
    assert find_manual_rules(aws.clients, UUID, missing) == {VMS_INGRESS.address(WEB): "sgr-443"}
    aws.done()


def test_aws_is_asked_only_for_missing_rules_and_existing_groups() -> None:
    aws = Scripted(make_spec())
    assert find_manual_rules(aws.clients, UUID, [VPC.address(), EIP.address("eip-0"), HOSTS_CLUSTER.address()]) == {}
    aws.stub("ec2").add_response("describe_security_groups", {"SecurityGroups": []})
    assert find_manual_rules(aws.clients, UUID, [VMS_INGRESS.address(WEB)]) == {}
    aws.done()
