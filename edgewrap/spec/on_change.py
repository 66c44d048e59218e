"""The description of a field and what a change of it does to a cluster that exists: a mark on each field of the models.

`docs/spec.md`, the JSON Schema (`x-change`), refusals and the notices of a plan take their texts from these marks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import Field

SCHEMA_KEY = "x-change"


class Effect(StrEnum):
    """The four things that a change can do."""

    IN_PLACE = "in place"
    NEW_HOSTS = "new hosts only"
    DISRUPTIVE = "disruptive"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class OnChange:
    """The effect, and a detail: a restriction, what is interrupted, what to do on existing hosts, why it is refused."""

    effect: Effect
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.effect}: {self.detail}" if self.detail else str(self.effect)

    @classmethod
    def of(cls, schema: Mapping[str, Any]) -> OnChange | None:
        """The mark of a field, from its JSON Schema."""
        effect, _, detail = schema.get(SCHEMA_KEY, "").partition(": ")
        return cls(Effect(effect), detail) if effect else None


def in_place(description: str, detail: str = "") -> Any:
    """Changed in place; `detail` restricts that."""
    return _mark(description, OnChange(Effect.IN_PLACE, detail))


def next_run(description: str) -> Any:
    """Used from the next run on."""
    return in_place(description, "used from the next run on")


def new_hosts(description: str, detail: str) -> Any:
    """Only hosts that are created afterwards have it; `detail` is what to do on the others."""
    return _mark(description, OnChange(Effect.NEW_HOSTS, detail))


def disruptive(description: str, detail: str) -> Any:
    """Changed in place, and `detail` is interrupted or lost."""
    return _mark(description, OnChange(Effect.DISRUPTIVE, detail))


def refused(description: str, detail: str) -> Any:
    """A run refuses the change; `detail` is why."""
    return _mark(description, OnChange(Effect.REFUSED, detail))


def _mark(description: str, change: OnChange) -> Any:
    return Field(description=description, json_schema_extra={SCHEMA_KEY: str(change)})
