"""The networks in the contract `edgewrap/v1`: the public one with its Elastic IPs, the private ones, and BGP-EVPN."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from edgewrap.spec import formats
from edgewrap.spec.formats import FROM_ENVIRONMENT, distinct, port_range
from edgewrap.spec.on_change import disruptive, in_place, refused


class Model(BaseModel):
    """The base of every part of the contract: immutable, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


def section(description: str) -> Any:
    """A section that may be left out. Its defaults are validated as a part of the whole contract: to build a section's
    model for itself takes longer than to check a spec."""
    return Field(default_factory=dict, validate_default=True, description=description)


Index = Annotated[int, Field(ge=0)]
ALL_AT_ONCE = "refused while a host that stays cannot be read"
BGP_RESTARTS = f"every BGP session restarts; VMs lose packets between hosts; {ALL_AT_ONCE}"


class ElasticIps(Model):
    """The Elastic IPs; indexes 0, 1, 2, … without the retired ones."""

    count: Annotated[
        int, Field(ge=0, le=3969), in_place("Number of Elastic IPs.", "to lower it, list indexes in `retired`")
    ] = 4
    retired: Annotated[
        tuple[Index, ...],
        distinct("index"),
        disruptive(
            "Indexes of released Elastic IPs. An index is never used again.",
            "the Elastic IPs are released; AWS does not give the same addresses again",
        ),
    ] = ()


class SecurityRule(Model):
    """One rule of the VMs' security group."""

    protocol: Annotated[
        formats.Protocol,
        in_place(
            "The protocol: `tcp`, `udp`, `icmp` (every type and code) or `all`. AWS's protocol numbers are refused."
        ),
    ]
    ports: Annotated[
        formats.Ports,
        in_place(
            "One port, a range `low-high`, or `all`; for tcp and udp only. `443`, `443-443` and `0443` are "
            "the same rule."
        ),
    ] = "all"
    cidrs: Annotated[
        tuple[formats.Cidr, ...],
        distinct("network"),
        Field(min_length=1),
        in_place("From where (ingress) or to where (egress)."),
    ] = (IPv4Network("0.0.0.0/0"),)
    description: Annotated[formats.Description, in_place("A description of the rule, kept in AWS.")] = ""

    @property
    def port_range(self) -> tuple[int, int]:
        """The lowest and the highest port; `all` is (0, 65535)."""
        return port_range(self.ports)


class SecurityGroup(Model):
    """The user's own rules instead of "everything allowed"."""

    ingress: Annotated[
        tuple[SecurityRule, ...] | None,
        in_place("What may reach the VMs; null allows everything, an empty list nothing."),
    ] = None
    egress: Annotated[
        tuple[SecurityRule, ...] | None,
        in_place("What the VMs may reach; null allows everything, an empty list nothing."),
    ] = None


class PublicNetwork(Model):
    """The Elastic IPs, the interface groups that carry them, and the virtual network that leases them."""

    elastic_ips: ElasticIps = section("The Elastic IPs of the VMs.")
    groups: Annotated[
        int,
        Field(ge=1, le=63),
        refused(
            "Number of interface groups that carry the Elastic IPs. At most the interfaces of "
            "the instance type's first network card less one.",
            "every block would move",
        ),
    ] = 4
    existing: Annotated[
        dict[Annotated[str, formats.EXISTING_KEY], Annotated[str, formats.ALLOCATION_ID]],
        disruptive(
            "Elastic IPs that you have allocated yourself: allocation ids by keys of your choice. They are associated "
            "like the others, and never released (docs/existing.md).",
            "one that is removed is disassociated; a key keeps its allocation id",
        ),
    ] = Field(default_factory=dict)
    security_group: SecurityGroup = section("The security group of the VMs; everything is allowed by default.")
    default_security_group: Annotated[
        Literal["keep", "remove"],
        in_place(
            "OpenNebula adds its security group 0, which allows everything, to the public virtual network. "
            "With `keep` the groups of a VM have no effect there. With `remove` a new VM allows what its own groups "
            "allow, and nothing without a group.",
            "running VMs keep what they have",
        ),
    ] = "keep"
    self_service: Annotated[
        bool,
        in_place(
            "Give tenants the virtual network template `NAME-elastic-ip`: each network that they make from it requests "
            "an Elastic IP of its own through the IPAM driver (docs/ipam.md).",
            "tenants' networks stay",
        ),
    ] = False
    dns: Annotated[
        tuple[formats.Address, ...],
        distinct("server"),
        in_place("The name servers of the VMs.", "running VMs keep theirs"),
    ] = (IPv4Address("1.1.1.1"),)
    vni: Annotated[
        int,
        Field(ge=1, le=16777215),
        disruptive(
            "The VXLAN network identifier of `br-edge`.",
            f"VMs lose packets between hosts until all hosts have it; {ALL_AT_ONCE}",
        ),
    ] = 16000000


class PrivateNetwork(Model):
    """The template that tenants make private networks from."""

    mtu: Annotated[
        int,
        Field(ge=576, le=8951),
        in_place("In bytes; at most the VPC's 9001 less VXLAN's 50.", "networks that exist keep theirs"),
    ] = 8950
    phydev: Annotated[
        str,
        formats.INTERFACE,
        in_place(
            "The hosts' interface under VXLAN; `auto` finds the default route's.", "networks that exist keep theirs"
        ),
    ] = "auto"


class Evpn(Model):
    """BGP-EVPN between the hosts."""

    asn: Annotated[int, Field(ge=1, le=4294967294), disruptive("The autonomous system number.", BGP_RESTARTS)] = 65000
    reflectors: Annotated[int, Field(ge=1), in_place("Number of route reflectors.")] = 2
    password: Annotated[
        formats.SessionPassword | None,
        FROM_ENVIRONMENT,
        disruptive("The password of the BGP sessions, only as `${env:NAME}`.", BGP_RESTARTS),
    ] = None
