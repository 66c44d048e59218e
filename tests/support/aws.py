"""An AWS account for a test that speaks EC2 itself, and AWS's error codes as assertions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from edgewrap.lab.aws.amis import images

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

REGION = "eu-west-3"
ZONE = "eu-west-3a"
IMAGE = next(image.id for image in images() if image.newest)
SESSION = boto3.Session("test", "test", region_name=REGION)  # one: it keeps the parsed API models


@contextmanager
def refused(code: str) -> Iterator[None]:
    """AWS answers with this error code; with none, or with another one, the assertion fails."""
    try:
        yield
    except ClientError as error:
        answered = error.response["Error"]["Code"]
    else:
        answered = "no error"
    assert answered == code


class AwsAccount:
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
        except (ClientError, ResponseParserError):  # stock moto answers with a page for a browser
            return []
        return [interface["NetworkInterfaceId"] for interface in found["NetworkInterfaces"]]


def network_interface(aws: AwsAccount, **more: Any) -> Sequence[Any]:
    return [{"DeviceIndex": 0, "SubnetId": aws.subnet, **more}]
