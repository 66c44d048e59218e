"""The same checks against the lab's AWS, which passes them, and against stock moto, which must not.

A check that stock moto begins to pass says that moto was mended upstream: then our mend goes.
A check fails by AssertionError only, so that a broken check is not taken for a difference.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from edgewrap.lab.aws.amis import CANONICAL, images
from edgewrap.lab.aws.client import LabAwsClient
from tests.support.aws import refused

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

REGION = "eu-west-3"
ZONE = "eu-west-3a"
ELSEWHERE = "c6id.metal"  # not offered in that zone
SESSION = boto3.Session("test", "test", region_name=REGION)  # one: it keeps the parsed API models
IMAGE = next(image.id for image in images() if image.newest)


class Aws:
    """An endpoint, and a VPC of its own for each check."""

    def __init__(self, endpoint: str) -> None:
        once = Config(retries={"total_max_attempts": 1})
        self.ec2: EC2Client = SESSION.client("ec2", endpoint_url=endpoint, config=once)
        self.vpc = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.subnet = self.ec2.create_subnet(VpcId=self.vpc, CidrBlock="10.0.0.0/24", AvailabilityZone=ZONE)["Subnet"][
            "SubnetId"
        ]
        self.ec2.modify_subnet_attribute(SubnetId=self.subnet, MapPublicIpOnLaunch={"Value": True})
        self.gateway = self.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        self.ec2.attach_internet_gateway(InternetGatewayId=self.gateway, VpcId=self.vpc)

    def group(self, name: str) -> str:
        return self.ec2.create_security_group(GroupName=name, Description=name, VpcId=self.vpc)["GroupId"]

    def run(self, **request: Any) -> str:
        """The id of a new c5.metal, in the subnet unless the request names interfaces."""
        if "NetworkInterfaces" not in request:
            request["SubnetId"] = self.subnet
        usual: dict[str, Any] = {"ImageId": IMAGE, "InstanceType": "c5.metal", "MinCount": 1, "MaxCount": 1}
        return self.ec2.run_instances(**usual | request)["Instances"][0]["InstanceId"]

    def instance(self, instance_id: str) -> Any:
        return self.ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]

    def primary(self, instance_id: str) -> str:
        """The id of the interface that came with the instance."""
        return str(self.instance(instance_id)["NetworkInterfaces"][0]["NetworkInterfaceId"])

    def interface(self, *addresses: str, **request: Any) -> str:
        """The id of a new interface; the first address is its primary one."""
        listed = [{"PrivateIpAddress": address, "Primary": not index} for index, address in enumerate(addresses)]
        made = self.ec2.create_network_interface(SubnetId=self.subnet, PrivateIpAddresses=listed, **request)  # type: ignore[arg-type]
        return made["NetworkInterface"]["NetworkInterfaceId"]

    def shown(self, interface_id: str) -> Any:
        return self.ec2.describe_network_interfaces(NetworkInterfaceIds=[interface_id])["NetworkInterfaces"][0]

    def addresses(self, interface_id: str) -> list[str]:
        return [item["PrivateIpAddress"] for item in self.shown(interface_id)["PrivateIpAddresses"]]

    def attach(self, interface_id: str, instance_id: str, index: int) -> str:
        return self.ec2.attach_network_interface(
            NetworkInterfaceId=interface_id, InstanceId=instance_id, DeviceIndex=index
        )["AttachmentId"]

    def allocate(self) -> str:
        return self.ec2.allocate_address(Domain="vpc")["AllocationId"]

    def associate(self, allocation: str, interface_id: str, **request: Any) -> str:
        return self.ec2.associate_address(AllocationId=allocation, NetworkInterfaceId=interface_id, **request)[
            "AssociationId"
        ]

    def elastic(self, allocation: str) -> Any:
        return self.ec2.describe_addresses(AllocationIds=[allocation])["Addresses"][0]

    def find(self, name: str, value: str) -> list[str]:
        """The ids of the interfaces that a filter finds; empty where the filter is not known."""
        try:
            found = self.ec2.describe_network_interfaces(Filters=[{"Name": name, "Values": [value]}])
        except ClientError:
            return []
        return [interface["NetworkInterfaceId"] for interface in found["NetworkInterfaces"]]


def public_address(instance: Mapping[str, Any]) -> str:
    return str(instance.get("PublicIpAddress", ""))


def network_interface(aws: Aws, **more: Any) -> Sequence[Any]:
    return [{"DeviceIndex": 0, "SubnetId": aws.subnet, **more}]


# At launch


def check_secondary_addresses_at_launch(aws: Aws) -> None:
    listed = [{"PrivateIpAddress": address} for address in ("10.0.0.20", "10.0.0.21")]
    instance = aws.run(
        NetworkInterfaces=network_interface(aws, PrivateIpAddress="10.0.0.10", PrivateIpAddresses=listed)
    )
    assert aws.addresses(aws.primary(instance)) == ["10.0.0.10", "10.0.0.20", "10.0.0.21"]
    shown = aws.instance(instance)["NetworkInterfaces"][0]["PrivateIpAddresses"]
    assert [(item["PrivateIpAddress"], item["Primary"]) for item in shown] == [
        ("10.0.0.10", True),
        ("10.0.0.20", False),
        ("10.0.0.21", False),
    ]


def check_security_groups_of_an_interface_made_at_launch(aws: Aws) -> None:
    group = aws.group("at-launch")
    instance = aws.instance(aws.run(NetworkInterfaces=network_interface(aws, Groups=[group])))
    assert [item["GroupId"] for item in instance["SecurityGroups"]] == [group]
    assert [item["GroupId"] for item in instance["NetworkInterfaces"][0]["Groups"]] == [group]


def check_security_groups_changed_on_the_instance(aws: Aws) -> None:
    instance = aws.run(SecurityGroupIds=[aws.group("first")])
    second = aws.group("second")
    aws.ec2.modify_instance_attribute(InstanceId=instance, Groups=[second])
    assert [item["GroupId"] for item in aws.shown(aws.primary(instance))["Groups"]] == [second]


def check_unknown_key_pair(aws: Aws) -> None:
    with refused("InvalidKeyPair.NotFound"):
        aws.run(KeyName="nobody")


def check_unknown_image(aws: Aws) -> None:
    with refused("InvalidAMIID.NotFound"):
        aws.run(ImageId="ami-0123456789abcdef0")


def check_unknown_instance_type(aws: Aws) -> None:
    with refused("InvalidInstanceType.NotFound"):
        aws.run(InstanceType="c5.wood")


def check_type_that_the_zone_does_not_offer(aws: Aws) -> None:
    offered = aws.ec2.describe_instance_type_offerings(
        LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": [ELSEWHERE]}]
    )["InstanceTypeOfferings"]
    assert ZONE not in [offering["Location"] for offering in offered] != []
    with refused("Unsupported"):
        aws.run(InstanceType=ELSEWHERE)


def check_ubuntu_images(aws: Aws) -> None:
    for name, architecture in (
        ("ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-amd64-server-*", "x86_64"),
        ("ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-*", "x86_64"),
        ("ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-arm64-server-*", "arm64"),
    ):
        found = aws.ec2.describe_images(Owners=[CANONICAL], Filters=[{"Name": "name", "Values": [name]}])["Images"]
        assert [image["Architecture"] for image in found] == [architecture] * 2
        assert found[0]["CreationDate"] != found[1]["CreationDate"]


def check_network_interface_goes_with_its_instance(aws: Aws) -> None:
    instance = aws.run()
    interface = aws.primary(instance)
    aws.ec2.terminate_instances(InstanceIds=[instance])
    assert not aws.find("network-interface-id", interface)


# Private addresses


def check_secondary_addresses_are_free_ones(aws: Aws) -> None:
    made = aws.ec2.create_network_interface(SubnetId=aws.subnet, SecondaryPrivateIpAddressCount=249)
    addresses = aws.addresses(made["NetworkInterface"]["NetworkInterfaceId"])
    assert sorted(set(addresses), key=lambda address: int(address.split(".")[3])) == [
        f"10.0.0.{index}" for index in range(4, 254)
    ]


def check_address_in_use(aws: Aws) -> None:
    aws.interface("10.0.0.30")
    with refused("InvalidIPAddress.InUse"):
        aws.interface("10.0.0.30")


def check_address_reserved_by_aws(aws: Aws) -> None:
    with refused("InvalidParameterValue"):
        aws.interface("10.0.0.2")


def check_address_outside_the_subnet(aws: Aws) -> None:
    with refused("InvalidParameterValue"):
        aws.interface("10.0.1.30")


def check_unassigned_address_loses_its_association(aws: Aws) -> None:
    interface, allocation = aws.interface("10.0.0.40", "10.0.0.41"), aws.allocate()
    aws.associate(allocation, interface, PrivateIpAddress="10.0.0.41")
    aws.ec2.unassign_private_ip_addresses(NetworkInterfaceId=interface, PrivateIpAddresses=["10.0.0.41"])
    assert "AssociationId" not in aws.elastic(allocation)


def check_assigned_address_moves_only_when_allowed(aws: Aws) -> None:
    source, target = aws.interface("10.0.0.50", "10.0.0.51"), aws.interface("10.0.0.52")
    with refused("InvalidParameterValue"):
        aws.ec2.assign_private_ip_addresses(NetworkInterfaceId=target, PrivateIpAddresses=["10.0.0.51"])
    aws.ec2.assign_private_ip_addresses(
        NetworkInterfaceId=target, PrivateIpAddresses=["10.0.0.51"], AllowReassignment=True
    )
    assert (aws.addresses(source), aws.addresses(target)) == (["10.0.0.50"], ["10.0.0.52", "10.0.0.51"])


# Elastic IPs


def check_association_to_a_given_private_address(aws: Aws) -> None:
    interface, allocation = aws.interface("10.0.0.60", "10.0.0.61", "10.0.0.62"), aws.allocate()
    aws.associate(allocation, interface, PrivateIpAddress="10.0.0.61")
    elastic, shown = aws.elastic(allocation), aws.shown(interface)
    assert elastic["PrivateIpAddress"] == "10.0.0.61"
    assert "Association" not in shown
    assert [item.get("Association", {}).get("PublicIp") for item in shown["PrivateIpAddresses"]] == [
        None,
        elastic["PublicIp"],
        None,
    ]


def check_association_leaves_the_hosts_public_address(aws: Aws) -> None:
    listed = [{"PrivateIpAddress": "10.0.0.71"}]
    instance = aws.run(
        NetworkInterfaces=network_interface(aws, PrivateIpAddress="10.0.0.70", PrivateIpAddresses=listed)
    )
    before = public_address(aws.instance(instance))
    with contextlib.suppress(ClientError):  # stock moto has no such secondary address, and does not mind
        aws.associate(aws.allocate(), aws.primary(instance), PrivateIpAddress="10.0.0.71")
    assert public_address(aws.instance(instance)) == before != ""


def check_association_to_an_address_that_is_not_there(aws: Aws) -> None:
    with refused("InvalidParameterValue"):
        aws.associate(aws.allocate(), aws.interface("10.0.0.80"), PrivateIpAddress="10.0.0.81")


def check_reassociation_replaces_who_was_there(aws: Aws) -> None:
    interface, first, second = aws.interface("10.0.0.90"), aws.allocate(), aws.allocate()
    aws.associate(first, interface)
    with refused("Resource.AlreadyAssociated"):
        aws.associate(second, interface, AllowReassociation=False)
    aws.associate(second, interface, AllowReassociation=True)
    assert "AssociationId" not in aws.elastic(first)
    assert aws.elastic(second)["NetworkInterfaceId"] == interface


def check_same_association_again_keeps_its_id(aws: Aws) -> None:
    interface, allocation = aws.interface("10.0.0.95"), aws.allocate()
    assert aws.associate(allocation, interface) == aws.associate(allocation, interface)


def check_association_without_an_internet_gateway(aws: Aws) -> None:
    interface = aws.interface("10.0.0.100")
    aws.ec2.detach_internet_gateway(InternetGatewayId=aws.gateway, VpcId=aws.vpc)
    with refused("Gateway.NotAttached"):
        aws.associate(aws.allocate(), interface)


def check_associated_address_is_not_released(aws: Aws) -> None:
    allocation = aws.allocate()
    aws.associate(allocation, aws.interface("10.0.0.105"))
    with refused("InvalidIPAddress.InUse"):
        aws.ec2.release_address(AllocationId=allocation)


def check_association_stays_on_a_detached_interface(aws: Aws) -> None:
    interface, instance, allocation = aws.interface("10.0.0.110", "10.0.0.111"), aws.run(), aws.allocate()
    aws.associate(allocation, interface, PrivateIpAddress="10.0.0.111")
    attachment = aws.attach(interface, instance, 1)
    assert aws.elastic(allocation)["InstanceId"] == instance
    aws.ec2.detach_network_interface(AttachmentId=attachment)
    elastic = aws.elastic(allocation)
    assert (elastic["InstanceId"], elastic["PrivateIpAddress"]) == ("", "10.0.0.111")


def check_elastic_addresses_are_documentation_ones(aws: Aws) -> None:
    assert aws.elastic(aws.allocate())["PublicIp"].startswith("203.0.113.")


# Public addresses of hosts


def check_public_addresses_are_documentation_ones(aws: Aws) -> None:
    assert public_address(aws.instance(aws.run())).startswith("198.51.100.")


def check_elastic_ip_takes_the_place_of_the_public_address(aws: Aws) -> None:
    instance, allocation = aws.run(), aws.allocate()
    before = public_address(aws.instance(instance))
    aws.ec2.associate_address(AllocationId=allocation, InstanceId=instance)
    elastic = aws.elastic(allocation)
    assert public_address(aws.instance(instance)) == elastic["PublicIp"]
    aws.ec2.disassociate_address(AssociationId=elastic["AssociationId"])
    assert public_address(aws.instance(instance)).startswith("198.51.100.")
    assert public_address(aws.instance(instance)) != before


def check_no_new_public_address_with_a_second_interface(aws: Aws) -> None:
    instance = aws.run()
    aws.attach(aws.interface("10.0.0.120"), instance, 1)
    aws.ec2.stop_instances(InstanceIds=[instance])
    aws.ec2.start_instances(InstanceIds=[instance])
    assert not public_address(aws.instance(instance))


def check_elastic_ip_stays_while_the_instance_is_stopped(aws: Aws) -> None:
    instance, allocation = aws.run(), aws.allocate()
    aws.ec2.associate_address(AllocationId=allocation, InstanceId=instance)
    aws.ec2.stop_instances(InstanceIds=[instance])
    assert public_address(aws.instance(instance)) == aws.elastic(allocation)["PublicIp"]


# Attachments


def check_attached_interface_has_its_own_groups(aws: Aws) -> None:
    own = aws.group("own")
    interface, instance = aws.interface("10.0.0.130", Groups=[own]), aws.run(SecurityGroupIds=[aws.group("host")])
    aws.attach(interface, instance, 1)
    assert [item["GroupId"] for item in aws.shown(interface)["Groups"]] == [own]


def check_detached_attachment_is_said_to_be(aws: Aws) -> None:
    interface, instance = aws.interface("10.0.0.135"), aws.run()
    attachment = aws.attach(interface, instance, 1)
    aws.ec2.detach_network_interface(AttachmentId=attachment)
    found = aws.ec2.describe_network_interfaces(Filters=[{"Name": "attachment.attachment-id", "Values": [attachment]}])
    assert [item["Attachment"]["Status"] for item in found["NetworkInterfaces"]] == ["detached"]
    shown = aws.shown(interface)
    assert ("Attachment" in shown, shown["Status"]) == (False, "available")
    deadline = time.monotonic() + 10
    while aws.find("attachment.attachment-id", attachment):
        assert time.monotonic() < deadline, "a detached attachment is shown for ever"
        time.sleep(0.2)


def check_device_index_in_use(aws: Aws) -> None:
    instance = aws.run()
    aws.attach(aws.interface("10.0.0.140"), instance, 1)
    with refused("InvalidParameterValue"):
        aws.attach(aws.interface("10.0.0.141"), instance, 1)


def check_interface_in_use_is_not_attached_again(aws: Aws) -> None:
    interface = aws.interface("10.0.0.142")
    aws.attach(interface, aws.run(), 1)
    with refused("InvalidNetworkInterface.InUse"):
        aws.attach(interface, aws.run(), 1)


def check_interface_in_use_is_not_deleted(aws: Aws) -> None:
    interface = aws.interface("10.0.0.145")
    aws.attach(interface, aws.run(), 1)
    with refused("InvalidParameterValue"):
        aws.ec2.delete_network_interface(NetworkInterfaceId=interface)


def check_primary_interface_is_not_detached(aws: Aws) -> None:
    instance = aws.run()
    aws.attach(aws.interface("10.0.0.150"), instance, 1)
    with refused("OperationNotPermitted"):
        aws.ec2.detach_network_interface(AttachmentId=aws.shown(aws.primary(instance))["Attachment"]["AttachmentId"])


def check_attached_interface_outlives_the_instance(aws: Aws) -> None:
    interface, instance = aws.interface("10.0.0.155"), aws.run()
    aws.attach(interface, instance, 1)
    aws.ec2.terminate_instances(InstanceIds=[instance])
    assert aws.shown(interface)["Status"] == "available"
    aws.attach(interface, aws.run(), 1)


CHECKS = [check for name, check in list(globals().items()) if name.startswith("check_")]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
def test_lab_does_as_aws(check: Any, lab_aws: LabAwsClient) -> None:
    lab_aws.set_quotas(elastic_ips=200, vpcs=200, standard_vcpus=100_000)
    check(Aws(lab_aws.endpoint))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
def test_stock_moto_does_not(check: Any, stock_endpoint: str) -> None:
    aws = Aws(stock_endpoint)
    with pytest.raises(AssertionError):
        check(aws)
