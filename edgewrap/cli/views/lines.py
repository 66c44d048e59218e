"""One line per event, for pipelines: no colour, no cursor control."""

from __future__ import annotations

from collections.abc import Sequence

from edgewrap.change import Change, PlaneName
from edgewrap.cli.views.stream import StreamView
from edgewrap.cli.views.text import error_lines, event_line, plan_lines
from edgewrap.errors import EdgewrapError
from edgewrap.events import Event, EventKind


class LinesView(StreamView):
    """Writes to `stream`, line by line, flushed at once."""

    def event(self, event: Event) -> None:
        """Log events are for the log file only."""
        if event.kind is not EventKind.LOG:
            self.message(event_line(event))

    def changes(self, changes: Sequence[Change], planes: Sequence[PlaneName]) -> None:
        """The plan, one line per change."""
        for line in plan_lines(changes, planes):
            self.message(line)

    def message(self, text: str) -> None:
        """One line."""
        self.write_line(text)

    def failure(self, error: EdgewrapError) -> None:
        """The error's lines."""
        for line in error_lines(error):
            self.message(line)
