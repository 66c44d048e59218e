"""Plain lines, for pipelines: no colour, no cursor control. Results to one stream, each event as a line to another."""

from __future__ import annotations

import threading
from typing import TextIO

from edgewrap.cli.views import ShownPlan, View
from edgewrap.cli.views.text import error_lines, event_line, plan_lines
from edgewrap.errors import ErrorReport
from edgewrap.events import Event, EventKind


class LinesView(View):
    """Writes whole lines, each flushed at once, from several threads: results to `results`, the rest to `progress`."""

    def __init__(self, results: TextIO, progress: TextIO) -> None:
        super().__init__()
        self._results = results
        self._progress = progress
        self._lock = threading.Lock()

    def show_event(self, event: Event) -> None:
        if event.kind is not EventKind.STEP_STARTED:  # one line for each step: when it ends, or takes long
            self.write(self._progress, event_line(event))

    def show_changes(self, plan: ShownPlan) -> None:
        for line in plan_lines(plan.changes, plan.planes, plan.unread, details=self.details):
            self.write(self._results, line)

    def show_message(self, text: str) -> None:
        self.write(self._results, text)

    def show_failure(self, report: ErrorReport) -> None:
        for line in error_lines(report):
            self.write(self._progress, line)

    def write(self, stream: TextIO, text: str) -> None:
        """Write a line."""
        with self._lock:
            stream.write(f"{text}\n")
            stream.flush()
