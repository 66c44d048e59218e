"""What a change of a field does to a cluster that exists: a mark on each field of the models.

`docs/spec.md`, the JSON Schema (`x-change`), refusals and the notices of a plan take their texts from these marks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

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

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(core) | {SCHEMA_KEY: str(self)}

    def __str__(self) -> str:
        return f"{self.effect}: {self.detail}" if self.detail else str(self.effect)

    @classmethod
    def of(cls, schema: Mapping[str, Any]) -> OnChange | None:
        """The mark of a field, from its JSON Schema."""
        text = schema.get(SCHEMA_KEY)
        if text is None:
            return None
        effect, _, detail = str(text).partition(": ")
        return cls(Effect(effect), detail)


IN_PLACE = OnChange(Effect.IN_PLACE)


def in_place(detail: str) -> OnChange:
    """Changed in place; `detail` restricts that."""
    return OnChange(Effect.IN_PLACE, detail)


def new_hosts(detail: str) -> OnChange:
    """Only hosts that are created afterwards have it; `detail` is what to do on the others."""
    return OnChange(Effect.NEW_HOSTS, detail)


def disruptive(detail: str) -> OnChange:
    """Changed in place, and `detail` is interrupted or lost."""
    return OnChange(Effect.DISRUPTIVE, detail)


def refused(detail: str) -> OnChange:
    """A run refuses the change; `detail` is why."""
    return OnChange(Effect.REFUSED, detail)


NEXT_RUN = in_place("used from the next run on")
