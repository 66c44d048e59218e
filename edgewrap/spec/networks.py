"""The networks of the VMs in the contract `edgewrap/v1`: the public one with its Elastic IPs, and the private ones."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from edgewrap.spec import formats
from edgewrap.spec.formats import distinct, port_range


class Model(BaseModel):
    """The base of every part of the contract: immutable, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


Index = Annotated[int, Field(ge=0)]


class ElasticIps(Model):
    """How many Elastic IPs; indexes 0, 1, 2, … without the retired ones."""

    count: Annotated[int, Field(ge=0, le=3969, description="How many Elastic IPs live.")] = 4
    retired: Annotated[
        tuple[Index, ...],
        distinct("index"),
        Field(description="Indexes of Elastic IPs that are released; an index is never used twice."),
    ] = ()


class SecurityRule(Model):
    """One rule of the VMs' security group."""

    protocol: Annotated[Literal["tcp", "udp", "icmp", "all"], Field(description="What it allows.")]
    ports: Annotated[
        formats.Ports,
        Field(
            description="One port, a range `low-high`, or `all`; for tcp and udp only. `443`, `443-443` and `0443` are "
            "the same rule."
        ),
    ] = "all"
    cidrs: Annotated[
        tuple[formats.Cidr, ...],
        distinct("network"),
        Field(min_length=1, description="From where (ingress) or to where (egress)."),
    ] = (IPv4Network("0.0.0.0/0"),)
    description: Annotated[formats.Description, Field(description="A note on the rule, kept by AWS.")] = ""

    @property
    def port_range(self) -> tuple[int, int]:
        """The lowest and the highest port; `all` is (0, 65535)."""
        return port_range(self.ports)


class SecurityGroup(Model):
    """The user's own rules instead of "everything allowed"."""

    ingress: Annotated[
        tuple[SecurityRule, ...] | None,
        Field(description="What may reach the VMs; null allows everything, an empty list nothing."),
    ] = None
    egress: Annotated[
        tuple[SecurityRule, ...] | None,
        Field(description="What the VMs may reach; null allows everything, an empty list nothing."),
    ] = None


class PublicNetwork(Model):
    """The Elastic IPs, the interface groups that carry them, and the virtual network that leases them."""

    elastic_ips: ElasticIps = Field(default_factory=ElasticIps, description="The Elastic IPs of the VMs.")
    groups: Annotated[
        int,
        Field(
            ge=1,
            le=63,
            description="How many interface groups carry the Elastic IPs; fixed at creation. At most the interfaces of "
            "the instance type's first network card less one.",
        ),
    ] = 4
    existing: Annotated[
        dict[Annotated[str, formats.EXISTING_KEY], Annotated[str, formats.ALLOCATION_ID]],
        Field(description="Elastic IPs of one's own, allocation id by key; never released."),
    ] = Field(default_factory=dict)
    security_group: SecurityGroup = Field(
        default_factory=SecurityGroup, description="The security group of the VMs; everything is allowed by default."
    )
    default_security_group: Annotated[
        Literal["keep", "remove"],
        Field(
            description="OpenNebula's security group 0 on the public virtual network, where OpenNebula puts it. It "
            "admits everything, so with `keep` no other group takes anything away. With `remove` a new VM there has "
            "what its own groups admit, and without a group of its own nothing."
        ),
    ] = "keep"
    dns: Annotated[
        tuple[formats.Address, ...], distinct("server"), Field(description="The name servers that VMs are told.")
    ] = (IPv4Address("1.1.1.1"),)
    vni: Annotated[int, Field(ge=1, le=16777215, description="The VXLAN network identifier of `br-edge`.")] = 16000000
    ipam: Annotated[
        Literal["auto", "none", "edgewrap"],
        Field(
            description="Whether the address ranges use the IPAM driver: `auto` where the front-end has it, `none`, or "
            "`edgewrap`."
        ),
    ] = "auto"


class PrivateNetwork(Model):
    """The template that tenants make private networks from."""

    mtu: Annotated[
        int,
        Field(
            ge=576,
            le=8951,
            description="In bytes; at most the VPC's 9001 less VXLAN's 50.",
        ),
    ] = 8950
    phydev: Annotated[
        str, formats.INTERFACE, Field(description="The hosts' interface under VXLAN; `auto` finds the default route's.")
    ] = "auto"
