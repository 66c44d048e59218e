"""What the lab's AWS refuses and what it allows, compared with stock moto as in test_instance_patches.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from edgewrap.errors import LabError
from edgewrap.lab.aws.amis import images
from edgewrap.lab.aws.client import LabAwsClient
from edgewrap.lab.aws.limits import Shortage
from tests.support.aws import refused

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_service_quotas import ServiceQuotasClient

SESSION = boto3.Session("test", "test")  # one: it keeps the parsed API models
IMAGE = next(image.id for image in images() if image.newest)
REGIONS = (
    *("ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1", "ap-southeast-2"),
    *("ca-central-1", "eu-central-1", "eu-north-1", "eu-south-1", "eu-west-1", "eu-west-2", "sa-east-1"),
    *("us-east-1", "us-east-2", "us-west-1", "us-west-2", "ap-east-1", "me-south-1", "af-south-1"),
)
QUOTAS = {"elastic_ips": 5, "vpcs": 5, "standard_vcpus": 1152}


class Aws:
    """A region of its own for each test, so that counting starts at nothing but the default VPC."""

    def __init__(self, endpoint: str, region: str) -> None:
        once = Config(region_name=region, retries={"total_max_attempts": 1})
        self.ec2: EC2Client = SESSION.client("ec2", endpoint_url=endpoint, config=once)
        self.quotas: ServiceQuotasClient = SESSION.client("service-quotas", endpoint_url=endpoint, config=once)
        self.ssm: Any = SESSION.client("ssm", endpoint_url=endpoint, config=once)

    def network(self) -> tuple[str, str]:
        """The ids of a new VPC and its subnet, in a zone that offers the types of these tests."""
        zones = [
            {
                offering["Location"]
                for offering in self.ec2.describe_instance_type_offerings(
                    LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": [instance_type]}]
                )["InstanceTypeOfferings"]
            }
            for instance_type in ("t3.large", "m5.24xlarge")
        ]
        vpc = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnet = self.ec2.create_subnet(
            VpcId=vpc, CidrBlock="10.0.0.0/23", AvailabilityZone=min(set.intersection(*zones))
        )
        return vpc, subnet["Subnet"]["SubnetId"]

    def run(self, subnet: str, instance_type: Any = "t3.large", count: int = 1) -> list[str]:
        made = self.ec2.run_instances(
            ImageId=IMAGE,
            InstanceType=instance_type,
            SubnetId=subnet,
            MinCount=count,
            MaxCount=count,
        )
        return [instance["InstanceId"] for instance in made["Instances"]]

    def interface(self, subnet: str, secondary: int = 0) -> str:
        request: dict[str, Any] = {"SecondaryPrivateIpAddressCount": secondary} if secondary else {}
        made = self.ec2.create_network_interface(SubnetId=subnet, **request)
        return made["NetworkInterface"]["NetworkInterfaceId"]

    def quota(self, service: str, code: str) -> float:
        """-1 if it is unknown."""
        try:
            return self.quotas.get_service_quota(ServiceCode=service, QuotaCode=code)["Quota"]["Value"]
        except ClientError:
            return -1


# Quotas


def check_elastic_ips_are_counted(aws: Aws) -> None:
    given = [aws.ec2.allocate_address(Domain="vpc")["AllocationId"] for _ in range(5)]
    with refused("AddressLimitExceeded"):
        aws.ec2.allocate_address(Domain="vpc")
    aws.ec2.release_address(AllocationId=given[0])
    aws.ec2.allocate_address(Domain="vpc")


def check_vpcs_are_counted(aws: Aws) -> None:
    for _ in range(4):
        aws.ec2.create_vpc(CidrBlock="10.0.0.0/16")
    with refused("VpcLimitExceeded"):
        aws.ec2.create_vpc(CidrBlock="10.0.0.0/16")


def check_vcpus_of_running_instances_are_counted(aws: Aws) -> None:
    _vpc, subnet = aws.network()
    hosts = aws.run(subnet, "m5.24xlarge", count=12)
    with refused("VcpuLimitExceeded"):
        aws.run(subnet)
    aws.ec2.stop_instances(InstanceIds=hosts[:1])
    other = aws.run(subnet)
    with refused("VcpuLimitExceeded"):
        aws.ec2.start_instances(InstanceIds=hosts[:1])
    aws.ec2.terminate_instances(InstanceIds=other)
    aws.ec2.start_instances(InstanceIds=hosts[:1])


def check_service_quotas_say_what_is_enforced(aws: Aws) -> None:
    codes = (("ec2", "L-0263D0A3"), ("vpc", "L-F678F1CE"), ("ec2", "L-1216C47A"))
    assert [aws.quota(service, code) for service, code in codes] == [5, 5, 1152]


def check_service_quotas_are_listed(aws: Aws) -> None:
    try:
        listed = aws.quotas.list_service_quotas(ServiceCode="ec2")["Quotas"]
    except ClientError:
        listed = []
    assert {quota["QuotaCode"]: quota["Value"] for quota in listed} == {"L-0263D0A3": 5, "L-1216C47A": 1152}


def check_account_attributes_name_the_default_vpc(aws: Aws) -> None:
    shown = aws.ec2.describe_account_attributes(AttributeNames=["default-vpc"])["AccountAttributes"]
    values = [value["AttributeValue"] for attribute in shown for value in attribute["AttributeValues"]]
    assert len(values) == 1
    assert values[0].startswith("vpc-")


# Limits of the instance type


def check_interfaces_are_counted(aws: Aws) -> None:
    _vpc, subnet = aws.network()
    (host,) = aws.run(subnet, "t3.large")  # three interfaces
    for index in (1, 2):
        aws.ec2.attach_network_interface(NetworkInterfaceId=aws.interface(subnet), InstanceId=host, DeviceIndex=index)
    with refused("AttachmentLimitExceeded"):
        aws.ec2.attach_network_interface(NetworkInterfaceId=aws.interface(subnet), InstanceId=host, DeviceIndex=3)


def check_addresses_of_an_interface_are_counted(aws: Aws) -> None:
    _vpc, subnet = aws.network()
    (host,) = aws.run(subnet, "t3.large")  # twelve addresses each
    with refused("PrivateIpAddressLimitExceeded"):
        aws.ec2.attach_network_interface(NetworkInterfaceId=aws.interface(subnet, 12), InstanceId=host, DeviceIndex=1)
    fits = aws.interface(subnet, 11)
    aws.ec2.attach_network_interface(NetworkInterfaceId=fits, InstanceId=host, DeviceIndex=1)
    with refused("PrivateIpAddressLimitExceeded"):
        aws.ec2.assign_private_ip_addresses(NetworkInterfaceId=fits, SecondaryPrivateIpAddressCount=1)


# What is in use stays


def check_subnet_with_an_interface_stays(aws: Aws) -> None:
    _vpc, subnet = aws.network()
    aws.interface(subnet)
    with refused("DependencyViolation"):
        aws.ec2.delete_subnet(SubnetId=subnet)


def check_deleted_subnet_leaves_its_network_acl(aws: Aws) -> None:
    vpc, subnet = aws.network()
    aws.ec2.delete_subnet(SubnetId=subnet)
    [acl] = aws.ec2.describe_network_acls(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["NetworkAcls"]
    assert acl["Associations"] == []


def check_vpc_with_a_gateway_stays(aws: Aws) -> None:
    vpc = aws.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    gateway = aws.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    aws.ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    with refused("DependencyViolation"):
        aws.ec2.delete_vpc(VpcId=vpc)


def check_vpc_with_a_security_group_stays(aws: Aws) -> None:
    vpc = aws.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    aws.ec2.create_security_group(GroupName="left", Description="left", VpcId=vpc)
    with refused("DependencyViolation"):
        aws.ec2.delete_vpc(VpcId=vpc)


def check_gateway_of_a_public_address_stays(aws: Aws) -> None:
    vpc, subnet = aws.network()
    gateway = aws.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    aws.ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    allocation = aws.ec2.allocate_address(Domain="vpc")["AllocationId"]
    aws.ec2.associate_address(AllocationId=allocation, NetworkInterfaceId=aws.interface(subnet))
    with refused("DependencyViolation"):
        aws.ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)


def check_security_group_in_use_stays(aws: Aws) -> None:
    vpc, subnet = aws.network()
    used, named = (
        aws.ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"]
        for name in ("used", "named")
    )
    aws.ec2.create_network_interface(SubnetId=subnet, Groups=[used])
    peer: Any = [{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": named}]}]
    aws.ec2.authorize_security_group_ingress(GroupId=used, IpPermissions=peer)
    for group in (used, named):
        with refused("DependencyViolation"):
            aws.ec2.delete_security_group(GroupId=group)


# States


def check_terminated_instance_stays_so(aws: Aws) -> None:
    hosts = aws.run(aws.network()[1])
    aws.ec2.terminate_instances(InstanceIds=hosts)
    with refused("IncorrectInstanceState"):
        aws.ec2.start_instances(InstanceIds=hosts)


def check_terminated_instance_has_no_address(aws: Aws) -> None:
    hosts = aws.run(aws.network()[1])
    aws.ec2.terminate_instances(InstanceIds=hosts)
    (reservation,) = aws.ec2.describe_instances(InstanceIds=hosts)["Reservations"]
    assert "PrivateIpAddress" not in reservation["Instances"][0]
    assert not reservation["Instances"][0]["NetworkInterfaces"]


def check_stopped_instance_is_not_rebooted(aws: Aws) -> None:
    hosts = aws.run(aws.network()[1])
    aws.ec2.stop_instances(InstanceIds=hosts)
    with refused("IncorrectInstanceState"):
        aws.ec2.reboot_instances(InstanceIds=hosts)


def check_ubuntu_images_by_public_parameter(aws: Aws) -> None:
    name = "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"
    try:
        value = aws.ssm.get_parameter(Name=name)["Parameter"]["Value"]
    except ClientError:
        value = ""
    assert value == next(image.id for image in images() if image.newest and image.ssm_parameter == name)


CHECKS = [check for name, check in list(globals().items()) if name.startswith("check_")]
in_own_region = pytest.mark.parametrize(
    ("check", "region"),
    list(zip(CHECKS, REGIONS, strict=False)),
    ids=[check.__name__.removeprefix("check_") for check in CHECKS],
)


def test_every_check_has_a_region() -> None:
    assert len(CHECKS) <= len(REGIONS)


@in_own_region
def test_the_lab_behaves_as_aws(check: Any, region: str, lab_aws: LabAwsClient) -> None:
    lab_aws.set_quotas(**QUOTAS)
    check(Aws(lab_aws.endpoint, region))


@in_own_region
def test_stock_moto_behaves_differently(check: Any, region: str, stock_endpoint: str) -> None:
    aws = Aws(stock_endpoint, region)
    with pytest.raises(AssertionError):
        check(aws)


def test_quotas_can_be_set_while_the_server_runs(lab_aws: LabAwsClient) -> None:
    aws = Aws(lab_aws.endpoint, "eu-west-3")
    lab_aws.set_quotas(**{**QUOTAS, "elastic_ips": 1})
    assert aws.quota("ec2", "L-0263D0A3") == 1
    aws.ec2.allocate_address(Domain="vpc")
    with refused("AddressLimitExceeded"):
        aws.ec2.allocate_address(Domain="vpc")
    assert lab_aws.set_quotas(elastic_ips=2).vpcs == QUOTAS["vpcs"]
    aws.ec2.allocate_address(Domain="vpc")
    shown = aws.ec2.describe_account_attributes()["AccountAttributes"]
    values = {attribute["AttributeName"]: attribute["AttributeValues"][0]["AttributeValue"] for attribute in shown}
    assert values["vpc-max-elastic-ips"] == "2"


@pytest.mark.parametrize("change", [{"elastic_ip": 3}, {"elastic_ips": -1}, {"vpcs": "many"}])
def test_invalid_quotas_are_refused_and_change_nothing(lab_aws: LabAwsClient, change: Any) -> None:
    before = lab_aws.quotas()
    with pytest.raises(LabError, match="refused PUT quotas"):
        lab_aws.set_quotas(**change)
    assert lab_aws.quotas() == before


def test_missing_capacity_in_one_zone(lab_aws: LabAwsClient) -> None:
    lab_aws.set_quotas(**QUOTAS)
    aws = Aws(lab_aws.endpoint, "eu-west-3")
    vpc = aws.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    here, there = (
        aws.ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=zone)["Subnet"]["SubnetId"]
        for number, zone in enumerate(("eu-west-3a", "eu-west-3b"))
    )
    lab_aws.set_missing_capacity(Shortage(zone="eu-west-3a", instance_type="c5.metal"))
    with pytest.raises(ClientError) as caught:
        aws.run(here, "c5.metal")
    assert caught.value.response["Error"]["Code"] == "InsufficientInstanceCapacity"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500  # so that clients try again
    assert not aws.ec2.describe_instances()["Reservations"]
    (other_zone,), (other_type,) = aws.run(there, "c5.metal"), aws.run(here, "t3.large")
    aws.ec2.stop_instances(InstanceIds=[other_zone])
    lab_aws.set_missing_capacity(Shortage())
    with refused("InsufficientInstanceCapacity"):
        aws.ec2.start_instances(InstanceIds=[other_zone])
    lab_aws.set_missing_capacity()
    aws.ec2.start_instances(InstanceIds=[other_zone])
    aws.ec2.terminate_instances(InstanceIds=[other_zone, other_type])
