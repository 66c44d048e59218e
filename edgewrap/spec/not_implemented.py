"""Fields that edgewrap does not implement yet, and fields that it no longer has: refused by name, never ignored.

If you implement one of the first, remove its line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from edgewrap.spec.place import SpecProblem

NOT_IMPLEMENTED = {
    ("aws", "network", "vpc_id"): "edgewrap creates its own VPC",
    ("aws", "network", "subnet_id"): "edgewrap creates its own subnet",
    ("public_network", "existing"): "edgewrap allocates every Elastic IP itself",
}
"""Fields of the contract without an effect yet, and what edgewrap does instead."""

REMOVED = {
    ("public_network", "ipam"): "`edgewrap ipam install` sets up the IPAM driver, and "
    "public_network.self_service lets tenants use it",
    ("ssh", "host_keys"): "host keys are always pinned on first use",
}
"""Fields that earlier versions accepted and ignored, and what holds without them."""


def unsupported_fields(data: Mapping[str, Any]) -> Iterator[SpecProblem]:
    """The fields of a document that were removed, and those with a value that are not implemented."""
    for path, instead in NOT_IMPLEMENTED.items():
        if _section(data, path).get(path[-1]) not in (None, {}):
            yield SpecProblem(path, f"is not implemented yet; remove the line: {instead}", at_key=True)
    for path, instead in REMOVED.items():
        if path[-1] in _section(data, path):
            yield SpecProblem(path, f"was removed, it never had an effect; remove the line: {instead}", at_key=True)


def _section(data: Any, path: tuple[str, ...]) -> Mapping[str, Any]:
    """The section that a field is in; empty if the document has none."""
    for step in path[:-1]:
        data = data.get(step) if isinstance(data, Mapping) else None
    return data if isinstance(data, Mapping) else {}
