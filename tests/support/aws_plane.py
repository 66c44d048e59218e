"""Specs and lookups for tests of the AWS plane."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from edgewrap.aws.inputs.decide import decide_inputs
from edgewrap.aws.inputs.model import Inputs, InterfaceLimits
from edgewrap.spec.models import Spec

PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO0oRpmL0zvoDLYwueFjXswXFesErJoP/JCfRvmIfKAm someone@somewhere"

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


def first_inputs(spec: Spec) -> Inputs:
    """The inputs of a first apply."""
    return decide_inputs(spec, None, FixedLookups())
