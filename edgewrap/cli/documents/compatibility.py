"""Whether a schema only adds to an earlier one of the same version: no field, type or value of it may be lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_NOTHING: Mapping[str, Any] = {}


def lost(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[str, ...]:
    """What the old schema of a document has and the new one does not, by path."""
    return tuple(dict.fromkeys(_lost(_Place(old, old), _Place(new, new), "", frozenset())))


class _Place:
    """A part of a schema, its reference followed; `name` is that of the reference."""

    def __init__(self, root: Mapping[str, Any], part: Mapping[str, Any]) -> None:
        self.root, self.name = root, str(part.get("$ref", ""))
        section = root["$defs"][self.name.rpartition("/")[2]] if self.name else _NOTHING
        self.part = {**section, **part}

    def below(self, part: Any) -> _Place:
        return _Place(self.root, part if isinstance(part, Mapping) else _NOTHING)

    def parts(self, key: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.part.get(key, _NOTHING)
        return found


def _lost(old: _Place, new: _Place, path: str, seen: frozenset[str]) -> Iterator[str]:
    if old.name in seen:  # a type that contains itself
        return
    seen |= {old.name} - {""}
    where = path or "the document"
    for key in ("type", "const"):
        if old.part.get(key) != new.part.get(key):
            yield f"{where}: {key} was {old.part.get(key)}, is {new.part.get(key)}"
    for value in old.part.get("enum", ()):
        if value not in new.part.get("enum", ()):
            yield f"{where}: the value {value} is missing"
    for name in old.part.get("required", ()):
        if name not in new.part.get("required", ()):
            yield f"{where}: {name} is no longer always there"
    for name, inner in old.parts("properties").items():
        if name not in new.parts("properties"):
            yield f"{path}.{name}: is missing"
            continue
        yield from _lost(old.below(inner), new.below(new.parts("properties")[name]), f"{path}.{name}", seen)
    for key in ("items", "additionalProperties"):
        if isinstance(old.part.get(key), Mapping):
            yield from _lost(old.below(old.part[key]), new.below(new.part.get(key)), f"{path}[]", seen)
    for key in ("anyOf", "oneOf"):
        choices = [new.below(choice) for choice in new.part.get(key, ())]
        for choice in map(old.below, old.part.get(key, ())):
            best = min(([*_lost(choice, other, path, seen)] for other in choices), key=len, default=[f"{where}: {key}"])
            yield from best
