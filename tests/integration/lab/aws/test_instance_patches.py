"""Launch and attachments: the same checks on the lab's AWS, which must pass them, and on stock moto, which must fail
them.

If stock moto passes a check, moto was fixed upstream: then delete the patch.
A check may fail with AssertionError only, so that a broken check does not count as a difference.
"""

from __future__ import annotations

import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from edgewrap.lab.aws.amis import CANONICAL
from edgewrap.lab.aws.client import LabAwsClient
from tests.support.aws import ZONE, AwsAccount, network_interface, refused

ELSEWHERE = "c6id.metal"  # not offered in that zone


# At launch


def check_secondary_addresses_at_launch(aws: AwsAccount) -> None:
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


def check_security_groups_of_an_interface_made_at_launch(aws: AwsAccount) -> None:
    group = aws.group("at-launch")
    instance = aws.instance(aws.run(NetworkInterfaces=network_interface(aws, Groups=[group])))
    assert [item["GroupId"] for item in instance["SecurityGroups"]] == [group]
    assert [item["GroupId"] for item in instance["NetworkInterfaces"][0]["Groups"]] == [group]


def check_security_groups_changed_on_the_instance(aws: AwsAccount) -> None:
    instance = aws.run(SecurityGroupIds=[aws.group("first")])
    second = aws.group("second")
    aws.ec2.modify_instance_attribute(InstanceId=instance, Groups=[second])
    assert [item["GroupId"] for item in aws.shown(aws.primary(instance))["Groups"]] == [second]


def check_a_rule_for_all_protocols_modified(aws: AwsAccount) -> None:
    """As the provider does it where a host's public address has changed: no ports are given."""
    group = aws.group("modified")
    everything: Any = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "198.51.100.1/32"}]}]
    made = aws.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=everything)
    rule_id = made["SecurityGroupRules"][0]["SecurityGroupRuleId"]
    changed: Any = {"IpProtocol": "-1", "CidrIpv4": "198.51.100.2/32"}
    try:
        aws.ec2.modify_security_group_rules(
            GroupId=group, SecurityGroupRules=[{"SecurityGroupRuleId": rule_id, "SecurityGroupRule": changed}]
        )
    except ClientError as error:
        raise AssertionError(error) from error
    rules = aws.ec2.describe_security_group_rules(SecurityGroupRuleIds=[rule_id])["SecurityGroupRules"]
    assert [(rule["IpProtocol"], rule["CidrIpv4"]) for rule in rules] == [("-1", "198.51.100.2/32")]


def check_placement_and_reservation(aws: AwsAccount) -> None:
    placement: Any = {"GroupName": "near", "Tenancy": "dedicated"}
    reservation: Any = {"CapacityReservationPreference": "none"}
    shown = aws.instance(aws.run(Placement=placement, CapacityReservationSpecification=reservation))
    assert {name: shown["Placement"][name] for name in placement} == placement
    assert shown["CapacityReservationSpecification"] == reservation


def check_termination_protection(aws: AwsAccount) -> None:
    instance = aws.run(DisableApiTermination=True)
    with refused("OperationNotPermitted"):
        aws.ec2.terminate_instances(InstanceIds=[instance])
    aws.ec2.modify_instance_attribute(InstanceId=instance, DisableApiTermination={"Value": False})
    aws.ec2.terminate_instances(InstanceIds=[instance])


def check_unknown_key_pair(aws: AwsAccount) -> None:
    with refused("InvalidKeyPair.NotFound"):
        aws.run(KeyName="nobody")


def check_unknown_image(aws: AwsAccount) -> None:
    with refused("InvalidAMIID.NotFound"):
        aws.run(ImageId="ami-0123456789abcdef0")


def check_unknown_instance_type(aws: AwsAccount) -> None:
    with refused("InvalidInstanceType.NotFound"):
        aws.run(InstanceType="c5.wood")


def check_type_that_the_zone_does_not_offer(aws: AwsAccount) -> None:
    offered = aws.ec2.describe_instance_type_offerings(
        LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": [ELSEWHERE]}]
    )["InstanceTypeOfferings"]
    assert ZONE not in [offering["Location"] for offering in offered] != []
    with refused("Unsupported"):
        aws.run(InstanceType=ELSEWHERE)


def check_ubuntu_images(aws: AwsAccount) -> None:
    for name, architecture in (
        ("ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-amd64-server-*", "x86_64"),
        ("ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-*", "x86_64"),
        ("ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-arm64-server-*", "arm64"),
    ):
        found = aws.ec2.describe_images(Owners=[CANONICAL], Filters=[{"Name": "name", "Values": [name]}])["Images"]
        assert [image["Architecture"] for image in found] == [architecture] * 2
        assert found[0]["CreationDate"] != found[1]["CreationDate"]


def check_network_interface_goes_with_its_instance(aws: AwsAccount) -> None:
    instance = aws.run()
    interface = aws.primary(instance)
    aws.ec2.terminate_instances(InstanceIds=[instance])
    assert not aws.find("network-interface-id", interface)


# Attachments


def check_attached_interface_has_its_own_groups(aws: AwsAccount) -> None:
    own = aws.group("own")
    interface, instance = aws.interface("10.0.0.130", Groups=[own]), aws.run(SecurityGroupIds=[aws.group("host")])
    aws.attach(interface, instance, 1)
    assert [item["GroupId"] for item in aws.shown(interface)["Groups"]] == [own]


def check_detached_attachment_is_said_to_be(aws: AwsAccount) -> None:
    interface, instance = aws.interface("10.0.0.135"), aws.run()
    attachment = aws.attach(interface, instance, 1)
    aws.ec2.detach_network_interface(AttachmentId=attachment)
    found = aws.ec2.describe_network_interfaces(Filters=[{"Name": "attachment.attachment-id", "Values": [attachment]}])
    assert [item["Attachment"]["Status"] for item in found["NetworkInterfaces"]] == ["detached"]
    shown = aws.shown(interface)
    assert ("Attachment" in shown, shown["Status"]) == (False, "available")
    deadline = time.monotonic() + 10
    while aws.find("attachment.attachment-id", attachment):
        assert time.monotonic() < deadline, "a detached attachment is shown permanently"
        time.sleep(0.2)


def check_device_index_in_use(aws: AwsAccount) -> None:
    instance = aws.run()
    aws.attach(aws.interface("10.0.0.140"), instance, 1)
    with refused("InvalidParameterValue"):
        aws.attach(aws.interface("10.0.0.141"), instance, 1)


def check_interface_in_use_is_not_attached_again(aws: AwsAccount) -> None:
    interface = aws.interface("10.0.0.142")
    aws.attach(interface, aws.run(), 1)
    with refused("InvalidNetworkInterface.InUse"):
        aws.attach(interface, aws.run(), 1)


def check_interface_in_use_is_not_deleted(aws: AwsAccount) -> None:
    interface = aws.interface("10.0.0.145")
    aws.attach(interface, aws.run(), 1)
    with refused("InvalidParameterValue"):
        aws.ec2.delete_network_interface(NetworkInterfaceId=interface)


def check_primary_interface_is_not_detached(aws: AwsAccount) -> None:
    instance = aws.run()
    aws.attach(aws.interface("10.0.0.150"), instance, 1)
    with refused("OperationNotPermitted"):
        aws.ec2.detach_network_interface(AttachmentId=aws.shown(aws.primary(instance))["Attachment"]["AttachmentId"])


def check_attached_interface_outlives_the_instance(aws: AwsAccount) -> None:
    interface, instance = aws.interface("10.0.0.155"), aws.run()
    aws.attach(interface, instance, 1)
    aws.ec2.terminate_instances(InstanceIds=[instance])
    assert aws.shown(interface)["Status"] == "available"
    aws.attach(interface, aws.run(), 1)


# Volumes


def check_speed_of_a_volume_at_launch(aws: AwsAccount) -> None:
    asked = [{"VolumeSize": 20, "VolumeType": "gp3"}, {"VolumeSize": 20, "VolumeType": "gp3", "Iops": 4000}]
    asked[1]["Throughput"] = 500
    found = []
    for ebs in asked:
        instance = aws.run(BlockDeviceMappings=[{"DeviceName": "/dev/sda1", "Ebs": ebs}])
        attached: Any = [{"Name": "attachment.instance-id", "Values": [instance]}]
        [volume] = aws.ec2.describe_volumes(Filters=attached)["Volumes"]
        found.append((volume["Iops"], volume.get("Throughput")))
    assert found == [(3000, 125), (4000, 500)]


def check_one_change_of_a_volume_in_six_hours(aws: AwsAccount) -> None:
    volume = aws.ec2.create_volume(AvailabilityZone=ZONE, Size=10, VolumeType="gp3")["VolumeId"]
    aws.ec2.modify_volume(VolumeId=volume, Size=11, Iops=4000)
    with refused("VolumeModificationRateExceeded"):
        aws.ec2.modify_volume(VolumeId=volume, Iops=5000)


def check_a_volume_cannot_shrink(aws: AwsAccount) -> None:
    volume = aws.ec2.create_volume(AvailabilityZone=ZONE, Size=10, VolumeType="gp3")["VolumeId"]
    with refused("InvalidParameterValue"):
        aws.ec2.modify_volume(VolumeId=volume, Size=9)


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
