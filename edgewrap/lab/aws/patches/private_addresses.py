"""Private addresses: in the subnet, not reserved by AWS, on one interface each; all requested ones are assigned.

Stock moto assigns secondary addresses twice or from AWS's reserved ones, and keeps associations of unassigned
addresses.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable, Sequence
from typing import Any, cast

from moto.core.responses import ActionResult
from moto.ec2.exceptions import InvalidSecurityGroupNotFoundError
from moto.ec2.models import EC2Backend
from moto.ec2.models.elastic_network_interfaces import NetworkInterface, NetworkInterfaceBackend
from moto.ec2.models.instances import Instance
from moto.ec2.models.subnets import Subnet
from moto.ec2.responses.elastic_network_interfaces import ElasticNetworkInterfaces

from edgewrap.lab.aws.patches.errors import RefusedError
from edgewrap.lab.aws.patches.instance_types import refuse_too_many_addresses

_create = NetworkInterfaceBackend.create_network_interface
_RESERVED_AT_START = 4  # network, router, DNS, future use


def addresses_of(interface: NetworkInterface) -> list[str]:
    """All private addresses of an interface."""
    return [str(item["PrivateIpAddress"]) for item in interface.private_ip_addresses]


def refuse_unfit(subnet: Subnet, addresses: Iterable[str]) -> None:
    """Refuse an address that is outside the subnet, reserved by AWS, or in use."""
    used = _used(subnet)
    network = ipaddress.ip_network(subnet.cidr_block)
    own = {str(network[index]) for index in (*range(_RESERVED_AT_START), -1)}
    for address in addresses:
        if ipaddress.ip_address(address) not in network:
            raise RefusedError(
                "InvalidParameterValue", f"Address {address} does not fall within the subnet's address range"
            )
        if address in own:
            raise RefusedError("InvalidParameterValue", f"Address {address} is in subnet's reserved address range")
        if address in used:
            raise RefusedError("InvalidIPAddress.InUse", f"Address {address} is in use.")


def free_addresses(subnet: Subnet, count: int, besides: Collection[str] = ()) -> list[str]:
    """The lowest free addresses (AWS: any free ones)."""
    taken = _used(subnet) | set(besides)
    network = ipaddress.ip_network(subnet.cidr_block)
    free: list[str] = []
    for index in range(_RESERVED_AT_START, network.num_addresses - 1):
        if len(free) == count:
            break
        if str(network[index]) not in taken:
            free.append(str(network[index]))
    if len(free) < count:
        raise RefusedError(
            "InsufficientFreeAddressesInSubnet",
            f"There are not enough free addresses in subnet '{subnet.id}' to satisfy the requested number of addresses",
        )
    return free


def _used(subnet: Subnet) -> set[str]:
    interfaces: Iterable[NetworkInterface] = subnet.ec2_backend.enis.values()
    return {
        address for interface in interfaces if interface.subnet_id == subnet.id for address in addresses_of(interface)
    }


class SubnetByInterfaces(Subnet):
    """The addresses in use are read from the interfaces, not from the subnet's own list."""

    def request_ip(self, ip: str, instance: Instance) -> None:  # noqa: ARG002 (moto's signature)
        refuse_unfit(self, [ip])

    def get_available_subnet_ip(self, instance: Instance) -> str:  # noqa: ARG002 (moto's signature)
        return free_addresses(self, 1)[0]


class InterfaceAddresses(NetworkInterfaceBackend):
    """CreateNetworkInterface, AssignPrivateIpAddresses, UnassignPrivateIpAddresses."""

    def create_network_interface(
        self,
        subnet: Any,
        private_ip_address: str | list[str],
        private_ip_addresses: list[dict[str, Any]] | None = None,
        group_ids: list[str] | None = None,
        description: str | None = None,
        tags: dict[str, str] | None = None,
        delete_on_termination: bool | None = False,
        **kwargs: Any,
    ) -> NetworkInterface:
        backend = cast("EC2Backend", self)
        subnet = backend.get_subnet(subnet) if isinstance(subnet, str) else subnet
        for group_id in group_ids or []:
            if group_id not in backend.groups[subnet.vpc_id]:
                raise InvalidSecurityGroupNotFoundError(group_id)
        primary, secondary = split_addresses(private_ip_address, private_ip_addresses or [])
        asked = ([primary] if primary else []) + secondary
        refuse_unfit(subnet, asked)
        primary = primary or free_addresses(subnet, 1, asked)[0]
        count = int(kwargs.pop("secondary_ips_count", None) or 0)
        secondary += free_addresses(subnet, count, [primary, *asked]) if count else []
        return _create(
            self,
            subnet,
            primary,
            [{"Primary": address == primary, "PrivateIpAddress": address} for address in (primary, *secondary)],
            group_ids=group_ids,
            description=description,
            tags=tags,
            delete_on_termination=delete_on_termination,
            **kwargs,
        )

    def assign_private_ip_addresses(
        self,
        eni_id: str,
        private_ip_addresses: list[str] | None = None,
        secondary_ips_count: int | None = None,
        allow_reassignment: bool = False,
    ) -> NetworkInterface:
        interface = self.get_network_interface(eni_id)
        new = [address for address in private_ip_addresses or [] if address not in addresses_of(interface)]
        new += free_addresses(interface.subnet, secondary_ips_count) if secondary_ips_count else []
        if interface.instance:
            refuse_too_many_addresses(interface.instance.instance_type, len(interface.private_ip_addresses) + len(new))
        moved = {address: other for other in self.enis.values() for address in new if address in addresses_of(other)}
        moved = {address: other for address, other in moved.items() if other.subnet_id == interface.subnet_id}
        if moved and not allow_reassignment:
            raise RefusedError(
                "InvalidParameterValue",
                f"Some of [{', '.join(moved)}] addresses are already assigned, but move is not allowed.",
            )
        for address, other in moved.items():
            if address == other.private_ip_address:
                raise RefusedError("InvalidParameterValue", f"Address {address} is the primary address of {other.id}")
        refuse_unfit(interface.subnet, (address for address in new if address not in moved))
        for address, other in moved.items():
            _move(address, other, interface)
        interface.private_ip_addresses.extend({"Primary": False, "PrivateIpAddress": address} for address in new)
        return interface

    def unassign_private_ip_addresses(
        self, eni_id: str, private_ip_address: list[str] | None = None
    ) -> NetworkInterface:
        interface = self.get_network_interface(eni_id)
        gone = set(private_ip_address or [])
        if interface.private_ip_address in gone or not gone <= set(addresses_of(interface)):
            raise RefusedError(
                "InvalidParameterValue", f"Some of [{', '.join(gone)}] are no secondary addresses of {eni_id}"
            )
        backend = cast("EC2Backend", self)
        for address in backend.addresses:
            if address.eni is interface and address.private_ip_address in gone:
                backend.disassociate_address(association_id=address.association_id)
        interface.private_ip_addresses = [
            item for item in interface.private_ip_addresses if item["PrivateIpAddress"] not in gone
        ]
        return interface


def split_addresses(primary: str | Sequence[str], listed: Iterable[Any]) -> tuple[str, list[str]]:
    """The primary address (empty: AWS chooses) and the secondary ones of a request, which has two forms."""
    chosen = primary if isinstance(primary, str) or not primary else primary[0]
    secondary: list[str] = []
    for item in listed:
        address = item if isinstance(item, str) else str(item["PrivateIpAddress"])
        if not isinstance(item, str) and item.get("Primary"):
            chosen = address
        elif address != chosen:
            secondary.append(address)
    return str(chosen or ""), secondary


def _move(address: str, source: NetworkInterface, target: NetworkInterface) -> None:
    """Delete the association of an address together with it."""
    source.private_ip_addresses = [item for item in source.private_ip_addresses if item["PrivateIpAddress"] != address]
    for elastic in source.ec2_backend.addresses:
        if elastic.eni is source and elastic.private_ip_address == address:
            elastic.eni = target


class AssignWithReassignment(ElasticNetworkInterfaces):
    """Moto never reads AllowReassignment."""

    def assign_private_ip_addresses(self) -> ActionResult:
        interface = self.ec2_backend.assign_private_ip_addresses(
            self._get_param("NetworkInterfaceId"),
            self._get_param("PrivateIpAddresses", []),
            self._get_int_param("SecondaryPrivateIpAddressCount", 0),
            self._get_bool_param("AllowReassignment", False),
        )
        assigned = [{"PrivateIpAddress": address} for address in addresses_of(interface)]
        return ActionResult({"NetworkInterfaceId": interface.id, "AssignedPrivateIpAddresses": assigned})
