"""Progress of a run: planes emit events, the CLI shows them (live view, lines, NDJSON)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from edgewrap.change import Action, PlaneName


class EventKind(StrEnum):
    """What happened. `STEP_*` frame one step of a plane; the other kinds are events of their own."""

    STEP_STARTED = "step_started"
    STEP_PROGRESS = "step_progress"
    STEP_DONE = "step_done"
    STEP_FAILED = "step_failed"
    INFO = "info"
    WARNING = "warning"
    LOG = "log"  # for the log file only


@dataclass(frozen=True, slots=True)
class Event:
    """One event."""

    kind: EventKind
    """What happened."""
    plane: PlaneName | None
    """The plane that it is about; null if it is the run."""
    key: str
    """The step or the resource: `host-0`, `elastic ip eip-3`; the same in all events of one step."""
    text: str
    """What happened, for people."""
    seconds: float | None = None
    """How long the step has run, if known."""
    action: Action | None = None
    """What the step does to its resource, if it is about one."""


Emit = Callable[[Event], None]


def discard(_event: Event) -> None:
    """An `Emit` that throws every event away."""
