"""A saved plan, in the form of `terraform show -json`, read as our changes and as the outputs that it will lead to."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from typing import Any

from edgewrap.aws.clients import UUID_TAG
from edgewrap.aws.terraform.resources import (
    ATTACHMENT,
    HIDDEN,
    INSTANCE,
    KIND_ORDER,
    VMS_INGRESS,
    ResourceName,
    find_resource,
    resource_name,
)
from edgewrap.change import DRIFTED, Action, Change, Origin, PlaneName, Reason, drifted
from edgewrap.outputs import BY_DRIVER, UNKNOWN

ACTIONS = {
    ("create",): Action.CREATE,
    ("update",): Action.UPDATE,
    ("delete",): Action.DELETE,
    ("delete", "create"): Action.REPLACE,
    ("create", "delete"): Action.REPLACE,
}

REASONED = frozenset({INSTANCE.kind, ATTACHMENT.kind})
"""Kinds that are created or replaced for a reason that Terraform does not know."""

VOLUME_SIZES = {"root_block_device.0.volume_size": "root_volume_gb", "size": "datastore_volume.gb"}
"""The attributes of instances and volumes with a size in GiB, and the fields of `hosts` that they are from."""
FOLLOWS = "follows another change"
NOT_SHOWN = frozenset({"id", "arn", "tags_all", "user_data", "user_data_base64"})


@dataclass(frozen=True, slots=True)
class Before:
    """What was before the plan: the keys that the cluster had, whether the spec has changed since, and whether
    this plan destroys the cluster. `reasons`: by key, why a group moves or an instance is replaced; `off` are those of
    them whose reason is a dead host. `first`: no apply has completed yet."""

    keys: Set[str]
    spec_changed: bool
    destroy: bool
    reasons: Mapping[str, str] = field(default_factory=dict)
    off: Set[str] = frozenset()
    first: bool = False


def read_changes(document: Mapping[str, Any], before: Before) -> tuple[Change, ...]:
    """The changes of AWS in a plan, in the order of the kinds and then of the keys. What edgewrap itself remembers in
    the state is left out, and so is every value that the provider calls sensitive."""
    drift = {entry["address"]: entry["change"] for entry in document.get("resource_drift", [])}
    changes = [
        _change(entry, action, drift.get(entry["address"]), before)
        for entry in document.get("resource_changes", [])
        if entry["type"] not in HIDDEN and (action := _action(entry["change"]))
    ]
    from_spec = any(change.origin is Origin.SPEC and change.why != FOLLOWS for change in changes)
    if not (from_spec or before.first):
        changes = [drifted(change) if change.origin is Origin.SPEC else change for change in changes]
    return tuple(sorted(changes, key=_place))


def smaller_volumes(changes: Iterable[Change]) -> Iterator[str]:
    """A refusal for each volume of existing hosts that a plan would make smaller. AWS cannot, and says so only after
    the rest of the plan is applied."""
    for change in changes:
        for attribute, name in VOLUME_SIZES.items():
            before, after = change.before.get(attribute, ""), change.after.get(attribute, "")
            if change.action is Action.UPDATE and before.isdecimal() and after.isdecimal() and int(after) < int(before):
                yield (
                    f"hosts.{name}: cannot change from {before} to {after}: the volume of {change.key} has "
                    f"{before} GiB, and AWS only enlarges volumes; write `{name.rpartition('.')[2]}: {before}` or more"
                )


def predicted_values(document: Mapping[str, Any]) -> dict[str, Any]:
    """The output values after the plan, by name, with UNKNOWN for what only AWS knows."""
    return {
        name: _with_unknown(change.get("after"), change.get("after_unknown", False))
        for name, change in document.get("output_changes", {}).items()
        if change["actions"] != ["delete"]
    }


def _action(change: Mapping[str, Any]) -> Action | None:
    """What a change of terraform's does; an import counts as an update."""
    action = ACTIONS.get(tuple(change["actions"]))
    return Action.UPDATE if action is None and change.get("importing") else action


def _change(entry: Mapping[str, Any], action: Action, drift: Mapping[str, Any] | None, before: Before) -> Change:
    what = resource_name(entry["type"], entry["name"], entry.get("index"))
    old, new = _attributes(entry["change"], "before"), _attributes(entry["change"], "after")
    unknown = _marked(entry["change"].get("after_unknown") or {})
    if entry["change"].get("importing") and what.key.startswith(BY_DRIVER) and action is Action.UPDATE:
        action, old = Action.ADOPT, {}
    if action in (Action.CREATE, Action.DELETE, Action.ADOPT):
        resource = find_resource(entry["type"], entry["name"])
        shown = resource.shown if resource else ()
        old, new = ({key: side[key] for key in shown if key in side} for side in (old, new))
        differing: set[str] = set()
    else:
        forced = {str(path[0]) for path in entry["change"].get("replace_paths", [])}
        new |= dict.fromkeys(forced & unknown, UNKNOWN)
        differing = set(forced)
        if action is Action.UPDATE:
            differing |= _unequal(old, new)
        differing = {key for key in differing if key in forced or key.split(".")[0] not in unknown}
        if action is Action.UPDATE and not differing:  # it changes only in what follows from another change
            new |= dict.fromkeys(old.keys() & unknown, UNKNOWN)
            differing = old.keys() & unknown
        old, new = ({key: side[key] for key in sorted(differing) if key in side} for side in (old, new))
    why = _why(entry, action, what, differing, drift, before, UNKNOWN in new.values())
    change = Change(PlaneName.AWS, what.kind, what.key, action, old, new, why)
    return _with_origin(change, entry, differing, drift, before)


def _with_origin(
    change: Change, entry: Mapping[str, Any], differing: Set[str], drift: Mapping[str, Any] | None, before: Before
) -> Change:
    """The change with its origin. What Terraform has found changed in AWS, and what gets its old value again,
    is drift. If the spec is the one last applied, so is everything else, except what edgewrap itself has made or the
    user asks of this run."""
    own = entry["change"].get("importing") or entry.get("action_reason") == "replace_because_tainted"
    if before.first or before.destroy or own or change.key.startswith(BY_DRIVER):
        return change
    gone = drift is not None and drift["actions"] == ["delete"]
    if gone and change.action is not Action.CREATE:
        return change
    if not gone and change.kind in REASONED and change.key in before.reasons:
        return drifted(change, Reason.NOT_WORKING) if change.key in before.off else change
    if not before.spec_changed:
        return drifted(change)
    if drift is None or change.action is Action.DELETE:
        return change
    applied = _attributes(drift, "before")
    if not gone and not _unequal(applied, _attributes(drift, "after")) & differing:
        return change
    restores = _restores(entry["change"], differing, applied)
    return drifted(change) if restores else replace(change, reason=DRIFTED[change.action])


def _restores(change: Mapping[str, Any], differing: Set[str], applied: Mapping[str, str]) -> bool:
    """Whether a change sets each attribute to the value that was last applied, as far as the plan knows it."""
    planned, unknown = _attributes(change, "after"), _marked(change.get("after_unknown") or {})
    known = {key for key in _unequal(_attributes(change, "before"), planned) if key.split(".")[0] not in unknown}
    return all(planned.get(key) == applied.get(key) for key in differing | known)


def _why(
    entry: Mapping[str, Any],
    action: Action,
    what: ResourceName,
    differing: Set[str],
    drift: Mapping[str, Any] | None,
    before: Before,
    follows: bool,
) -> str:
    if action is Action.DELETE:
        if before.destroy:
            return "destroy"
        if what.key.startswith(BY_DRIVER):
            return "no address range has it"
        return "retired" if re.fullmatch(r"(host|eip)-\d+", what.key) else "no longer in the spec"
    if action is Action.ADOPT:
        return "requested through OpenNebula"
    if entry["change"].get("importing"):
        tagged = UUID_TAG in ((entry["change"].get("before") or {}).get("tags") or {})
        by_hand = what.kind == VMS_INGRESS.kind and not tagged
        return "made by hand; imported" if by_hand else "created by a run that was killed; imported"
    if what.kind in REASONED and what.key in before.reasons:
        return before.reasons[what.key]
    if entry.get("action_reason") == "replace_because_tainted":
        return "an earlier run was interrupted while it was created"
    if drift is not None:
        if drift["actions"] == ["delete"]:
            return "deleted outside"
        if _unequal(_attributes(drift, "before"), _attributes(drift, "after")) & differing:
            return "changed outside"
    if action is Action.CREATE:
        return "missing" if what.key in before.keys and not before.first else "new in the spec"
    if follows:
        return FOLLOWS
    return "spec changed" if before.spec_changed else "differs from the spec"


def _unequal(old: Mapping[str, str], new: Mapping[str, str]) -> set[str]:
    return {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}


def _attributes(change: Mapping[str, Any], side: str) -> dict[str, str]:
    """One side's known attributes as text, nested ones by their path; without sensitive values and those of no
    interest."""
    sensitive = change.get(f"{side}_sensitive")
    if sensitive is True:
        return {}
    secret = _marked(sensitive or {})
    shown = {key: value for key, value in (change.get(side) or {}).items() if key not in NOT_SHOWN | secret}
    return {path: text for path, text in _flat(shown).items() if text}


def _flat(value: Any, path: str = "") -> dict[str, str]:
    """Leaves by their dotted path; a list of plain values is one leaf."""
    if isinstance(value, dict):
        nested: Iterator[tuple[Any, Any]] = iter(value.items())
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        nested = iter(enumerate(value))
    else:
        return {} if value is None or value == [] else {path: _text(value)}
    leaves: dict[str, str] = {}
    for key, item in nested:
        leaves |= _flat(item, f"{path}.{key}" if path else str(key))
    return leaves


def _marked(marks: Mapping[str, Any]) -> set[str]:
    """The attributes that terraform marks, wholly or in part."""
    return {key for key, nested in marks.items() if _any_true(nested)}


def _any_true(marks: Any) -> bool:
    """Whether terraform marks the value, or anything in it."""
    nested = marks.values() if isinstance(marks, dict) else marks
    return any(_any_true(mark) for mark in nested) if isinstance(marks, (dict, list)) else bool(marks)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ", ".join(_text(item) for item in value)
    return json.dumps(value)


def _with_unknown(known: Any, unknown: Any) -> Any:
    """A value with UNKNOWN in the places that terraform marks as unknown."""
    if unknown is True:
        return UNKNOWN
    if isinstance(unknown, dict):
        base = known if isinstance(known, dict) else {}
        return {key: _with_unknown(base.get(key), unknown.get(key, False)) for key in base.keys() | unknown.keys()}
    if isinstance(unknown, list) and isinstance(known, list):
        marks = [*unknown, *[False] * (len(known) - len(unknown))]
        return [_with_unknown(item, mark) for item, mark in zip(known, marks, strict=False)]
    return known


def _place(change: Change) -> tuple[int, str, int, str]:
    """Sorts by kind, in the order of the table of kinds, then by key with numbers as numbers."""
    position = KIND_ORDER.index(change.kind) if change.kind in KIND_ORDER else len(KIND_ORDER)
    stem, _, number = change.key.rpartition("-")
    return (position, stem, int(number), "") if number.isdigit() else (position, change.key, 0, change.key)
