"""The interface groups of a cluster in the lab's AWS, and the driver as a front-end runs it."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from edgewrap.lab.aws.client import LabAwsClient
from edgewrap.spec.addressing import block, pair

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

GROUPS, PAIRS = 2, 4
VPC, SUBNET = "10.0.0.0/16", IPv4Network("10.0.0.0/24")
START = "from edgewrap.ipam.quick import main; raise SystemExit(main())"


def request(attributes: Mapping[str, str]) -> bytes:
    """A request of the front-end's for a range with these attributes."""
    listed = "".join(f"<{name}><![CDATA[{value}]]></{name}>" for name, value in sorted(attributes.items()))
    document = (
        f"<IPAM_DRIVER_ACTION_DATA><AR>{listed}</AR><ADDRESS><MAC/><IP/><IP6_GLOBAL/><IP6_ULA/><IP6/><SIZE/></ADDRESS>"
        "</IPAM_DRIVER_ACTION_DATA>"
    )
    return base64.b64encode(document.encode())


def attributes_of(answer: str) -> dict[str, str]:
    """The attributes in the driver's `AR = [ … ]`."""
    assert answer.startswith("AR = [ "), answer
    parts = answer.removeprefix("AR = [ ").removesuffix(" ]\n").split(", ")
    return {name: value.strip('"') for name, value in (part.split(" = ", 1) for part in parts)}


@dataclass(frozen=True)
class FrontEndDriver:
    """The driver on a front-end that knows some clusters."""

    clusters: Path
    ec2: EC2Client
    uuid: str
    interfaces: list[str] = field(default_factory=list)

    def spec(self, name: str, **network: Any) -> Path:
        """Put a cluster's spec on the front-end."""
        path = self.clusters / f"{name}.yaml"
        path.write_text(
            f"apiVersion: edgewrap/v1\nname: {name}\naws:\n  region: eu-west-3\n"
            f"  network: {{ cidr: {VPC}, subnet: {SUBNET} }}\n"
            f"public_network: {{ groups: {GROUPS}, elastic_ips: {{ count: {network.get('count', 0)} }} }}\n"
            "evpn: { password: '${env:A_SECRET_THAT_IS_NOT_SET_HERE}' }\n"
        )
        return path

    def environment(self) -> dict[str, str]:
        """The driver's: the lab's AWS, and where the specs are."""
        endpoint = self.ec2.meta.endpoint_url
        return {**os.environ, "AWS_ENDPOINT_URL": endpoint, "EDGEWRAP_CLUSTERS_DIR": str(self.clusters)}

    def start(self, action: str, *, code: str = START, **environment: str) -> subprocess.Popen[str]:
        """Start the driver; the request goes to its standard input."""
        return subprocess.Popen(
            [sys.executable, "-I", "-c", code, action, "0"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment() | environment,
        )

    def run(
        self, action: str, attributes: Mapping[str, str], *, code: str = START, **environment: str
    ) -> tuple[int, str, str]:
        """Run one action: its exit status, standard output and standard error."""
        process = self.start(action, code=code, **environment)
        out, err = process.communicate(request(attributes).decode(), timeout=90)
        return process.returncode, out, err

    def register(self, **attributes: str) -> dict[str, str]:
        """A range that gets an Elastic IP."""
        status, out, err = self.run("register_address_range", {"IPAM_MAD": "edgewrap", "SIZE": "1", **attributes})
        assert (status, err) == (0, ""), err
        return attributes_of(out)

    def addresses(self) -> list[dict[str, Any]]:
        """The cluster's Elastic IPs in AWS, tags as a mapping."""
        found: Any = self.ec2.describe_addresses(Filters=[{"Name": "tag:edgewrap:uuid", "Values": [self.uuid]}])
        return [{**one, "Tags": {tag["Key"]: tag["Value"] for tag in one["Tags"]}} for one in found["Addresses"]]


@pytest.fixture
def front_end(aws: LabAwsClient, ec2: EC2Client, tmp_path: Path) -> Iterator[FrontEndDriver]:
    """A front-end with the spec of one cluster, and the cluster's interface groups in AWS: two with four pairs each."""
    aws.set_quotas(elastic_ips=64)
    uuid = str(uuid4())
    made = FrontEndDriver(tmp_path, ec2, uuid)
    made.spec("edge-calais")
    vpc = ec2.create_vpc(CidrBlock=VPC)["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=str(SUBNET))["Subnet"]["SubnetId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    for index in range(GROUPS):
        own = block(SUBNET, GROUPS, index)
        addresses = [str(own.network_address), *(str(pair(own, number).address) for number in range(PAIRS))]
        tags = {"edgewrap:cluster": "edge-calais", "edgewrap:uuid": uuid, "edgewrap:key": f"group-{index}"}
        interface = ec2.create_network_interface(
            SubnetId=subnet,
            PrivateIpAddresses=[
                {"PrivateIpAddress": address, "Primary": number == 0} for number, address in enumerate(addresses)
            ],
            TagSpecifications=[
                {
                    "ResourceType": "network-interface",
                    "Tags": [{"Key": name, "Value": value} for name, value in tags.items()],
                }
            ],
        )
        made.interfaces.append(interface["NetworkInterface"]["NetworkInterfaceId"])
    yield made
    for one in made.addresses():
        if one.get("AssociationId"):
            ec2.disassociate_address(AssociationId=one["AssociationId"])
        ec2.release_address(AllocationId=one["AllocationId"])
    for number in made.interfaces:
        ec2.delete_network_interface(NetworkInterfaceId=number)
    ec2.delete_subnet(SubnetId=subnet)
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    ec2.delete_internet_gateway(InternetGatewayId=gateway)
    ec2.delete_vpc(VpcId=vpc)


Register = Callable[..., dict[str, str]]
