"""The one type that every plane's plan is made of, and how two plans are compared.

It is below the planes, not in the engine, because planes make changes and must not import the engine.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Protocol


class PlaneName(StrEnum):
    """The three planes of an edge cluster."""

    AWS = "aws"
    OPENNEBULA = "opennebula"
    HOSTS = "hosts"


class Action(StrEnum):
    """What a change does to the object that it names. ADOPT takes what the IPAM driver requested into the state."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    ADOPT = "adopt"


class Origin(StrEnum):
    """Where a change is from: the spec (or the run itself, such as an adoption), or only drift."""

    SPEC = "spec"
    DRIFT = "drift"


class Reason(StrEnum):
    """How an object has drifted from the spec last applied."""

    CHANGED = "changed outside"
    MISSING = "missing"
    EXTRA = "extra"
    NOT_WORKING = "not working"


DRIFTED = {
    Action.CREATE: Reason.MISSING,
    Action.UPDATE: Reason.CHANGED,
    Action.REPLACE: Reason.CHANGED,
    Action.DELETE: Reason.EXTRA,
}
"""How an object has drifted that needs this action to be as it was."""

DOING = {
    Action.CREATE: "creating",
    Action.UPDATE: "changing",
    Action.REPLACE: "replacing",
    Action.DELETE: "deleting",
    Action.ADOPT: "adopting",
}
"""What a run does to an object, in a word."""


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between what exists and what the spec asks for. A change that the spec asks for, of an object
    that has drifted too, has the origin `spec` and a reason."""

    plane: PlaneName
    kind: str
    """The usual word for the object: `vpc`, `elastic ip`, `virtual network`, `route`."""
    key: str
    """Identifies the object: `eip-3`, `host-0`, `edge-paris-public`."""
    action: Action
    """What is done to the object."""
    before: Mapping[str, str] = field(default_factory=dict)
    """The attributes that differ, as text, as they are now; empty on create."""
    after: Mapping[str, str] = field(default_factory=dict)
    """The attributes that differ, as text, as they will be; empty on delete."""
    why: str = ""
    """One short clause for a person."""
    diff: tuple[str, ...] = ()
    """If a text changes: its lines that are removed (`- …`) and added (`+ …`)."""
    origin: Origin = Origin.SPEC
    """Where the change is from (docs/drift.md)."""
    reason: Reason | None = None
    """How the object has drifted; null if it has not."""


class HasChange(Protocol):
    """An operation of a plane."""

    @property
    def change(self) -> Change:
        """What it changes, for people."""


def changes_of(operations: Iterable[HasChange]) -> tuple[Change, ...]:
    """The changes that operations make."""
    return tuple(operation.change for operation in operations)


def drifted(change: Change, reason: Reason | None = None) -> Change:
    """The change as one that only restores what was applied."""
    return replace(change, origin=Origin.DRIFT, reason=reason or DRIFTED.get(change.action))


_COVERS = {
    Action.CREATE: (Action.CREATE, Action.UPDATE),
    Action.UPDATE: (Action.UPDATE,),
    Action.REPLACE: (Action.REPLACE, Action.CREATE, Action.UPDATE),
    Action.DELETE: (Action.DELETE,),
    Action.ADOPT: (Action.ADOPT, Action.UPDATE),
}
"""What a planned action allows: an object that the plan creates may exist in part by now, and one that the plan
replaces may have been deleted."""


def unplanned(changes: Iterable[Change], planned: Iterable[Change]) -> tuple[Change, ...]:
    """Those of `changes` that no planned change covers.

    A planned change covers one of the same object (plane, kind, key) if its action allows that, and if an update sets
    no attribute that the planned update does not set; a planned creation or replacement sets all of them. Values may
    differ: a plan has `(known after apply)` for values that only AWS can give.
    """
    allowed: dict[tuple[PlaneName, str, str, Action], set[str]] = {}
    for change in planned:
        for action in _COVERS[change.action]:
            allowed.setdefault((change.plane, change.kind, change.key, action), set()).update(change.after)
    return tuple(change for change in changes if not _covered(change, allowed))


def _covered(change: Change, allowed: Mapping[tuple[PlaneName, str, str, Action], set[str]]) -> bool:
    attributes = allowed.get((change.plane, change.kind, change.key, change.action))
    if attributes is None:
        return False
    created = (change.plane, change.kind, change.key, Action.CREATE) in allowed
    return change.action is not Action.UPDATE or created or attributes >= change.after.keys()
