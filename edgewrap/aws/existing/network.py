"""An existing VPC and subnet as AWS has them, and what is wrong with them for a cluster. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network

from edgewrap.aws.inputs.immutable_fields import Violation
from edgewrap.spec.addressing import active_indexes, block, host_address
from edgewrap.spec.models import Spec

NETWORK = "aws.network"
VPC_ID, SUBNET_ID, SUBNET = f"{NETWORK}.vpc_id", f"{NETWORK}.subnet_id", f"{NETWORK}.subnet"
AVAILABLE = "available"


@dataclass(frozen=True, slots=True)
class Subnet:
    """A subnet of the VPC. `uuid` is that of the cluster that made it, empty if none did."""

    id: str
    cidr: IPv4Network
    zone: str
    state: str = AVAILABLE
    public_at_launch: bool = True
    uuid: str = ""


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface of someone else in the subnet, with its private addresses and prefixes."""

    id: str
    description: str
    addresses: tuple[IPv4Network, ...]


@dataclass(frozen=True, slots=True)
class ExistingNetwork:
    """The VPC, and what the checks need to know of it.

    `account` is ours, `owner` the VPC's; `state` is empty if AWS does not know the VPC. `off` names DNS attributes that
    are off. `gateway` is the internet gateway, empty without one. `default_route` is what the default route of the
    subnet leads to, empty without one. `interfaces` are those of others in the subnet; `groups` the ids of others'
    security groups by the names that the cluster needs.
    """

    account: str
    owner: str
    state: str
    cidrs: tuple[IPv4Network, ...]
    subnets: tuple[Subnet, ...]
    gateway: str = ""
    default_route: str = ""
    off: tuple[str, ...] = ()
    interfaces: tuple[Interface, ...] = ()
    groups: tuple[tuple[str, str], ...] = ()

    def subnet(self, subnet_id: str | None) -> Subnet | None:
        """The subnet with this id; None if the VPC has none."""
        return next((one for one in self.subnets if one.id == subnet_id), None)

    def around(self, subnet: IPv4Network) -> IPv4Network | None:
        """The VPC's CIDR that the subnet is in; None if it is in none."""
        return next((cidr for cidr in self.cidrs if subnet.subnet_of(cidr)), None)


def group_names(name: str) -> tuple[str, str]:
    """The names of the security groups of the cluster `name`."""
    return f"{name}-hosts", f"{name}-vms"


def network_violations(spec: Spec, found: ExistingNetwork, uuid: str) -> Iterator[Violation]:
    """What is wrong with the VPC and the subnet for the spec's cluster, whose UUID is `uuid`, empty if it has none."""
    wanted = spec.aws.network
    if not found.state:
        region = spec.aws.region
        yield Violation(VPC_ID, f"AWS has no {wanted.vpc_id} in {region}", "check the id, the region and the account")
        return
    if found.owner != found.account:
        yield Violation(
            VPC_ID,
            f"{wanted.vpc_id} belongs to the account {found.owner}, and the credentials to {found.account}: AWS does "
            "not show interfaces and routes of a shared subnet, so nobody can check that addresses are free",
            "use a VPC of the same account",
        )
        return
    yield from _vpc(spec, found)
    if wanted.subnet_id is None:
        yield from _new_subnet(spec, found, uuid)
    else:
        yield from _existing_subnet(spec, found)


def _vpc(spec: Spec, found: ExistingNetwork) -> Iterator[Violation]:
    wanted = spec.aws.network
    if found.state != AVAILABLE:
        yield Violation(VPC_ID, f"{wanted.vpc_id} is {found.state}", "re-run when it is available")
    if wanted.cidr and wanted.cidr not in found.cidrs:
        known = ", ".join(map(str, found.cidrs))
        yield Violation(f"{NETWORK}.cidr", f"{wanted.vpc_id} has {known}, not {wanted.cidr}", "remove the line")
    if not found.gateway:
        yield Violation(
            VPC_ID,
            f"{wanted.vpc_id} has no internet gateway",
            f"attach one: `aws ec2 attach-internet-gateway --vpc-id {wanted.vpc_id} --internet-gateway-id igw-…`",
        )
    for attribute in found.off if spec.hosts.address != "private" else ():
        option = re.sub("(?=[A-Z])", "-", attribute).lower()
        yield Violation(
            VPC_ID,
            f"{attribute} is off in {wanted.vpc_id}: hosts are known by the DNS names that it gives",
            f"`aws ec2 modify-vpc-attribute --vpc-id {wanted.vpc_id} --{option}`, or write `address: private` in hosts",
        )
    for name, number in found.groups:
        advice = "write another `name`, or delete the group"
        yield Violation("name", f"{wanted.vpc_id} has a security group {name} ({number}) of someone else", advice)


def _new_subnet(spec: Spec, found: ExistingNetwork, uuid: str) -> Iterator[Violation]:
    cidr = spec.aws.network.subnet
    assert cidr is not None  # noqa: S101  (a check of the spec)
    if found.around(cidr) is None:
        known = ", ".join(map(str, found.cidrs))
        yield Violation(SUBNET, f"{cidr} is not in the VPC's {known}", "write a free part of these")
    for other in found.subnets:
        if other.cidr.overlaps(cidr) and not (uuid and other.uuid == uuid):
            yield Violation(SUBNET, f"{cidr} overlaps the subnet {other.id} ({other.cidr})", "write a free part")


def _existing_subnet(spec: Spec, found: ExistingNetwork) -> Iterator[Violation]:
    wanted, zone = spec.aws.network, spec.aws.zone
    subnet = found.subnet(wanted.subnet_id)
    if subnet is None:
        yield Violation(SUBNET_ID, f"{wanted.vpc_id} has no IPv4 subnet {wanted.subnet_id}", "check both ids")
        return
    if subnet.state != AVAILABLE:
        yield Violation(SUBNET_ID, f"{subnet.id} is {subnet.state}", "re-run when it is available")
    if wanted.subnet and wanted.subnet != subnet.cidr:
        yield Violation(SUBNET, f"{subnet.id} has {subnet.cidr}", f"write `subnet: {subnet.cidr}`, or remove the line")
    if not re.fullmatch(re.escape(spec.aws.region) + "[a-z]", subnet.zone):
        yield Violation(SUBNET_ID, f"{subnet.id} is in the Local or Wavelength Zone {subnet.zone}", "use another one")
    elif zone not in ("auto", subnet.zone):
        yield Violation("aws.zone", f"{subnet.id} is in {subnet.zone}", f"write `zone: auto` or `zone: {subnet.zone}`")
    if not found.default_route.startswith("igw-"):
        leads = f"leads to {found.default_route}" if found.default_route else "is missing"
        advice = "use a public subnet, or add the route: Elastic IPs work through an internet gateway only"
        yield Violation(SUBNET_ID, f"the default route (0.0.0.0/0) of {subnet.id} {leads}", advice)
    if spec.hosts.address == "public" and not subnet.public_at_launch:
        yield Violation(
            SUBNET_ID,
            f"{subnet.id} gives instances no public address (MapPublicIpOnLaunch is off)",
            f"write `address: eip` in hosts, or `aws ec2 modify-subnet-attribute --subnet-id {subnet.id} "
            "--map-public-ip-on-launch`",
        )
    yield from _taken(spec, found, subnet)


def _taken(spec: Spec, found: ExistingNetwork, subnet: Subnet) -> Iterator[Violation]:
    """Addresses of the cluster's plan that others have."""
    planned = planned_addresses(spec, subnet.cidr)
    for one in found.interfaces:
        clash = next(
            ((key, own) for key, own in planned.items() for address in one.addresses if own.overlaps(address)), None
        )
        if clash:
            key, own = clash
            addresses = ", ".join(
                str(address).removesuffix("/32") for address in one.addresses if own.overlaps(address)
            )
            yield Violation(
                SUBNET_ID,
                f"{key} needs {str(own).removesuffix('/32')}, and {one.id} ({one.description or 'no description'}) "
                f"has {addresses}",
                "move it to another subnet, or use another subnet for the cluster",
            )


def planned_addresses(spec: Spec, subnet: IPv4Network) -> dict[str, IPv4Network]:
    """The private addresses that a cluster takes: of each host its own, of each group its block, by key. Empty if they
    do not fit the subnet, which is another violation."""
    count, hosts = spec.public_network.groups, active_indexes(spec.hosts.count, spec.hosts.retired)
    try:
        blocks = {f"group-{index}": block(subnet, count, index) for index in range(count)}
    except ValueError:
        return {}
    return {f"host-{index}": IPv4Network(host_address(subnet, index)) for index in hosts} | blocks
