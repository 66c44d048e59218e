"""The keys that a spec file gives to its cluster, read without checking the file and without the models, whose import
is slow: a shell that completes a word waits for them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgewrap.paths import is_file
from edgewrap.spec.addressing import active_indexes
from edgewrap.spec.document import MOST_BYTES, read_document

HOSTS, ELASTIC_IPS, GROUPS = 3, 4, 4
"""The models' defaults."""

_MOST = 4000  # more than any cluster has
_KEY = re.compile(r"[a-z][a-z0-9-]{0,39}")


@dataclass(frozen=True, slots=True)
class ClusterKeys:
    """A cluster's name and the keys of its hosts, interface groups and Elastic IPs."""

    name: str
    hosts: tuple[str, ...]
    groups: tuple[str, ...]
    eips: tuple[str, ...]


def read_keys(spec_file: Path) -> ClusterKeys | None:
    """The keys in a spec file; None if that is not a regular file. Only keys of the right form are returned: they are
    put on a command line. Raises whatever a wrong spec causes."""
    if not is_file(spec_file):
        return None
    with spec_file.open("rb") as file:
        data = read_document(file.read(MOST_BYTES).decode("utf-8-sig")).data
    hosts, public = _section(data, "hosts"), _section(data, "public_network")
    existing = (key for key in _section(public, "existing") if _KEY.fullmatch(key))
    return ClusterKeys(
        name if _KEY.fullmatch(name := str(data.get("name"))) else "",
        _indexed("host", hosts, HOSTS),
        tuple(f"group-{index}" for index in range(min(_count(public, "groups", GROUPS), _MOST))),
        (*_indexed("eip", _section(public, "elastic_ips"), ELASTIC_IPS), *existing),
    )


def _section(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = data.get(key)
    return found if isinstance(found, dict) else {}


def _count(data: Mapping[str, Any], key: str, default: int) -> int:
    found = data.get(key, default)
    return found if isinstance(found, int) else default


def _indexed(kind: str, data: Mapping[str, Any], default: int) -> tuple[str, ...]:
    retired = data.get("retired")
    indexes = active_indexes(
        max(0, min(_count(data, "count", default), _MOST)), tuple(retired) if isinstance(retired, list) else ()
    )
    return tuple(f"{kind}-{index}" for index in indexes)
