"""The live view on a terminal: the running steps of each plane with their durations, and above them what is done."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from edgewrap.change import Action, Change, PlaneName
from edgewrap.cli.views import View
from edgewrap.cli.views.text import entries, error_lines, event_line, plane_summary
from edgewrap.errors import ErrorReport
from edgewrap.events import Event, EventKind

COLOURS = {Action.CREATE: "green", Action.UPDATE: "yellow", Action.REPLACE: "magenta", Action.DELETE: "red"}
COLOURS |= {Action.ADOPT: "green"}
STYLES = {EventKind.STEP_DONE: "green", EventKind.STEP_FAILED: "bold red", EventKind.WARNING: "yellow"}
MOST_STEPS = 6  # a plane's running steps beyond these are only counted


@dataclass(slots=True)
class _Step:
    text: str
    started: float = field(default_factory=time.monotonic)


class LiveView(View):
    """Shows on the terminal that standard output is."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)
        self._lock = threading.Lock()
        self._running: dict[PlaneName, dict[str, _Step]] = {plane: {} for plane in PlaneName}
        self._spinner = Spinner("dots")
        self._live = Live(console=self._console, get_renderable=self._render, refresh_per_second=8, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._live.stop()

    def show_event(self, event: Event) -> None:
        """Steps that start or make progress are shown below; those that end are printed above."""
        with self._lock:
            steps = self._running.get(event.plane) if event.plane else None
            if steps is not None and event.kind in (EventKind.STEP_STARTED, EventKind.STEP_PROGRESS):
                steps.setdefault(event.key, _Step(event.text)).text = event.text
                return
            if steps is not None:
                steps.pop(event.key, None)
        self._print(Text(event_line(event), style=STYLES.get(event.kind, "")))

    def show_changes(self, changes: Sequence[Change], planes: Sequence[PlaneName], unread: Sequence[str]) -> None:
        for plane in planes:
            of_plane = [change for change in changes if change.plane is plane]
            self._print(Text.assemble((plane.value, "bold"), f": {plane_summary(changes, plane, unread)}"))
            for action, (head, *rest) in entries(of_plane):
                self._print(Text(head, style=COLOURS[action]))
                for line in rest:
                    self._print(Text(line, style="dim"))

    def show_message(self, text: str) -> None:
        self._print(Text(text))

    def show_failure(self, report: ErrorReport) -> None:
        head, *rest = error_lines(report)
        self._print(Text(head, style="bold red"))
        for line in rest:
            self._print(Text(line))

    def _print(self, text: Text) -> None:
        # the live display redraws itself below what its console prints
        self._console.print(text, soft_wrap=True)

    def _render(self) -> RenderableType:
        now = time.monotonic()
        rows: list[RenderableType] = []
        with self._lock:
            for plane, steps in self._running.items():
                for key, step in list(steps.items())[:MOST_STEPS]:
                    took = (f"{now - step.started:.0f} s", "dim")
                    line = ("  ", (plane.value, "bold cyan"), f" {key}: {step.text} ", took)
                    rows.append(Text.assemble(*line, no_wrap=True, overflow="ellipsis"))
                if len(steps) > MOST_STEPS:
                    rows.append(Text(f"  {plane.value} and {len(steps) - MOST_STEPS} more", style="dim"))
        return Group(self._spinner, *rows) if rows else Text("")
