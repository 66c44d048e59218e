"""Credentials are never in a spec: keys that are named like one and values that look like one are refused, and no
error repeats such a value."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from edgewrap.spec.environment import texts
from edgewrap.spec.place import KeyPath, SpecProblem

_NAMES = (
    "accesskey",
    "secret",
    "token",
    "password",
    "passwd",
    "passphrase",
    "credential",
    "privatekey",
    "apikey",
    "oneauth",
)
_VALUES = re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|-----BEGIN [A-Z ]*PRIVATE KEY|://[^/\s@]*:[^/\s@]*@")
_USER_IN_URL = re.compile(r"://[^/\s@]+@")
_REFERENCE = re.compile(r"\$\{env:[A-Za-z0-9_]+\}")
_FREE_KEYS = (("aws", "tags"), ("public_network", "existing"))
_INSTEAD = {
    "aws": "AWS's own chain finds them (profile, role, SSO, OIDC)",
    "opennebula": "ONE_AUTH or ~/.one/one_auth has them",
    "ssh": "the SSH agent or ~/.ssh has the key",
    "evpn": "write ${env:NAME}, which is filled in at run time",
}


def credential_faults(data: Mapping[str, Any]) -> Iterator[SpecProblem]:
    """The keys and values that are, or may be, credentials."""
    yield from _named(data, ())
    for path, text in texts(data):
        if _VALUES.search(text) and not any(map(_is_name, path)):
            yield _fault(path)


def is_secret(path: KeyPath, text: str) -> bool:
    """Whether an error must not show the value at a path."""
    looks_like_one = _VALUES.search(text) or _USER_IN_URL.search(text)
    return bool(looks_like_one) or (_named_like_one(path) and not _is_reference(text))


def _named(data: Any, path: KeyPath) -> Iterator[SpecProblem]:
    if isinstance(data, Mapping):
        for key, value in data.items():
            here = (*path, key)
            literal = not (here == ("evpn", "password") and (value is None or _is_reference(value)))
            if _named_like_one(here) and literal:
                yield _fault(here)
            else:
                yield from _named(value, here)
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _named(value, (*path, index))


def _is_reference(value: Any) -> bool:
    return isinstance(value, str) and _REFERENCE.fullmatch(value) is not None


def _is_name(step: str | int) -> bool:
    plain = str(step).lower().replace("_", "").replace("-", "")
    return any(name in plain for name in _NAMES)


def _named_like_one(path: KeyPath) -> bool:
    return path[:2] not in _FREE_KEYS and any(map(_is_name, path))


def _fault(path: KeyPath) -> SpecProblem:
    instead = _INSTEAD.get(str(path[0]), "AWS's own chain, ONE_AUTH and the SSH agent have them")
    return SpecProblem(path, f"must not be in a spec, as no credential may: {instead}")
