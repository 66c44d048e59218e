"""The networks in the contract `edgewrap/v1`: the public one with its Elastic IPs, the private ones, and BGP-EVPN."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from edgewrap.spec import formats
from edgewrap.spec.formats import FROM_ENVIRONMENT, distinct, port_range
from edgewrap.spec.on_change import IN_PLACE, disruptive, in_place, refused


class Model(BaseModel):
    """The base of every part of the contract: immutable, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


Index = Annotated[int, Field(ge=0)]


class ElasticIps(Model):
    """The Elastic IPs; indexes 0, 1, 2, … without the retired ones."""

    count: Annotated[
        int,
        Field(ge=0, le=3969, description="Number of Elastic IPs."),
        in_place("to lower it, list indexes in `retired`"),
    ] = 4
    retired: Annotated[
        tuple[Index, ...],
        distinct("index"),
        Field(description="Indexes of released Elastic IPs. An index is never used again."),
        disruptive("the Elastic IPs are released; AWS does not give the same addresses again"),
    ] = ()


class SecurityRule(Model):
    """One rule of the VMs' security group."""

    protocol: Annotated[
        Literal["tcp", "udp", "icmp", "all"],
        Field(description="The protocol."),
        IN_PLACE,
    ]
    ports: Annotated[
        formats.Ports,
        Field(
            description="One port, a range `low-high`, or `all`; for tcp and udp only. `443`, `443-443` and `0443` are "
            "the same rule."
        ),
        IN_PLACE,
    ] = "all"
    cidrs: Annotated[
        tuple[formats.Cidr, ...],
        distinct("network"),
        Field(min_length=1, description="From where (ingress) or to where (egress)."),
        IN_PLACE,
    ] = (IPv4Network("0.0.0.0/0"),)
    description: Annotated[
        formats.Description,
        Field(description="A description of the rule, kept in AWS."),
        IN_PLACE,
    ] = ""

    @property
    def port_range(self) -> tuple[int, int]:
        """The lowest and the highest port; `all` is (0, 65535)."""
        return port_range(self.ports)


class SecurityGroup(Model):
    """The user's own rules instead of "everything allowed"."""

    ingress: Annotated[
        tuple[SecurityRule, ...] | None,
        Field(description="What may reach the VMs; null allows everything, an empty list nothing."),
        IN_PLACE,
    ] = None
    egress: Annotated[
        tuple[SecurityRule, ...] | None,
        Field(description="What the VMs may reach; null allows everything, an empty list nothing."),
        IN_PLACE,
    ] = None


class PublicNetwork(Model):
    """The Elastic IPs, the interface groups that carry them, and the virtual network that leases them."""

    elastic_ips: ElasticIps = Field(default_factory=ElasticIps, description="The Elastic IPs of the VMs.")
    groups: Annotated[
        int,
        Field(
            ge=1,
            le=63,
            description="Number of interface groups that carry the Elastic IPs. At most the interfaces of "
            "the instance type's first network card less one.",
        ),
        refused("every block would move"),
    ] = 4
    existing: Annotated[
        dict[Annotated[str, formats.EXISTING_KEY], Annotated[str, formats.ALLOCATION_ID]],
        Field(description="Your own Elastic IPs, allocation id by key; never released."),
        refused("not implemented yet"),
    ] = Field(default_factory=dict)
    security_group: SecurityGroup = Field(
        default_factory=SecurityGroup, description="The security group of the VMs; everything is allowed by default."
    )
    default_security_group: Annotated[
        Literal["keep", "remove"],
        Field(
            description="OpenNebula adds its security group 0, which allows everything, to the public virtual network. "
            "With `keep` the groups of a VM have no effect there. With `remove` a new VM allows what its own groups "
            "allow, and nothing without a group."
        ),
        in_place("running VMs keep what they have"),
    ] = "keep"
    self_service: Annotated[
        bool,
        Field(
            description="Give tenants the virtual network template `NAME-elastic-ip`: each network that they make from "
            "it requests an Elastic IP of its own through the IPAM driver (docs/ipam.md)."
        ),
        in_place("tenants' networks stay"),
    ] = False
    dns: Annotated[
        tuple[formats.Address, ...],
        distinct("server"),
        Field(description="The name servers of the VMs."),
        in_place("running VMs keep theirs"),
    ] = (IPv4Address("1.1.1.1"),)
    vni: Annotated[
        int,
        Field(ge=1, le=16777215, description="The VXLAN network identifier of `br-edge`."),
        disruptive("VMs lose packets between hosts until all hosts have it"),
    ] = 16000000


class PrivateNetwork(Model):
    """The template that tenants make private networks from."""

    mtu: Annotated[
        int,
        Field(
            ge=576,
            le=8951,
            description="In bytes; at most the VPC's 9001 less VXLAN's 50.",
        ),
        in_place("networks that exist keep theirs"),
    ] = 8950
    phydev: Annotated[
        str,
        formats.INTERFACE,
        Field(description="The hosts' interface under VXLAN; `auto` finds the default route's."),
        in_place("networks that exist keep theirs"),
    ] = "auto"


class Evpn(Model):
    """BGP-EVPN between the hosts."""

    asn: Annotated[
        int,
        Field(ge=1, le=4294967294, description="The autonomous system number."),
        disruptive("every BGP session restarts; VMs lose packets between hosts"),
    ] = 65000
    reflectors: Annotated[
        int,
        Field(ge=1, description="Number of route reflectors."),
        IN_PLACE,
    ] = 2
    password: Annotated[
        formats.SessionPassword | None,
        FROM_ENVIRONMENT,
        Field(description="The password of the BGP sessions, only as `${env:NAME}`."),
        disruptive("every BGP session restarts; VMs lose packets between hosts"),
    ] = None
