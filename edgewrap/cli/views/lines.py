"""One line per event, for pipelines: no colour, no cursor control."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TextIO

from edgewrap.change import Change, PlaneName
from edgewrap.cli.views import View
from edgewrap.cli.views.text import error_lines, event_line, plan_lines
from edgewrap.errors import ErrorReport
from edgewrap.events import Event


class LinesView(View):
    """Writes whole lines to `stream`, each flushed at once, from several threads."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def show_event(self, event: Event) -> None:
        self.show_message(event_line(event))

    def show_changes(self, changes: Sequence[Change], planes: Sequence[PlaneName], unread: Sequence[str]) -> None:
        for line in plan_lines(changes, planes, unread):
            self.show_message(line)

    def show_message(self, text: str) -> None:
        with self._lock:
            self._stream.write(f"{text}\n")
            self._stream.flush()

    def show_failure(self, report: ErrorReport) -> None:
        for line in error_lines(report):
            self.show_message(line)
