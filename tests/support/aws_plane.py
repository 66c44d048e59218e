"""Specs and lookups for tests of the AWS plane."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from typing import Any

from edgewrap.aws.existing.addresses import Allocation
from edgewrap.aws.existing.network import ExistingNetwork, Subnet
from edgewrap.aws.inputs.decide import decide_inputs
from edgewrap.aws.inputs.model import Inputs, InterfaceLimits
from edgewrap.spec.models import Spec

PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO0oRpmL0zvoDLYwueFjXswXFesErJoP/JCfRvmIfKAm someone@somewhere"

VPC = ExistingNetwork(
    account="123456789012",
    owner="123456789012",
    state="available",
    cidrs=(IPv4Network("10.0.0.0/16"),),
    subnets=(Subnet("subnet-0123456789abcdef0", IPv4Network("10.0.4.0/22"), "eu-west-3b"),),
    gateway="igw-0123456789abcdef0",
    default_route="igw-0123456789abcdef0",
)
"""A VPC that a cluster can use, with a subnet that it can use."""

OFFICE = Allocation("eipalloc-0123456789abcdef0", "203.0.113.200", "eu-west-3")
"""An Elastic IP that a cluster can use."""

C5_METAL = InterfaceLimits(interfaces=15, addresses_per_interface=50)


def make_spec(**sections: Any) -> Spec:
    """A valid spec; `sections` are laid over a minimal one, section by section (`hosts={"count": 1}`)."""
    document: dict[str, Any] = {"apiVersion": "edgewrap/v1", "name": "edge-paris", "aws": {"region": "eu-west-3"}}
    for name, section in sections.items():
        known = document.get(name)
        document[name] = {**known, **section} if isinstance(known, dict) else section
    return Spec.model_validate(document)


@dataclass
class FixedLookups:
    """Answers that are always the same; `asked` names the questions in order."""

    zone: str = "eu-west-3a"
    zones: tuple[str, ...] = ("eu-west-3a", "eu-west-3b", "eu-west-3c")
    ami: str = "ami-11111111111111111"
    limits: InterfaceLimits = C5_METAL
    key: str = PUBLIC_KEY
    vpc: ExistingNetwork = VPC
    elastic_ips: Mapping[str, Allocation] = field(default_factory=lambda: {OFFICE.allocation_id: OFFICE})
    asked: list[str] = field(default_factory=list)

    def new_uuid(self) -> str:
        self.asked.append("uuid")
        return "7e5a1c9e-0000-4000-8000-000000000001"

    def first_zone(self, preferred: str = "") -> str:
        self.asked.append("zone")
        return preferred if preferred in self.zones else self.zone

    def image(self) -> str:
        self.asked.append("image")
        return self.ami

    def interface_limits(self) -> InterfaceLimits:
        self.asked.append("limits")
        return self.limits

    def public_key(self) -> str:
        self.asked.append("public key")
        return self.key

    def network(self, uuid: str) -> ExistingNetwork:
        self.asked.append("network")
        return self.vpc

    def allocations(self, ids: Sequence[str]) -> Mapping[str, Allocation]:
        self.asked.append("allocations")
        return {number: self.elastic_ips[number] for number in ids if number in self.elastic_ips}


def first_inputs(spec: Spec) -> Inputs:
    """The inputs of a first apply."""
    return decide_inputs(spec, None, FixedLookups())
