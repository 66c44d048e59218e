"""All resources in EC2 other than moto's defaults: after `destroy`, there must be none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import boto3

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client


def leaked_resources(endpoint: str, region: str) -> tuple[str, ...]:
    """The resources by id, such as `subnet subnet-0a1b…`, sorted; without terminated instances."""
    ec2: EC2Client = boto3.client(
        "ec2",
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id="lab",
        aws_secret_access_key="lab",  # noqa: S106 (a dummy: the lab accepts any)
    )
    return tuple(sorted(_leaked(ec2)))


def _leaked(ec2: EC2Client) -> Iterator[str]:
    own_vpcs = {vpc["VpcId"] for vpc in ec2.describe_vpcs()["Vpcs"] if not vpc["IsDefault"]}
    yield from (f"vpc {vpc_id}" for vpc_id in own_vpcs)
    yield from (f"subnet {item['SubnetId']}" for item in ec2.describe_subnets()["Subnets"] if not item["DefaultForAz"])
    for gateway in ec2.describe_internet_gateways()["InternetGateways"]:
        yield f"internet gateway {gateway['InternetGatewayId']}"
    for table in ec2.describe_route_tables()["RouteTables"]:
        if table["VpcId"] in own_vpcs or not _is_main(table):
            yield f"route table {table['RouteTableId']}"
    for group in ec2.describe_security_groups()["SecurityGroups"]:
        if group["VpcId"] in own_vpcs or group["GroupName"] != "default":
            yield f"security group {group['GroupId']}"
    yield from (f"key pair {item['KeyName']}" for item in ec2.describe_key_pairs()["KeyPairs"])
    for reservation in ec2.describe_instances()["Reservations"]:
        for instance in reservation["Instances"]:
            if instance["State"]["Name"] != "terminated":
                yield f"instance {instance['InstanceId']}"
    yield from (f"volume {item['VolumeId']}" for item in ec2.describe_volumes()["Volumes"])
    for interface in ec2.describe_network_interfaces()["NetworkInterfaces"]:
        yield f"network interface {interface['NetworkInterfaceId']}"
    yield from (f"Elastic IP {item['AllocationId']}" for item in ec2.describe_addresses()["Addresses"])


def _is_main(table: Any) -> bool:
    return any(association["Main"] for association in table["Associations"])
