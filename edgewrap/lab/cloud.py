"""A snapshot of the lab's AWS, as plain data: the lab's fabric and hosts follow it.

The AWS process serves it as JSON at `GET /_lab/cloud` (long poll: `?after=SERIAL&timeout=SECONDS` answers as soon
as the serial is higher, at the latest after the timeout). Any change of the snapshot increments the serial.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


def private_domain(region: str) -> str:
    """The domain of instances' private DNS names, which their resolver searches."""
    return "ec2.internal" if region == "us-east-1" else f"{region}.compute.internal"


class Part(BaseModel):
    """The base of every part: immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CloudSubnet(Part):
    """A subnet and whether its instances get a public address at launch."""

    id: str
    vpc_id: str
    cidr: str
    internet_gateway: bool  # its route table has a default route to an attached internet gateway


class CloudInterface(Part):
    """A network interface. Addresses are private; `instance_id` is empty while it is not attached."""

    id: str
    mac: str
    subnet_id: str
    primary_address: str
    secondary_addresses: tuple[str, ...]
    instance_id: str
    device_index: int
    security_groups: tuple[str, ...]
    source_dest_check: bool
    secondary_at_launch: tuple[str, ...] = ()  # those assigned when the instance was launched
    private_dns_name: str = ""  # empty if its VPC has no DNS hostnames


class CloudDisk(Part):
    """An NVMe disk of an instance beside its root volume: an EBS volume (`id` is its id), or instance store, which has
    another id after each start."""

    id: str
    gb: int
    instance_store: bool = False


class CloudInstance(Part):
    """A metal instance. `state` is EC2's; `generation` counts its starts from 1, `boots` its reboots through the
    API."""

    id: str
    state: str
    generation: int
    boots: int
    key_name: str
    public_key: str
    user_data: str
    tags: dict[str, str]
    region: str = ""
    disks: tuple[CloudDisk, ...] = ()


class CloudAddress(Part):
    """A public address: an Elastic IP (`allocation_id` set) or one assigned at launch (`allocation_id` empty).

    `interface_id` and `private_address` are empty while it is not associated. `dns_name` is AWS's name of it, empty if
    it is not associated, or in a VPC without DNS hostnames.
    """

    public_address: str
    allocation_id: str
    interface_id: str
    private_address: str
    dns_name: str = ""


class CloudRule(Part):
    """One security group rule. `protocol` is `tcp`, `udp`, `icmp` or `all`; ports are 0 to 65535 if the
    protocol has ports; the peer is either a CIDR or a security group."""

    group_id: str
    direction: str  # ingress or egress
    protocol: str
    from_port: int
    to_port: int
    cidr: str
    peer_group: str


class Cloud(Part):
    """The whole snapshot."""

    serial: int
    vpc_cidrs: dict[str, str]
    subnets: tuple[CloudSubnet, ...]
    instances: tuple[CloudInstance, ...]
    interfaces: tuple[CloudInterface, ...]
    addresses: tuple[CloudAddress, ...]
    rules: tuple[CloudRule, ...]
