"""Reads the user's own VPC, subnet and Elastic IPs from AWS. Each function raises AwsError if AWS cannot be asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import IPv4Network
from typing import Any

from edgewrap.aws.clients import CLUSTER_TAG, UUID_TAG, Clients, tags_of
from edgewrap.aws.existing.addresses import Allocation
from edgewrap.aws.existing.network import ExistingNetwork, Interface, Subnet, group_names
from edgewrap.aws.forms import ALLOCATION_ID, ASSOCIATION_ID, GATEWAY_ID, WORD, address, network
from edgewrap.spec.models import Spec

ANYWHERE = "0.0.0.0/0"
DNS_ATTRIBUTES = {"enableDnsSupport": "EnableDnsSupport", "enableDnsHostnames": "EnableDnsHostnames"}
TARGETS = ("GatewayId", "NatGatewayId", "TransitGatewayId", "NetworkInterfaceId", "VpcPeeringConnectionId")


def read_network(clients: Clients, spec: Spec, uuid: str) -> ExistingNetwork:
    """The spec's VPC and subnet; `uuid` is the cluster's, empty if it has none yet."""
    wanted = spec.aws.network
    with clients.translate_errors():
        ec2: Any = clients.ec2
        account = clients.sts.get_caller_identity()["Account"]
        vpcs = ec2.describe_vpcs(Filters=_by("vpc-id", wanted.vpc_id))["Vpcs"]
        if not vpcs:
            return ExistingNetwork(account, "", "", (), ())
        vpc, inside = vpcs[0], _by("vpc-id", wanted.vpc_id)
        groups = _pages(ec2, "describe_security_groups", "SecurityGroups", inside)
        named = [group for group in groups if group["GroupName"] in group_names(spec.name)]
        own = {group["GroupId"] for group in named if _is_own(group.get("Tags", []), uuid)}
        gateways = ec2.describe_internet_gateways(Filters=_by("attachment.vpc-id", wanted.vpc_id))["InternetGateways"]
        route, interfaces = "", []
        if wanted.subnet_id:
            tables = _pages(ec2, "describe_route_tables", "RouteTables", inside)
            route = _default_route(tables, wanted.subnet_id)
            interfaces = _pages(
                ec2, "describe_network_interfaces", "NetworkInterfaces", _by("subnet-id", wanted.subnet_id)
            )
        return ExistingNetwork(
            account=account,
            owner=vpc.get("OwnerId", account),
            state=WORD.check(vpc["State"]),
            cidrs=tuple(
                network(one["CidrBlock"])
                for one in vpc.get("CidrBlockAssociationSet", [])
                if one.get("CidrBlockState", {}).get("State", "associated") == "associated"
            ),
            subnets=tuple(
                _subnet(one) for one in _pages(ec2, "describe_subnets", "Subnets", inside) if one.get("CidrBlock")
            ),
            gateway=next((GATEWAY_ID.check(one["InternetGatewayId"]) for one in gateways), ""),
            default_route=route,
            off=tuple(name for name in DNS_ATTRIBUTES if not _attribute(ec2, vpc["VpcId"], name)),
            interfaces=tuple(
                _interface(one)
                for one in interfaces
                if not _is_own(one.get("TagSet", []), uuid)
                and not any(group["GroupId"] in own for group in one.get("Groups", []))
            ),
            groups=tuple((group["GroupName"], group["GroupId"]) for group in named if group["GroupId"] not in own),
        )


def read_allocations(clients: Clients, ids: Sequence[str]) -> dict[str, Allocation]:
    """The account's Elastic IPs of these allocation ids, by id; one that it does not have is left out."""
    if not ids:
        return {}
    with clients.translate_errors():
        ec2: Any = clients.ec2
        found = ec2.describe_addresses(Filters=[{"Name": "allocation-id", "Values": sorted(ids)}])["Addresses"]
        held = sorted({one["NetworkInterfaceId"] for one in found if one.get("NetworkInterfaceId")})
        wanted = [{"Name": "network-interface-id", "Values": held}]
        interfaces = _pages(ec2, "describe_network_interfaces", "NetworkInterfaces", wanted) if held else []
        holders = {one["NetworkInterfaceId"]: tags_of(one.get("TagSet", [])).get(UUID_TAG, "") for one in interfaces}
        return {one["AllocationId"]: _allocation(one, holders) for one in found}


def _allocation(one: Mapping[str, Any], holders: Mapping[str, str]) -> Allocation:
    private, association = one.get("PrivateIpAddress", ""), one.get("AssociationId", "")
    tags, interface = tags_of(one.get("Tags", [])), str(one.get("NetworkInterfaceId", ""))
    managed = one.get("ServiceManaged")
    return Allocation(
        allocation_id=ALLOCATION_ID.check(one["AllocationId"]),
        public_address=address(one["PublicIp"]),
        border_group=str(one.get("NetworkBorderGroup", "")),
        special=(
            f"belongs to the AWS service {managed}"
            if managed
            else "is an address of an Outpost or a Wavelength Zone"
            if one.get("CustomerOwnedIp") or one.get("CarrierIp")
            else ""
        ),
        cluster=tags.get(CLUSTER_TAG, "") if UUID_TAG in tags else "",
        private_address=address(private) if private else "",
        interface_id=interface,
        association_id=ASSOCIATION_ID.check(association) if association else "",
        holder=holders.get(interface, ""),
    )


def _subnet(one: Mapping[str, Any]) -> Subnet:
    return Subnet(
        id=str(one["SubnetId"]),
        cidr=network(one["CidrBlock"]),
        zone=WORD.check(one["AvailabilityZone"]),
        state=WORD.check(one["State"]),
        public_at_launch=bool(one.get("MapPublicIpOnLaunch")),
        uuid=tags_of(one.get("Tags", [])).get(UUID_TAG, ""),
    )


def _interface(one: Mapping[str, Any]) -> Interface:
    addresses = [address(each["PrivateIpAddress"]) for each in one.get("PrivateIpAddresses", [])]
    prefixes = [network(each["Ipv4Prefix"]) for each in one.get("Ipv4Prefixes", [])]
    return Interface(
        id=str(one["NetworkInterfaceId"]),
        description=str(one.get("Description", "")),
        addresses=tuple(map(IPv4Network, (*addresses, *prefixes))),
    )


def _default_route(tables: Iterable[Mapping[str, Any]], subnet_id: str) -> str:
    """What the default route of the subnet leads to: that of its own route table, else of the VPC's main one."""
    own: Mapping[str, Any] = {}
    main: Mapping[str, Any] = {}
    for table in tables:
        for association in table.get("Associations", []):
            if association.get("SubnetId") == subnet_id:
                own = table
            elif association.get("Main"):
                main = table
    for route in (own or main).get("Routes", []):
        if route.get("DestinationCidrBlock") == ANYWHERE:
            target = next((str(route[name]) for name in TARGETS if route.get(name)), "an unknown target")
            return target if route.get("State") == "active" else f"nothing ({target} was deleted)"
    return ""


def _attribute(ec2: Any, vpc_id: str, name: str) -> bool:
    return bool(ec2.describe_vpc_attribute(VpcId=vpc_id, Attribute=name)[DNS_ATTRIBUTES[name]]["Value"])


def _is_own(tags: Iterable[Any], uuid: str) -> bool:
    return bool(uuid) and tags_of(tags).get(UUID_TAG) == uuid


def _by(name: str, value: str | None) -> list[dict[str, Any]]:
    return [{"Name": name, "Values": [value]}]


def _pages(ec2: Any, operation: str, path: str, filters: Any) -> list[Mapping[str, Any]]:
    return [one for page in ec2.get_paginator(operation).paginate(Filters=filters) for one in page[path]]
