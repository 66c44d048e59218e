"""One cluster from its first apply to its destroy, by the real terraform on the lab's AWS.

The tests are in the order of a cluster's life; each starts from what the one before left.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

import pytest

from edgewrap.aws.clients import Clients
from edgewrap.aws.dns_names import public_dns_name
from edgewrap.aws.render.variables import make_variables
from edgewrap.aws.state.untracked import find_untracked
from edgewrap.aws.terraform.resources import importable_addresses
from edgewrap.counted import counted
from edgewrap.errors import RefusedChangeError, TerraformError
from edgewrap.events import Event, EventKind
from edgewrap.finding import Verdict
from edgewrap.lab.aws.client import LabAwsClient
from edgewrap.outputs import UNKNOWN, Outputs
from edgewrap.plane import Context

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

TAGS = {"team": "edge"}
AWS = {"tags": TAGS, "ignore_tags": {"keys": ["map-migrated"], "prefixes": ["auto:"]}}
HOSTS = {"count": 2, "address": "public"}
LARGER = {"elastic_ips": {"count": 3}, "groups": 3}


@pytest.fixture(scope="module")
def cluster(make_cluster: Any) -> Any:
    return make_cluster("plain")


@pytest.fixture(scope="module")
def spec(cluster: Any) -> Any:
    network = {"elastic_ips": {"count": 2}, "groups": 3}
    return cluster.spec(protect=True, aws=AWS, hosts=HOSTS, public_network=network)


@pytest.fixture(scope="module")
def outputs(cluster: Any, spec: Any) -> Outputs:
    plan, outputs = cluster.apply(spec)
    assert {change.action for change in plan.changes} == {"create"}
    assert plan.predicted.hosts["host-0"].instance_id == UNKNOWN
    assert plan.predicted.hosts["host-0"].private_address == outputs.hosts["host-0"].private_address
    assert isinstance(outputs, Outputs)
    return outputs


def of_this_cluster(outputs: Outputs) -> list[Any]:
    return [{"Name": "tag:edgewrap:uuid", "Values": [outputs.uuid]}]


def test_a_first_apply_is_one_process_each(cluster: Any, outputs: Outputs) -> None:
    assert cluster.commands() == ["version", "init", "plan", "apply"]


def test_outputs_match_aws(outputs: Outputs, ec2: EC2Client) -> None:
    for key, host in outputs.hosts.items():
        [instance] = ec2.describe_instances(InstanceIds=[host.instance_id])["Reservations"][0]["Instances"]
        assert host.private_address == instance["PrivateIpAddress"] == f"10.0.0.1{key[-1]}"
        assert host.public_address == instance["PublicIpAddress"]
        assert host.name == instance["PublicDnsName"] == public_dns_name(host.public_address, "eu-west-3")
        assert host.state == instance["State"]["Name"] == "running"
        assert instance["MetadataOptions"]["HttpTokens"] == "required"
        assert instance["MetadataOptions"]["HttpPutResponseHopLimit"] == 1
        protection = ec2.describe_instance_attribute(InstanceId=host.instance_id, Attribute="disableApiTermination")
        assert protection["DisableApiTermination"]["Value"] is True
    for group in outputs.groups.values():
        [interface] = ec2.describe_network_interfaces(NetworkInterfaceIds=[group.interface_id])["NetworkInterfaces"]
        attachment = interface["Attachment"]
        assert interface["MacAddress"] == group.mac
        assert interface["PrivateIpAddress"] == group.primary_address
        assert len(interface["PrivateIpAddresses"]) == 50
        assert attachment["InstanceId"] == outputs.hosts[group.host].instance_id
        assert attachment["DeviceIndex"] == group.device_index == 1 + group.index
    for eip in outputs.eips.values():
        [address] = ec2.describe_addresses(AllocationIds=[eip.allocation_id])["Addresses"]
        assert address["PublicIp"] == eip.public_address
        assert address["PrivateIpAddress"] == eip.private_address
        assert address["NetworkInterfaceId"] == outputs.groups[eip.group].interface_id


def test_everything_is_tagged(outputs: Outputs, ec2: EC2Client) -> None:
    tagged: dict[str, dict[str, str]] = {}
    for tag in ec2.describe_tags()["Tags"]:
        tagged.setdefault(tag["ResourceId"], {})[tag["Key"]] = tag["Value"]
    ours = {resource: tags for resource, tags in tagged.items() if tags.get("edgewrap:uuid") == outputs.uuid}
    kinds = {resource.split("-")[0] for resource in ours}
    assert kinds == {"vpc", "subnet", "igw", "rtb", "sg", "sgr", "key", "i", "vol", "eni", "eipalloc"}
    for tags in ours.values():
        assert tags["team"] == "edge"
        assert tags["edgewrap:cluster"] == "edge-paris"
        assert tags["Name"].startswith("edge-paris-")
        assert tags["edgewrap:key"]
    assert ours[outputs.eips["eip-1"].allocation_id]["edgewrap:key"] == "eip-1"


def test_the_hosts_open_ssh_and_the_cluster_itself_only(outputs: Outputs, ec2: EC2Client) -> None:
    groups = ec2.describe_security_groups(Filters=of_this_cluster(outputs))["SecurityGroups"]
    [hosts] = [group["GroupId"] for group in groups if group["GroupName"].endswith("-hosts")]
    rules = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [hosts]}])["SecurityGroupRules"]
    ingress = {
        (rule["IpProtocol"], rule["FromPort"], rule.get("CidrIpv4") or rule["ReferencedGroupInfo"]["GroupId"])
        for rule in rules
        if not rule["IsEgress"]
    }
    assert ingress == {
        ("tcp", 22, "0.0.0.0/0"),
        ("-1", -1, hosts),
        *(("-1", -1, f"{host.public_address}/32") for host in outputs.hosts.values()),
    }


def test_every_taggable_resource_can_be_imported_by_its_tag(cluster: Any, spec: Any, outputs: Outputs) -> None:
    """All but the associations of Elastic IPs, which AWS makes a second time as if it were the first."""
    state = cluster.plane(spec).current()
    in_aws = {address for address in state.addresses if "aws_eip_association" not in address}
    wanted = importable_addresses(make_variables(spec, state.inputs, ""), "public")
    assert wanted == {address for address in in_aws if "terraform_data" not in address}
    assert find_untracked(Clients(spec, os.environ), outputs.uuid, wanted).imports.keys() == wanted


def test_a_second_run_has_nothing_to_do(cluster: Any, spec: Any, outputs: Outputs, ec2: EC2Client) -> None:
    """Also after a service that tags everything in the account: `aws.ignore_tags` names these tags."""
    tags = ec2.describe_tags()["Tags"]
    ours = [tag["ResourceId"] for tag in tags if (tag["Key"], tag["Value"]) == ("edgewrap:uuid", outputs.uuid)]
    ec2.create_tags(Resources=ours, Tags=[{"Key": key, "Value": "x"} for key in ("map-migrated", "auto:owner")])
    cluster.commands()
    plan, after = cluster.apply(spec)
    assert (plan.changes, plan.pending) == ((), False)
    assert after == outputs
    assert cluster.commands() == ["version", "plan"]


def test_a_smaller_volume_is_refused(cluster: Any, spec: Any, outputs: Outputs) -> None:
    smaller = spec.model_copy(update={"hosts": spec.hosts.model_copy(update={"root_volume_gb": 256})})
    with pytest.raises(RefusedChangeError, match="host-1 has 512 GiB, and AWS only enlarges volumes") as caught:
        cluster.plan(smaller)
    assert len(caught.value.refusals) == len(outputs.hosts)
    assert caught.value.refusals[0].endswith("write `root_volume_gb: 512` or more")


def test_a_change_of_another_plane_is_recorded_without_an_aws_change(
    cluster: Any, spec: Any, outputs: Outputs, aws: LabAwsClient
) -> None:
    changed = spec.model_copy(update={"private_network": spec.private_network.model_copy(update={"mtu": 1400})})
    cluster.commands()
    plan, after = cluster.apply(changed)
    assert (plan.changes, plan.pending) == ((), True)
    assert after == plan.predicted == outputs
    assert cluster.commands() == ["version", "plan", "apply"]
    assert '"mtu":1400' in cluster.plane(changed).current().applied


def test_one_more_elastic_ip_touches_nothing_else(cluster: Any, spec: Any, outputs: Outputs, aws: LabAwsClient) -> None:
    larger = cluster.spec(protect=True, aws=AWS, hosts=HOSTS, public_network=LARGER)
    cluster.commands()
    before = aws.calls()[-1].serial
    plan, after = cluster.apply(larger)
    assert [(change.action, change.kind, change.key) for change in plan.changes] == [
        ("create", "elastic ip", "eip-2"),
        ("create", "elastic ip association", "eip-2"),
    ]
    assert plan.predicted.eips["eip-2"].public_address == UNKNOWN
    assert cluster.commands() == ["version", "plan", "apply"]
    changing = [call.action for call in aws.calls(before) if not call.action.startswith(("Describe", "Get"))]
    assert changing == ["AllocateAddress", "AssociateAddress"]
    assert {key: after.eips[key] for key in outputs.eips} == outputs.eips
    assert after.eips["eip-2"].group == "group-2"


def test_drift_is_shown_and_reverted(cluster: Any, outputs: Outputs, ec2: EC2Client, aws: LabAwsClient) -> None:
    spec = cluster.spec(protect=True, aws=AWS, hosts=HOSTS, public_network=LARGER)
    [address] = ec2.describe_addresses(AllocationIds=[outputs.eips["eip-0"].allocation_id])["Addresses"]
    ec2.disassociate_address(AssociationId=address["AssociationId"])
    ec2.create_tags(Resources=[outputs.vpc_id], Tags=[{"Key": "team", "Value": "other"}])
    plan, _ = cluster.apply(spec)
    assert [(change.kind, change.key, change.why) for change in plan.changes] == [
        ("vpc", "vpc", "changed outside"),
        ("elastic ip association", "eip-0", "deleted outside"),
    ]
    [address] = ec2.describe_addresses(AllocationIds=[outputs.eips["eip-0"].allocation_id])["Addresses"]
    assert address["PrivateIpAddress"] == outputs.eips["eip-0"].private_address


def test_a_private_address_that_an_interface_has_lost_is_named(cluster: Any, outputs: Outputs, ec2: EC2Client) -> None:
    spec = cluster.spec(protect=True, aws=AWS, hosts=HOSTS, public_network=LARGER)
    plane, eip = cluster.plane(spec), outputs.eips["eip-0"]
    group = outputs.groups[eip.group]
    assert plane.health(plane.observe(), outputs) == ()
    ec2.disassociate_address(PublicIp=eip.public_address)
    ec2.unassign_private_ip_addresses(NetworkInterfaceId=group.interface_id, PrivateIpAddresses=[eip.private_address])
    with pytest.raises(TerraformError) as raised:
        cluster.apply(spec)
    assert "`edgewrap plan`: its warnings have the command" in raised.value.advice
    [found] = plane.health(plane.observe(), outputs)
    assert (found.check, found.verdict) == (group.key, Verdict.WARNING)
    command = re.search(r"--network-interface-id (\S+) --private-ip-addresses (\S+)`", found.advice)
    assert command is not None
    ec2.assign_private_ip_addresses(NetworkInterfaceId=command[1], PrivateIpAddresses=[command[2]])
    cluster.apply(spec)
    assert plane.health(plane.observe(), outputs) == ()


def test_a_stopped_host_is_seen(cluster: Any, outputs: Outputs, aws: LabAwsClient) -> None:
    spec = cluster.spec(protect=True, aws=AWS, hosts=HOSTS, public_network=LARGER)
    aws.set_instance_state(outputs.hosts["host-1"].instance_id, "stopped")
    plan = cluster.plan(spec)
    host = plan.predicted.hosts["host-1"]
    assert (host.state, host.public_address, host.name) == ("stopped", "", "10.0.0.11")
    assert "instance" not in {change.kind for change in plan.changes}


def test_replacing_the_only_host_that_runs_gives_a_warning(cluster: Any, outputs: Outputs, aws: LabAwsClient) -> None:
    aws.set_instance_state(outputs.hosts["host-1"].instance_id, "stopped")
    events: list[Event] = []
    plane = cluster.plane(cluster.spec(protect=True, aws=AWS, hosts=HOSTS, public_network=LARGER), events.append)
    state = plane.observe()
    plane.plan(state, Context(replaced=frozenset({"host-0"})))
    count = sum(state.outputs.groups[eip.group].host == "host-0" for eip in state.outputs.eips.values())
    [warning] = [one.text for one in events if (one.kind, one.key) == (EventKind.WARNING, "host-0")]
    assert warning.startswith(f"no other host takes its {counted(count, 'Elastic IP')}, which will not answer until")


def test_destroy_leaves_nothing(cluster: Any, outputs: Outputs, ec2: EC2Client) -> None:
    """Also of instances that EC2 refuses to terminate: the provider switches that off first."""
    anything = cluster.spec(aws={"region": "eu-west-1"}, hosts={"count": 1})  # whatever the spec says by now
    plane = cluster.plane(anything)
    plan = plane.destroy(plane.current())
    assert {change.action for change in plan.changes} == {"delete"}
    assert plan.predicted.hosts
    assert plane.apply(plan) is None
    assert plane.current() is None
    ours = of_this_cluster(outputs)
    left = [
        ec2.describe_vpcs(Filters=ours)["Vpcs"],
        ec2.describe_subnets(Filters=ours)["Subnets"],
        ec2.describe_internet_gateways(Filters=ours)["InternetGateways"],
        ec2.describe_route_tables(Filters=ours)["RouteTables"],
        ec2.describe_security_groups(Filters=ours)["SecurityGroups"],
        ec2.describe_key_pairs(Filters=ours)["KeyPairs"],
        ec2.describe_network_interfaces(Filters=ours)["NetworkInterfaces"],
        ec2.describe_addresses(Filters=ours)["Addresses"],
        ec2.describe_volumes(Filters=ours)["Volumes"],
    ]
    assert left == [[] for _ in left]
    for host in outputs.hosts.values():  # AWS shows a terminated instance for an hour
        [instance] = ec2.describe_instances(InstanceIds=[host.instance_id])["Reservations"][0]["Instances"]
        assert instance["State"]["Name"] == "terminated"
