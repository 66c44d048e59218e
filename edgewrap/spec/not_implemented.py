"""What the contract has and edgewrap does not do yet: refused by name where a spec asks for it, never ignored.

Whoever builds one of these takes its line away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from edgewrap.spec.place import SpecProblem


def _written(value: Any) -> bool:
    return value is not None


def _not_empty(value: Any) -> bool:
    return value not in (None, {})


@dataclass(frozen=True, slots=True)
class Unbuilt:
    """A field that is not built yet, what a spec must say to ask for it, and what holds until then."""

    path: tuple[str, ...]
    asked: Callable[[Any], bool]
    until_then: str


UNBUILT = (
    Unbuilt(("aws", "network", "vpc_id"), _written, "edgewrap makes a VPC of its own"),
    Unbuilt(("aws", "network", "subnet_id"), _written, "edgewrap makes a subnet of its own"),
    Unbuilt(("public_network", "existing"), _not_empty, "edgewrap allocates every Elastic IP itself"),
    Unbuilt(("public_network", "ipam"), lambda value: value == "edgewrap", "write auto or none"),
)


def unbuilt_faults(data: Mapping[str, Any]) -> Iterator[SpecProblem]:
    """What a document asks for and is not built."""
    for unbuilt in UNBUILT:
        value: Any = data
        for step in unbuilt.path:
            value = value.get(step) if isinstance(value, Mapping) else None
        if unbuilt.asked(value):
            yield SpecProblem(unbuilt.path, f"is not built yet, leave it out: {unbuilt.until_then}", at_key=True)
