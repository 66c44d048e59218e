"""What a spec must not contain: credentials, and fields that edgewrap no longer has.

All are refused by name, never ignored, and no error shows a credential.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from edgewrap.secrets import redact
from edgewrap.spec.contract import contract, credentials_from
from edgewrap.spec.environment import texts
from edgewrap.spec.place import KeyPath, SpecProblem

REMOVED = {
    ("public_network", "ipam"): "`edgewrap ipam install` sets up the IPAM driver, and "
    "public_network.self_service lets tenants use it",
    ("ssh", "host_keys"): "host keys are always pinned on first use",
}
"""Fields that earlier versions accepted and ignored, and what holds without them."""

SECRETS: tuple[KeyPath, ...] = (("evpn", "password"),)
"""The secret fields. The contract knows them too, but takes longer to make than all else that a spec needs."""

_VALUES = re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|-----BEGIN [A-Z ]*PRIVATE KEY|://[^/\s@]*:[^/\s@]*@")
_REFERENCE = re.compile(r"\$\{env:[A-Za-z0-9_]+\}")


def removed_fields(data: Mapping[str, Any]) -> Iterator[SpecProblem]:
    """The fields of a document that were removed."""
    for path, instead in REMOVED.items():
        section = _value_at(data, path[:-1])
        if isinstance(section, Mapping) and path[-1] in section:
            yield SpecProblem(path, f"was removed, it never had an effect; remove the line: {instead}", at_key=True)


def credential_problems(data: Mapping[str, Any]) -> Iterator[SpecProblem]:
    """The values that look like credentials, and secrets that are written out instead of `${env:NAME}`."""
    for secret in SECRETS:
        value = _value_at(data, secret)
        if value is not None and not _is_reference(value):
            yield _problem(secret)
    for path, text in texts(data):
        if _VALUES.search(text):
            yield _problem(path)


def is_secret(path: KeyPath, text: str) -> bool:
    """Whether an error must not show the value at a path: it looks like a credential, or its field is a secret."""
    if _VALUES.search(text) or redact(text) != text:
        return True
    known = contract().at(path)
    return known is not None and known.is_secret and not _is_reference(text)


def _value_at(data: Any, path: KeyPath) -> Any:
    """The value at a path; None if the document has none there."""
    for step in path:
        data = data.get(step) if isinstance(data, Mapping) else None
    return data


def _is_reference(value: Any) -> bool:
    return isinstance(value, str) and _REFERENCE.fullmatch(value) is not None


def _problem(path: KeyPath) -> SpecProblem:
    return SpecProblem(path, f"must not be in a spec, as no credential may: {credentials_from(path)}")
