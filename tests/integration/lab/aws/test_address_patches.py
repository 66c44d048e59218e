"""Addresses, private and public: the same checks on the lab's AWS, which must pass them, and on stock moto, which must
fail them.

If stock moto passes a check, moto was fixed upstream: then delete the patch.
A check may fail with AssertionError only, so that a broken check does not count as a difference.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from edgewrap.lab.aws.client import LabAwsClient
from tests.support.aws import AwsAccount, network_interface, refused


def public_address(instance: Mapping[str, Any]) -> str:
    return str(instance.get("PublicIpAddress", ""))


# Private addresses


def check_secondary_addresses_are_free_ones(aws: AwsAccount) -> None:
    made = aws.ec2.create_network_interface(SubnetId=aws.subnet, SecondaryPrivateIpAddressCount=249)
    addresses = aws.addresses(made["NetworkInterface"]["NetworkInterfaceId"])
    assert sorted(set(addresses), key=lambda address: int(address.split(".")[3])) == [
        f"10.0.0.{index}" for index in range(4, 254)
    ]


def check_address_in_use(aws: AwsAccount) -> None:
    aws.interface("10.0.0.30")
    with refused("InvalidIPAddress.InUse"):
        aws.interface("10.0.0.30")


def check_address_reserved_by_aws(aws: AwsAccount) -> None:
    with refused("InvalidParameterValue"):
        aws.interface("10.0.0.2")


def check_address_outside_the_subnet(aws: AwsAccount) -> None:
    with refused("InvalidParameterValue"):
        aws.interface("10.0.1.30")


def check_unassigned_address_loses_its_association(aws: AwsAccount) -> None:
    interface, allocation = aws.interface("10.0.0.40", "10.0.0.41"), aws.allocate()
    aws.associate(allocation, interface, PrivateIpAddress="10.0.0.41")
    aws.ec2.unassign_private_ip_addresses(NetworkInterfaceId=interface, PrivateIpAddresses=["10.0.0.41"])
    assert "AssociationId" not in aws.elastic(allocation)


def check_assigned_address_moves_only_when_allowed(aws: AwsAccount) -> None:
    source, target = aws.interface("10.0.0.50", "10.0.0.51"), aws.interface("10.0.0.52")
    with refused("InvalidParameterValue"):
        aws.ec2.assign_private_ip_addresses(NetworkInterfaceId=target, PrivateIpAddresses=["10.0.0.51"])
    aws.ec2.assign_private_ip_addresses(
        NetworkInterfaceId=target, PrivateIpAddresses=["10.0.0.51"], AllowReassignment=True
    )
    assert (aws.addresses(source), aws.addresses(target)) == (["10.0.0.50"], ["10.0.0.52", "10.0.0.51"])


def check_association_moves_with_its_address(aws: AwsAccount) -> None:
    source, target, allocation = aws.interface("10.0.0.55", "10.0.0.56"), aws.interface("10.0.0.57"), aws.allocate()
    aws.associate(allocation, source, PrivateIpAddress="10.0.0.56")
    aws.ec2.assign_private_ip_addresses(
        NetworkInterfaceId=target, PrivateIpAddresses=["10.0.0.56"], AllowReassignment=True
    )
    elastic = aws.elastic(allocation)
    assert (elastic["NetworkInterfaceId"], elastic["PrivateIpAddress"]) == (target, "10.0.0.56")


def check_unknown_security_group_of_an_interface(aws: AwsAccount) -> None:
    with refused("InvalidGroup.NotFound"):
        aws.interface("10.0.0.58", Groups=["sg-0123456789abcdef0"])


def check_interfaces_are_found_by_what_they_have(aws: AwsAccount) -> None:
    interface, instance, allocation = aws.interface("10.0.0.64", "10.0.0.65"), aws.run(), aws.allocate()
    attachment = aws.attach(interface, instance, 1)
    aws.associate(allocation, interface, PrivateIpAddress="10.0.0.65")
    assert aws.find("attachment.attachment-id", attachment) == [interface]
    assert sorted(aws.find("attachment.instance-id", instance)) == sorted([interface, aws.primary(instance)])
    assert aws.find("addresses.association.public-ip", aws.elastic(allocation)["PublicIp"]) == [interface]
    assert interface in aws.find("addresses.private-ip-address", "10.0.0.65")
    assert interface in aws.find("attachment.status", "attached")


# Elastic IPs


def check_association_to_a_given_private_address(aws: AwsAccount) -> None:
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


def check_association_leaves_the_hosts_public_address(aws: AwsAccount) -> None:
    listed = [{"PrivateIpAddress": "10.0.0.71"}]
    instance = aws.run(
        NetworkInterfaces=network_interface(aws, PrivateIpAddress="10.0.0.70", PrivateIpAddresses=listed)
    )
    before = public_address(aws.instance(instance))
    with contextlib.suppress(ClientError):  # stock moto has no such secondary address, and does not mind
        aws.associate(aws.allocate(), aws.primary(instance), PrivateIpAddress="10.0.0.71")
    assert public_address(aws.instance(instance)) == before != ""


def check_association_to_an_address_that_is_not_there(aws: AwsAccount) -> None:
    with refused("InvalidParameterValue"):
        aws.associate(aws.allocate(), aws.interface("10.0.0.80"), PrivateIpAddress="10.0.0.81")


def check_reassociation_replaces_who_was_there(aws: AwsAccount) -> None:
    interface, first, second = aws.interface("10.0.0.90"), aws.allocate(), aws.allocate()
    aws.associate(first, interface)
    with refused("Resource.AlreadyAssociated"):
        aws.associate(second, interface, AllowReassociation=False)
    aws.associate(second, interface, AllowReassociation=True)
    assert "AssociationId" not in aws.elastic(first)
    assert aws.elastic(second)["NetworkInterfaceId"] == interface


def check_same_association_again_keeps_its_id(aws: AwsAccount) -> None:
    interface, allocation = aws.interface("10.0.0.95"), aws.allocate()
    assert aws.associate(allocation, interface) == aws.associate(allocation, interface)


def check_association_without_an_internet_gateway(aws: AwsAccount) -> None:
    interface = aws.interface("10.0.0.100")
    aws.ec2.detach_internet_gateway(InternetGatewayId=aws.gateway, VpcId=aws.vpc)
    with refused("Gateway.NotAttached"):
        aws.associate(aws.allocate(), interface)


def check_associated_address_is_not_released(aws: AwsAccount) -> None:
    allocation = aws.allocate()
    aws.associate(allocation, aws.interface("10.0.0.105"))
    with refused("InvalidIPAddress.InUse"):
        aws.ec2.release_address(AllocationId=allocation)


def check_association_stays_on_a_detached_interface(aws: AwsAccount) -> None:
    interface, instance, allocation = aws.interface("10.0.0.110", "10.0.0.111"), aws.run(), aws.allocate()
    aws.associate(allocation, interface, PrivateIpAddress="10.0.0.111")
    attachment = aws.attach(interface, instance, 1)
    assert aws.elastic(allocation)["InstanceId"] == instance
    aws.ec2.detach_network_interface(AttachmentId=attachment)
    elastic = aws.elastic(allocation)
    assert (elastic["InstanceId"], elastic["PrivateIpAddress"]) == ("", "10.0.0.111")


def check_elastic_addresses_are_documentation_ones(aws: AwsAccount) -> None:
    assert aws.elastic(aws.allocate())["PublicIp"].startswith("203.0.113.")


# Public addresses of hosts


def check_public_addresses_are_documentation_ones(aws: AwsAccount) -> None:
    assert public_address(aws.instance(aws.run())).startswith("198.51.100.")


def check_elastic_ip_takes_the_place_of_the_public_address(aws: AwsAccount) -> None:
    instance, allocation = aws.run(), aws.allocate()
    before = public_address(aws.instance(instance))
    aws.ec2.associate_address(AllocationId=allocation, InstanceId=instance)
    elastic = aws.elastic(allocation)
    assert public_address(aws.instance(instance)) == elastic["PublicIp"]
    aws.ec2.disassociate_address(AssociationId=elastic["AssociationId"])
    assert public_address(aws.instance(instance)).startswith("198.51.100.")
    assert public_address(aws.instance(instance)) != before


def check_no_new_public_address_with_a_second_interface(aws: AwsAccount) -> None:
    instance = aws.run()
    aws.attach(aws.interface("10.0.0.120"), instance, 1)
    aws.ec2.stop_instances(InstanceIds=[instance])
    aws.ec2.start_instances(InstanceIds=[instance])
    assert not public_address(aws.instance(instance))


def check_elastic_ip_stays_while_the_instance_is_stopped(aws: AwsAccount) -> None:
    instance, allocation = aws.run(), aws.allocate()
    aws.ec2.associate_address(AllocationId=allocation, InstanceId=instance)
    aws.ec2.stop_instances(InstanceIds=[instance])
    assert public_address(aws.instance(instance)) == aws.elastic(allocation)["PublicIp"]


def check_public_names_exist_only_with_dns_hostnames(aws: AwsAccount) -> None:
    instance = aws.run()
    assert not aws.instance(instance)["PublicDnsName"]
    aws.ec2.modify_vpc_attribute(VpcId=aws.vpc, EnableDnsHostnames={"Value": True})
    shown = aws.instance(instance)
    dashed = shown["PublicIpAddress"].replace(".", "-")
    assert shown["PublicDnsName"] == f"ec2-{dashed}.{aws.ec2.meta.region_name}.compute.amazonaws.com"
    assert aws.shown(aws.primary(instance))["Association"]["PublicDnsName"] == shown["PublicDnsName"]


CHECKS = [check for name, check in list(globals().items()) if name.startswith("check_")]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
def test_the_lab_behaves_as_aws(check: Any, lab_aws: LabAwsClient) -> None:
    lab_aws.set_quotas(elastic_ips=200, vpcs=200, standard_vcpus=100_000)
    check(AwsAccount(lab_aws.endpoint))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
def test_stock_moto_behaves_differently(check: Any, stock_endpoint: str) -> None:
    aws = AwsAccount(stock_endpoint)
    with pytest.raises(AssertionError):
        check(aws)
