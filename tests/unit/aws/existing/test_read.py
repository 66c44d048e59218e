"""What AWS answers about a VPC, a subnet and Elastic IPs, as the checks see it."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Any

import pytest

from edgewrap.aws.existing.addresses import Allocation
from edgewrap.aws.existing.network import ExistingNetwork, Interface, Subnet
from edgewrap.aws.existing.read import read_allocations, read_network
from edgewrap.errors import AwsError
from tests.support.aws_plane import make_spec
from tests.support.scripted import Scripted

UUID = "7e5a1c9e-0000-4000-8000-000000000001"
OURS = [{"Key": "edgewrap:uuid", "Value": UUID}, {"Key": "edgewrap:cluster", "Value": "edge-paris"}]
VPC_ID, SUBNET_ID = "vpc-0123456789abcdef0", "subnet-0123456789abcdef0"
SPEC = make_spec(aws={"network": {"vpc_id": VPC_ID, "subnet_id": SUBNET_ID}})
ACTIVE = {"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-1", "State": "active"}
TO_NAT = {"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-1", "State": "active"}


def network(*tables: dict[str, Any], uuid: str = UUID, interfaces: Any = (), groups: Any = ()) -> ExistingNetwork:
    """The VPC as AWS describes it, with these parts."""
    aws = Scripted(SPEC)
    aws.caller()
    ec2 = aws.stub("ec2")
    cidrs = [
        {"CidrBlock": "10.0.0.0/16", "CidrBlockState": {"State": "associated"}},
        {"CidrBlock": "10.7.0.0/16", "CidrBlockState": {"State": "disassociated"}},
    ]
    vpc = {"VpcId": VPC_ID, "State": "available", "OwnerId": "123456789012", "CidrBlockAssociationSet": cidrs}
    ec2.add_response("describe_vpcs", {"Vpcs": [vpc]})
    ec2.add_response("describe_security_groups", {"SecurityGroups": list(groups)})
    ec2.add_response("describe_internet_gateways", {"InternetGateways": [{"InternetGatewayId": "igw-1"}]})
    ec2.add_response("describe_route_tables", {"RouteTables": list(tables)})
    ec2.add_response("describe_network_interfaces", {"NetworkInterfaces": list(interfaces)})
    subnet = {"SubnetId": SUBNET_ID, "AvailabilityZone": "eu-west-3a", "State": "available"}
    ipv6 = {**subnet, "SubnetId": "subnet-6"}
    ec2.add_response("describe_subnets", {"Subnets": [{**subnet, "CidrBlock": "10.0.4.0/22"}, ipv6]})
    ec2.add_response("describe_vpc_attribute", {"EnableDnsSupport": {"Value": True}})
    ec2.add_response("describe_vpc_attribute", {"EnableDnsHostnames": {"Value": False}})
    found = read_network(aws.clients, SPEC, uuid)
    aws.done()
    return found


def table(route: dict[str, Any] | None, *, main: bool = False, subnet: str = "") -> dict[str, Any]:
    association: dict[str, Any] = {"Main": main} | ({"SubnetId": subnet} if subnet else {})
    return {"Routes": [route] if route else [], "Associations": [association]}


def test_vpc_and_subnet() -> None:
    found = network()
    assert (found.account, found.owner, found.state) == ("123456789012", "123456789012", "available")
    assert (found.cidrs, found.gateway, found.off) == ((IPv4Network("10.0.0.0/16"),), "igw-1", ("enableDnsHostnames",))
    assert found.subnets == (Subnet(SUBNET_ID, IPv4Network("10.0.4.0/22"), "eu-west-3a", public_at_launch=False),)


def test_a_vpc_that_aws_does_not_know() -> None:
    aws = Scripted(SPEC)
    aws.caller()
    aws.stub("ec2").add_response("describe_vpcs", {"Vpcs": []})
    assert read_network(aws.clients, SPEC, "").state == ""


@pytest.mark.parametrize(
    ("tables", "target"),
    [
        ([], ""),
        ([table(ACTIVE, main=True)], "igw-1"),
        ([table(ACTIVE, main=True), table(None, subnet=SUBNET_ID)], ""),
        ([table(None, main=True), table(ACTIVE, subnet=SUBNET_ID)], "igw-1"),
        ([table(ACTIVE, subnet="subnet-2")], ""),
        ([table({**ACTIVE, "DestinationCidrBlock": "10.9.0.0/16"}, main=True)], ""),
        ([table({**ACTIVE, "State": "blackhole"}, main=True)], "nothing (igw-1 was deleted)"),
        (
            [table({"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-1", "State": "active"}, main=True)],
            "nat-1",
        ),
    ],
)
def test_the_default_route_of_the_subnet(tables: list[dict[str, Any]], target: str) -> None:
    assert network(*tables).default_route == target


def test_interfaces_of_others() -> None:
    """Ours are those with our tag, and the hosts' own: they are in our security group."""
    groups = [
        {"GroupId": "sg-1", "GroupName": "edge-paris-hosts", "Tags": OURS},
        {"GroupId": "sg-2", "GroupName": "edge-paris-vms", "Tags": [{"Key": "edgewrap:uuid", "Value": "another"}]},
        {"GroupId": "sg-3", "GroupName": "default"},
    ]
    interfaces = [
        {"NetworkInterfaceId": "eni-1", "TagSet": OURS, "PrivateIpAddresses": [{"PrivateIpAddress": "10.0.6.0"}]},
        {"NetworkInterfaceId": "eni-2", "Groups": [{"GroupId": "sg-1"}]},
        {
            "NetworkInterfaceId": "eni-3",
            "Description": "theirs",
            "Groups": [{"GroupId": "sg-2"}],
            "PrivateIpAddresses": [{"PrivateIpAddress": "10.0.4.9"}, {"PrivateIpAddress": "10.0.4.10"}],
            "Ipv4Prefixes": [{"Ipv4Prefix": "10.0.4.16/28"}],
        },
    ]
    found = network(interfaces=interfaces, groups=groups)
    addresses = tuple(map(IPv4Network, ("10.0.4.9", "10.0.4.10", "10.0.4.16/28")))
    assert found.interfaces == (Interface("eni-3", "theirs", addresses),)
    assert found.groups == (("edge-paris-vms", "sg-2"),)
    first_run = network(interfaces=interfaces, groups=groups, uuid="")
    assert [one.id for one in first_run.interfaces] == ["eni-1", "eni-2", "eni-3"]
    assert [name for name, _ in first_run.groups] == ["edge-paris-hosts", "edge-paris-vms"]


ADDRESS = {"AllocationId": "eipalloc-1", "PublicIp": "203.0.113.7", "NetworkBorderGroup": "eu-west-3"}
PLAIN = Allocation("eipalloc-1", "203.0.113.7", "eu-west-3")


@pytest.mark.parametrize(
    ("more", "special", "cluster"),
    [
        ({}, "", ""),
        ({"PublicIpv4Pool": "ipv4pool-ec2-1"}, "", ""),  # of a range of the user's own
        ({"ServiceManaged": "nlb"}, "belongs to the AWS service nlb", ""),
        ({"CarrierIp": "203.0.113.8"}, "is an address of an Outpost or a Wavelength Zone", ""),
        ({"CustomerOwnedIp": "203.0.113.8"}, "is an address of an Outpost or a Wavelength Zone", ""),
        ({"Tags": OURS}, "", "edge-paris"),
    ],
)
def test_what_an_elastic_ip_is(more: dict[str, Any], special: str, cluster: str) -> None:
    aws = Scripted(SPEC)
    aws.stub("ec2").add_response("describe_addresses", {"Addresses": [{**ADDRESS, **more}]})
    [found] = read_allocations(aws.clients, ["eipalloc-1", "eipalloc-2"]).values()
    assert (found.special, found.cluster, found.public_address) == (special, cluster, PLAIN.public_address)
    aws.done()


@pytest.mark.parametrize(("tags", "holder"), [(OURS, UUID), ([], "")])
def test_where_an_elastic_ip_is_associated(tags: list[dict[str, str]], holder: str) -> None:
    aws = Scripted(SPEC)
    held = {"NetworkInterfaceId": "eni-1", "PrivateIpAddress": "10.0.6.2", "AssociationId": "eipassoc-1"}
    aws.stub("ec2").add_response("describe_addresses", {"Addresses": [{**ADDRESS, **held}]})
    interfaces = {"NetworkInterfaces": [{"NetworkInterfaceId": "eni-1", "TagSet": tags}]}
    aws.stub("ec2").add_response("describe_network_interfaces", interfaces)
    [found] = read_allocations(aws.clients, ["eipalloc-1"]).values()
    assert (found.interface_id, found.private_address, found.association_id, found.holder) == (
        *("eni-1", "10.0.6.2", "eipassoc-1"),
        holder,
    )


def test_an_answer_of_another_form_is_an_error() -> None:
    aws = Scripted(SPEC)
    odd = {**ADDRESS, "PublicIp": "$(reboot)"}
    aws.stub("ec2").add_response("describe_addresses", {"Addresses": [odd]})
    with pytest.raises(AwsError, match="sent an answer that cannot be used"):
        read_allocations(aws.clients, ["eipalloc-1"])
    assert read_allocations(aws.clients, []) == {}
