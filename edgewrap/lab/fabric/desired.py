"""The desired state of the fabric, from the snapshot of AWS and the running hosts: a pure function."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field

from edgewrap.lab.cloud import Cloud, CloudInterface, CloudRule, CloudSubnet

FIRST_NIC = 5
"""A host's interfaces are named `ens5`, `ens6`, … by device index, as on many of AWS's instance types."""


@dataclass(frozen=True, slots=True)
class Port:
    """A network interface that is attached to a running host, seen from its VPC.

    `name` is the port's in the VPC's namespace; `nic` the interface's in the host's `namespace`; `router` the
    subnet's first address. `checked`: source/destination check is on. `gateway`: the subnet has a route to the
    internet gateway.
    """

    name: str
    interface_id: str
    instance_id: str
    namespace: str
    nic: str
    device_index: int
    mac: str
    subnet: str
    router: str
    primary: str
    secondary: tuple[str, ...]
    groups: tuple[str, ...]
    checked: bool
    gateway: bool

    @property
    def addresses(self) -> tuple[str, ...]:
        """All private addresses of the interface, the primary one first."""
        return (self.primary, *self.secondary)

    @property
    def wire(self) -> tuple[str, ...]:
        """The attributes that identify the port; a port with other ones is another port."""
        return (self.name, self.namespace, self.nic, self.mac, self.router, self.primary)


@dataclass(frozen=True, slots=True)
class Vpc:
    """One VPC with at least one host in it.

    `public` maps private addresses to their public ones; `members` maps the security groups that are used as peers to
    their members' private addresses; `rules` are those of the groups that ports are in.
    """

    id: str
    cidr: str
    ports: tuple[Port, ...]
    public: Mapping[str, str]
    rules: tuple[CloudRule, ...]
    members: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def desired_vpcs(cloud: Cloud, namespaces: Mapping[str, str]) -> tuple[Vpc, ...]:
    """The VPCs that the fabric must play. `namespaces` maps a running host's instance id to its namespace."""
    subnets = {subnet.id: subnet for subnet in cloud.subnets}
    attached: dict[str, list[CloudInterface]] = {}
    for interface in cloud.interfaces:
        if interface.instance_id in namespaces and interface.subnet_id in subnets:
            attached.setdefault(subnets[interface.subnet_id].vpc_id, []).append(interface)
    return tuple(
        _vpc(vpc_id, cloud, subnets, sorted(attached[vpc_id], key=lambda interface: interface.id), namespaces)
        for vpc_id in sorted(attached)
    )


def _vpc(
    vpc_id: str,
    cloud: Cloud,
    subnets: Mapping[str, CloudSubnet],
    interfaces: list[CloudInterface],
    namespaces: Mapping[str, str],
) -> Vpc:
    groups = {group for interface in interfaces for group in interface.security_groups}
    rules = tuple(rule for rule in cloud.rules if rule.group_id in groups)
    here = {interface.id for interface in cloud.interfaces if subnets[interface.subnet_id].vpc_id == vpc_id}
    return Vpc(
        id=vpc_id,
        cidr=cloud.vpc_cidrs[vpc_id],
        ports=tuple(
            _port(interface, subnets[interface.subnet_id], namespaces[interface.instance_id])
            for interface in interfaces
        ),
        public={
            address.private_address: address.public_address
            for address in cloud.addresses
            if address.interface_id in here and address.private_address
        },
        rules=rules,
        members={
            group: tuple(
                sorted(
                    private
                    for interface in cloud.interfaces
                    if group in interface.security_groups
                    for private in (interface.primary_address, *interface.secondary_addresses)
                )
            )
            for group in sorted({rule.peer_group for rule in rules if rule.peer_group})
        },
    )


def _port(interface: CloudInterface, subnet: CloudSubnet, namespace: str) -> Port:
    return Port(
        name=f"p-{interface.id.removeprefix('eni-')[-13:]}",
        interface_id=interface.id,
        instance_id=interface.instance_id,
        namespace=namespace,
        nic=f"ens{FIRST_NIC + interface.device_index}",
        device_index=interface.device_index,
        mac=interface.mac,
        subnet=subnet.cidr,
        router=str(ipaddress.IPv4Network(subnet.cidr)[1]),
        primary=interface.primary_address,
        secondary=interface.secondary_addresses,
        groups=interface.security_groups,
        checked=interface.source_dest_check,
        gateway=subnet.internet_gateway,
    )
