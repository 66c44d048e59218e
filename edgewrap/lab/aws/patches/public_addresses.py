"""Public addresses from the documentation's ranges, and when an instance has one.

A public address assigned at launch is released when the instance stops or an Elastic IP replaces it. AWS assigns
another one only to an instance with a single interface and no Elastic IP. Stock moto assigns addresses that look like
AWS's own, and a new one at every start.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable
from typing import Any

from moto.ec2.models.elastic_ip_addresses import ElasticAddress
from moto.ec2.models.elastic_network_interfaces import NetworkInterface

from edgewrap.aws.dns_names import public_dns_name
from edgewrap.lab.aws.backends import used_backends
from edgewrap.lab.aws.patches.errors import OutOfCapacityError


class AddressRange:
    """Assigns the addresses of a range in turn, so that a released one is not soon assigned again."""

    def __init__(self, cidr: str) -> None:
        self._addresses = [str(address) for address in ipaddress.ip_network(cidr).hosts()]
        self._next = 0

    def take(self, used: Collection[str]) -> str:
        for _ in self._addresses:
            address = self._addresses[self._next]
            self._next = (self._next + 1) % len(self._addresses)
            if address not in used:
                return address
        raise OutOfCapacityError(
            "InsufficientAddressCapacity", "Not enough available addresses to satisfy your minimum request."
        )

    def __contains__(self, address: str) -> bool:
        return address in self._addresses


AUTO_ASSIGNED = AddressRange("198.51.100.0/24")
ELASTIC = AddressRange("203.0.113.0/24")


def public_addresses_in_use() -> set[str]:
    """The addresses of all accounts and regions: each is assigned only once."""
    elastic = {address.public_ip for backend in used_backends() for address in backend.addresses}
    given = {interface.public_ip for backend in used_backends() for interface in backend.enis.values()}
    return elastic | {address for address in given if address}


def elastic_ips(interface: NetworkInterface) -> dict[str, ElasticAddress]:
    """The Elastic IPs associated with an interface, by private address."""
    addresses: Iterable[ElasticAddress] = interface.ec2_backend.addresses
    return {
        address.private_ip_address or "": address
        for address in addresses
        if address.network_interface_id == interface.id
    }


def association_of(interface: NetworkInterface, private_address: str) -> dict[str, str]:
    """As DescribeInstances and DescribeNetworkInterfaces show it; empty if there is none."""
    elastic = elastic_ips(interface).get(private_address)
    if elastic:
        return {
            "AllocationId": elastic.allocation_id or "",
            "AssociationId": elastic.association_id or "",
            "IpOwnerId": interface.owner_id,
            "PublicIp": elastic.public_ip,
            "PublicDnsName": dns_name_of(interface, elastic.public_ip),
        }
    given = interface.public_ip if private_address == interface.private_ip_address else None
    if given:
        return {"IpOwnerId": "amazon", "PublicIp": given, "PublicDnsName": dns_name_of(interface, given)}
    return {}


def dns_name_of(interface: NetworkInterface, address: str) -> str:
    """The DNS name of an interface's public address; empty if its VPC has no DNS hostnames."""
    return public_dns_name(address, interface.ec2_backend.region_name) if has_dns_hostnames(interface) else ""


def has_dns_hostnames(interface: NetworkInterface) -> bool:
    """Whether DNS hostnames are on in the interface's VPC."""
    vpc = interface.ec2_backend.vpcs.get(interface.vpc_id)
    return vpc is not None and str(vpc.enable_dns_hostnames).lower() == "true"


class PublicAddress(NetworkInterface):
    """`public_ip` is that of the primary private address: an Elastic IP, otherwise the one assigned at launch."""

    @property
    def public_ip(self) -> str | None:
        elastic = elastic_ips(self).get(self.private_ip_address or "")
        return elastic.public_ip if elastic else self.__dict__.get("auto_assigned")

    @public_ip.setter
    def public_ip(self, address: str | None) -> None:
        self.__dict__["auto_assigned"] = address

    def start(self) -> None:
        """Assign a public address if the subnet or the launch asks for one and AWS would assign one."""
        wanted = str(self.public_ip_auto_assign).lower() == "true"
        alone = self.instance is None or len(self.instance.nics) == 1
        if wanted and alone and not elastic_ips(self) and not self.__dict__.get("auto_assigned"):
            self.public_ip = AUTO_ASSIGNED.take(public_addresses_in_use())

    def stop(self) -> None:
        self.public_ip = None

    @property
    def association(self) -> dict[str, Any]:
        return association_of(self, self.private_ip_address or "")

    @property
    def instance_private_ip_address_list(self) -> list[dict[str, Any]]:
        """For DescribeInstances."""
        addresses = []
        for item in self.private_ip_addresses:
            private_address = str(item["PrivateIpAddress"])
            association = association_of(self, private_address)
            shown = {"PrivateIpAddress": private_address, "Primary": private_address == self.private_ip_address}
            addresses.append({**shown, "Association": association} if association else shown)
        return addresses

    @property
    def network_interface_private_ip_address_list(self) -> list[dict[str, Any]]:
        """For DescribeNetworkInterfaces: moto's serializer looks for the shape's name first."""
        return self.instance_private_ip_address_list
