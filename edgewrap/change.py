"""The one type that every plane's diff is made of.

It stands below the planes, not in the engine, because planes make changes and must not import the engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class PlaneName(StrEnum):
    """The three planes of an edge cluster."""

    AWS = "aws"
    OPENNEBULA = "opennebula"
    HOSTS = "hosts"


class Action(StrEnum):
    """What a change does to the thing it names."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between what is and what the spec wants.

    `kind` is the field's own word for the thing (`vpc`, `elastic ip`, `virtual network`, `route`), `key` names
    the one meant (`eip-3`, `host-0`, `edge-paris-public`). `before` and `after` hold only the attributes that
    differ, as text; before is empty on create, after on delete. `why` is one short clause for a person.
    """

    plane: PlaneName
    kind: str
    key: str
    action: Action
    before: Mapping[str, str] = field(default_factory=dict)
    after: Mapping[str, str] = field(default_factory=dict)
    why: str = ""
