"""The description of a field and what a change of it does to a cluster that exists: a mark on each field of the models.

`docs/spec.md`, the JSON Schema (`x-change`), refusals and the notices of a plan take their texts from these marks.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

from pydantic import Field

SCHEMA_KEY = "x-change"


class Effect(StrEnum):
    """The four things that a change can do."""

    IN_PLACE = "in place"  # the detail restricts that
    NEW_HOSTS = "new hosts only"  # those that are created afterwards; the detail is what to do on the others
    DISRUPTIVE = "disruptive"  # in place, and the detail is interrupted or lost
    REFUSED = "refused"  # by a run; the detail is why


@dataclass(frozen=True, slots=True)
class OnChange:
    """The effect, and a detail: a restriction, what is interrupted, what to do on existing hosts, why it is refused."""

    effect: Effect
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.effect}: {self.detail}" if self.detail else str(self.effect)


def _mark(effect: Effect, description: str, detail: str = "") -> Any:
    """The mark of a field of the models: its description, and what a change of it does."""
    return Field(description=description, json_schema_extra={SCHEMA_KEY: str(OnChange(effect, detail))})


in_place = partial(_mark, Effect.IN_PLACE)
new_hosts = partial(_mark, Effect.NEW_HOSTS)
disruptive = partial(_mark, Effect.DISRUPTIVE)
refused = partial(_mark, Effect.REFUSED)
next_run = partial(in_place, detail="used from the next run on")
