"""A security group rule is what it allows, however the spec spells it: the real terraform on the lab's AWS.

The tests are in the order of a cluster's life; each starts from what the one before left.
"""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from edgewrap.lab.aws.client import LabAwsClient
from edgewrap.spec.models import Spec

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

WEB = "vms-ingress-tcp-443-0.0.0.0/0"
OLD = "vms-ingress-tcp-443-443-0.0.0.0/0"
WIDER = "vms-ingress-tcp-443-444-0.0.0.0/0"
OTHER = "vms-ingress-tcp-8443-0.0.0.0/0"
ADDRESS = 'module.network.aws_vpc_security_group_ingress_rule.vms["{}"]'

pytestmark = pytest.mark.full


@pytest.fixture(scope="module")
def cluster(make_cluster: Any) -> Any:
    return make_cluster("rules")


def spec_with(cluster: Any, ports: int | str) -> Spec:
    spec: Spec = cluster.spec(
        hosts={"count": 1},
        public_network={
            "elastic_ips": {"count": 1},
            "groups": 1,
            "security_group": {"ingress": [{"protocol": "tcp", "ports": ports}]},
        },
    )
    return spec


@pytest.fixture(scope="module")
def uuid(cluster: Any) -> str:
    _, outputs = cluster.apply(spec_with(cluster, 443))
    return str(outputs.uuid)


def vm_rules(ec2: EC2Client, uuid: str) -> dict[str, tuple[str, int, int]]:
    """The rules that let something in to the VMs, by the key in their tags: their id and ports."""
    rules = ec2.describe_security_group_rules(Filters=[{"Name": "tag:edgewrap:uuid", "Values": [uuid]}])
    keyed = [
        (tag["Value"], (rule["SecurityGroupRuleId"], rule["FromPort"], rule["ToPort"]))
        for rule in rules["SecurityGroupRules"]
        for tag in rule["Tags"]
        if tag["Key"] == "edgewrap:key"
    ]
    return {key: rule for key, rule in keyed if key.startswith("vms-ingress-")}


def changing(aws: LabAwsClient, after: int) -> list[str]:
    return [call.action for call in aws.calls(after) if not call.action.startswith(("Describe", "Get"))]


@pytest.mark.parametrize(
    "ports",
    [
        "443",
        pytest.param("443-443", marks=pytest.mark.full),
        pytest.param("0443", marks=pytest.mark.full),
        "00443-0443",
    ],
)
def test_another_spelling_changes_nothing(cluster: Any, uuid: str, ec2: EC2Client, ports: str) -> None:
    before = vm_rules(ec2, uuid)
    assert before.keys() == {WEB}
    plan, _ = cluster.apply(spec_with(cluster, ports))
    assert (plan.changes, plan.pending) == ((), False)
    assert vm_rules(ec2, uuid) == before


def test_a_rule_of_an_earlier_edgewrap_keeps_its_id(cluster: Any, uuid: str, ec2: EC2Client, aws: LabAwsClient) -> None:
    """That made the key from the spelling: `443-443` in the state and in the tags."""
    rule = vm_rules(ec2, uuid)[WEB]
    state_mv = [cluster.binary, "state", "mv", ADDRESS.format(WEB), ADDRESS.format(OLD)]
    subprocess.run(state_mv, cwd=cluster.directory / "work/terraform", check=True, capture_output=True)
    ec2.create_tags(Resources=[rule[0]], Tags=[{"Key": "edgewrap:key", "Value": OLD}])
    assert ADDRESS.format(OLD) in cluster.plane(spec_with(cluster, 443)).current().addresses

    before = aws.calls()[-1].serial
    plan, _ = cluster.apply(spec_with(cluster, "443-443"))
    assert [(change.action, change.key) for change in plan.changes] == [("update", WEB)]
    assert changing(aws, before) == ["CreateTags"]
    assert vm_rules(ec2, uuid) == {WEB: rule}
    after = cluster.plan(spec_with(cluster, "443-443"))
    assert (after.changes, after.pending) == ((), False)


def test_a_rule_that_changes_is_changed_in_place(cluster: Any, uuid: str, ec2: EC2Client, aws: LabAwsClient) -> None:
    """Port 443 stays open all the time: it is never revoked."""
    number, *_ = vm_rules(ec2, uuid)[WEB]
    (cluster.directory / "before").write_bytes((cluster.directory / "work/terraform.tfstate").read_bytes())
    before = aws.calls()[-1].serial
    plan, _ = cluster.apply(spec_with(cluster, "443-444"))
    assert [(change.action, change.key, change.why) for change in plan.changes] == [("update", WIDER, "spec changed")]
    assert sorted(changing(aws, before)) == ["CreateTags", "ModifySecurityGroupRules"]
    assert vm_rules(ec2, uuid) == {WIDER: (number, 443, 444)}
    after = cluster.plan(spec_with(cluster, "443-444"))
    assert (after.changes, after.pending) == ((), False)


@pytest.mark.full
def test_a_rule_that_a_killed_run_changed_is_kept(cluster: Any, uuid: str, ec2: EC2Client, aws: LabAwsClient) -> None:
    """Its Terraform died before it had noted the change: the state is the one before it, the tags are the new ones."""
    before, rules = aws.calls()[-1].serial, vm_rules(ec2, uuid)
    (cluster.directory / "work/terraform.tfstate").write_bytes((cluster.directory / "before").read_bytes())
    cluster.apply(spec_with(cluster, "443-444"))
    assert changing(aws, before) == []
    assert vm_rules(ec2, uuid) == rules
    after = cluster.plan(spec_with(cluster, "443-444"))
    assert (after.changes, after.pending) == ((), False)


def test_a_replaced_rule_changes_in_place_and_one_made_by_hand_is_imported(
    cluster: Any, uuid: str, ec2: EC2Client, aws: LabAwsClient
) -> None:
    """There is always one of a replaced rule's two, also of SSH to the hosts; and AWS would refuse to create the rule
    that someone made by hand (`InvalidPermission.Duplicate`)."""
    ours = [
        {"Name": "tag:edgewrap:uuid", "Values": [uuid]},
        {"Name": "tag:edgewrap:key", "Values": ["security-group-vms"]},
    ]
    [group] = ec2.describe_security_groups(Filters=ours)["SecurityGroups"]  # type: ignore[arg-type]
    made = ec2.authorize_security_group_ingress(
        GroupId=group["GroupId"],
        IpPermissions=[{"IpProtocol": "udp", "FromPort": 53, "ToPort": 53, "IpRanges": [{"CidrIp": "192.0.2.0/24"}]}],
    )["SecurityGroupRules"][0]["SecurityGroupRuleId"]
    document = spec_with(cluster, 8443).model_dump(by_alias=True)
    own = {"protocol": "udp", "ports": 53, "cidrs": ["192.0.2.0/24"], "description": "name servers"}
    document["public_network"]["security_group"]["ingress"] += (own,)
    document["ssh"]["from"] = ["192.0.2.0/24"]
    number, *_ = vm_rules(ec2, uuid)[WIDER]
    before = aws.calls()[-1].serial
    plan, _ = cluster.apply(Spec.model_validate(document))
    names = "vms-ingress-udp-53-192.0.2.0/24"
    assert sorted((change.action, change.key, change.why) for change in plan.changes) == [
        ("update", "hosts-ingress-ssh-192.0.2.0/24", "spec changed"),
        ("update", OTHER, "spec changed"),
        ("update", names, "made by hand; imported"),
    ]
    assert sorted(changing(aws, before)) == ["CreateTags"] * 3 + ["ModifySecurityGroupRules"] * 3
    assert vm_rules(ec2, uuid) == {names: (made, 53, 53), OTHER: (number, 8443, 8443)}
    after = cluster.plan(Spec.model_validate(document))
    assert (after.changes, after.pending) == ((), False)


def test_a_destroy_removes_a_rule_under_its_old_key(cluster: Any, uuid: str, ec2: EC2Client) -> None:
    state_mv = [
        cluster.binary,
        "state",
        "mv",
        ADDRESS.format(OTHER),
        ADDRESS.format("vms-ingress-tcp-08443-0.0.0.0/0"),
    ]
    subprocess.run(state_mv, cwd=cluster.directory / "work/terraform", check=True, capture_output=True)
    plane = cluster.plane(spec_with(cluster, 443))
    assert plane.apply(plane.destroy(plane.current())) is None
    assert vm_rules(ec2, uuid) == {}
    assert plane.current() is None
