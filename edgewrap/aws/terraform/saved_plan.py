"""A saved plan, read from Terraform's own file: what edgewrap uses of `terraform show -json`, without the second that
the command takes.

The file is a zip archive with one protobuf message, and the values in it are MessagePack (Terraform's `planfile.proto`;
the numbers of its fields are the same from Terraform 1.6 to 1.15). This format is not a public one. So a file is
refused, and then `terraform show` reads it, if it has anything that is not listed here, or other changes than Terraform
reported while it planned.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Set
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import msgpack

from edgewrap.aws.terraform.json_output import PlannedChange, RunOutput

FORMAT = 3
OLDEST = (1, 8)
"""Of Terraform. Older ones do not write which values the provider calls sensitive."""

_ACTIONS: Mapping[int, tuple[list[str], str]] = {
    0: (["no-op"], ""),
    1: (["create"], "create"),
    2: (["read"], "read"),
    3: (["update"], "update"),
    5: (["delete"], "delete"),
    6: (["delete", "create"], "replace"),
    7: (["create", "delete"], "replace"),
}
"""By number: what `show` calls an action, and what Terraform reports."""

_REASONS = {1: "replace_because_tainted"}
"""By number: the reasons for an action that edgewrap reads."""

_ADDRESS = re.compile(r"(?:module\.[\w-]+\.)*(?:(data)\.)?(\w+)\.([\w-]+)(?:\[(.+)\])?")

# The fields that are read or can be ignored. Not among them: sensitive values, and what is left for a later plan.
_PLAN = frozenset({1, 2, 3, 4, 13, 14, 15, 16, 17, 18, 19, 21, 22, 25, 26})
_RESOURCE = frozenset({7, 8, 9, 10, 11, 12, 13, 14})
_CHANGE = frozenset({1, 2, 5, 7, 8})
_OUTPUT = frozenset({1, 2})
_VALUE = frozenset({1})
_PATH = frozenset({1})
_STEP = frozenset({1, 2})

_UNKNOWN_FORM = (BadZipFile, zlib.error, EOFError, LookupError, RuntimeError, TypeError, ValueError)

_IMPORTING = frozenset({1, 2, 3})
_UNKNOWN_VALUE = (0, 12)
"""The extensions of MessagePack that stand for a value that is known after the apply: a plain one, a refined one."""

_Message = Mapping[int, list[Any]]
"""A protobuf message: by the number of a field its values, which are numbers, or bytes for texts and messages."""

_UNKNOWN = object()
"""A value that is known after the apply."""


class UnreadablePlanError(Exception):
    """A file that is not wholly understood. It never leaves this package."""


def read_saved_plan(file: Path, reported: RunOutput) -> dict[str, Any]:
    """The changes of resources and outputs and the drift in a plan, in the form of `terraform show -json`.

    Raises UnreadablePlanError if the file has anything unknown, or other changes than `reported`.
    """
    try:
        with ZipFile(file) as archive:
            plan = _message(archive.read("tfplan"), _PLAN)
        _require_known(plan, reported.version)
        changes = _resources(plan.get(3, ()))
        drift = [change for change in _resources(plan.get(18, ())) if _action(change)]
        outputs = {
            _text(output[1]): _message(output[2][0], _CHANGE)
            for output in (_message(each, _OUTPUT) for each in plan.get(4, ()))
        }
        actions = {name: _ACTIONS[_number(change, 1)][1] or "noop" for name, change in outputs.items()}
        said = {name: output["action"] for name, output in reported.outputs.items()}
        reports = (_reports(changes), _reports(drift), actions)
        if reports != (sorted(reported.planned), sorted(reported.drifted), said):
            raise UnreadablePlanError("its changes are not those that terraform reported")
        return {
            "resource_changes": [_resource_change(change) for change in changes],
            "resource_drift": [_resource_change(change) for change in drift],
            "output_changes": {name: _change(change) for name, change in outputs.items()},
        }
    except (*_UNKNOWN_FORM, OSError) as error:
        raise UnreadablePlanError(f"{type(error).__name__}: {error}") from error


def _require_known(plan: _Message, version: str) -> None:
    """Raises UnreadablePlanError if another program than Terraform of this version wrote the plan, or an old one."""
    written_by = _text(plan[14])
    if plan[1] != [FORMAT]:
        raise UnreadablePlanError(f"its format is {plan[1]}")
    if written_by != version or tuple(map(int, written_by.split(".")[:2])) < OLDEST:
        raise UnreadablePlanError(f"it is of version {written_by}, by a terraform of version {version or 'unknown'}")


def _resources(entries: Iterable[bytes]) -> list[_Message]:
    """The changes of resources with their contents (field 9) as messages, in the order of `show`: by address, that of
    the current object first. Data sources that are no longer needed are left out: they are deleted from the state only.
    """
    found = (_message(entry, _RESOURCE) for entry in entries)
    changes = [{**change, 9: [_message(change[9][0], _CHANGE)]} for change in found]
    changes.sort(key=lambda one: (one[13], one.get(7, [b""])))
    return [one for one in changes if not (_name(_text(one[13]))["mode"] == "data" and _action(one) == "delete")]


def _reports(changes: Iterable[_Message]) -> list[PlannedChange]:
    """What Terraform reports of changes, sorted."""
    reports = []
    for change in changes:
        address, action = _text(change[13]), _action(change)
        if not action and 14 in change and _text(change[14]) != address:
            action = "move"
        elif not action and 5 in change[9][0]:
            action = "import"
        if action:
            reports.append(PlannedChange(address, _name(address)["type"], action))
    return sorted(reports)


def _action(change: _Message) -> str:
    """What Terraform calls the action in its reports; empty if there is none."""
    return _ACTIONS[_number(change[9][0], 1)][1]


def _resource_change(change: _Message) -> dict[str, Any]:
    address = _text(change[13])
    content = _change(change[9][0])
    content["replace_paths"] = [[_attribute(path)] for path in change.get(11, ())]
    reason = _REASONS.get(_number(change, 12), "")
    return {"address": address, **_name(address), "action_reason": reason, "change": content}


def _name(address: str) -> dict[str, Any]:
    """What an address consists of."""
    match = _ADDRESS.fullmatch(address)
    if match is None or "${" in address or "%{" in address:
        raise ValueError(f"the address {address}")
    data, kind, name, index = match.groups()
    return {"mode": data or "managed", "type": kind, "name": name} | ({"index": json.loads(index)} if index else {})


def _change(change: _Message) -> dict[str, Any]:
    """A change of a resource or an output, as `show` has it."""
    actions, _ = _ACTIONS[_number(change, 1)]
    values = [_decoded(value) for value in change[2]]
    match actions, values:
        case ["create"], [after]:
            before = None
        case ["delete"], [before]:
            after = None
        case ["no-op"], [before]:
            after = before
        case ["update" | "read"] | [_, _], [before, after]:
            pass
        case _:
            raise ValueError(f"{len(values)} values for {actions}")
    document = {"actions": actions, "before": before, "after": _known(after), "after_unknown": _unknown(after)}
    if 5 in change:
        _message(change[5][0], _IMPORTING)
        document["importing"] = True
    return document


def _attribute(path: bytes) -> str:
    """The attribute that a path begins with."""
    return _text(_message(_message(path, _PATH)[1][0], _STEP)[1])


def _known(value: Any) -> Any:
    """A value without what is unknown: it is missing in an object, and null in a list."""
    if isinstance(value, dict):
        return {name: _known(item) for name, item in value.items() if item is not _UNKNOWN}
    if isinstance(value, list):
        return [_known(item) for item in value]
    return None if value is _UNKNOWN else value


def _unknown(value: Any) -> Any:
    """True for what is unknown in a value, in its shape."""
    if isinstance(value, dict):
        return {name: marks for name, item in value.items() if (marks := _unknown(item))}
    if isinstance(value, list):
        return [_unknown(item) for item in value]
    return value is _UNKNOWN


def _decoded(value: bytes) -> Any:
    """A value. One of a dynamic type is a list: the type, the only bytes in a value, and the value itself."""
    return msgpack.unpackb(
        _message(value, _VALUE)[1][0],
        ext_hook=_extension,
        list_hook=lambda items: items[1] if items and isinstance(items[0], bytes) else items,
    )


def _extension(code: int, _refinements: bytes) -> object:
    if code not in _UNKNOWN_VALUE:
        raise ValueError(f"the extension {code} of MessagePack")
    return _UNKNOWN


def _message(data: bytes, known: Set[int]) -> _Message:
    """A message, which must have no other fields than the `known` ones."""
    fields: dict[int, list[Any]] = {}
    for number, value in _fields(data):
        if number not in known:
            raise ValueError(f"the field {number} is none of {sorted(known)}")
        fields.setdefault(number, []).append(value)
    return fields


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a message, as numbers and values (protobuf's wire types 0 and 2)."""
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        value, position = _varint(data, position)
        if tag & 7 == 0:
            yield tag >> 3, value
        elif tag & 7 == 2 and position + value <= len(data):
            yield tag >> 3, data[position : position + value]
            position += value
        else:
            raise ValueError(f"the field {tag >> 3} of type {tag & 7} at byte {position}")


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """A number, seven bits a byte, and the position after it."""
    value = shift = 0
    while data[position] & 0x80:
        value |= (data[position] & 0x7F) << shift
        position, shift = position + 1, shift + 7
    return value | data[position] << shift, position + 1


def _number(message: _Message, field: int) -> int:
    """A number; 0 is not written."""
    return int(message.get(field, [0])[0])


def _text(values: list[Any]) -> str:
    return str(values[0], "utf-8")
