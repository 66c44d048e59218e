"""One line an event, for pipelines: no colour, no cursor."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Self, TextIO

from edgewrap.change import Change, Plane
from edgewrap.cli.views.text import error_lines, event_line, plan_lines
from edgewrap.errors import EdgewrapError
from edgewrap.events import Event, EventKind


class LinesView:
    """Writes to `stream`, line by line, flushed at once."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def event(self, event: Event) -> None:
        """Log events are for the log file only."""
        if event.kind is not EventKind.LOG:
            self.message(event_line(event))

    def changes(self, changes: Sequence[Change], planes: Sequence[Plane]) -> None:
        """The plan, a line each."""
        for line in plan_lines(changes, planes):
            self.message(line)

    def message(self, text: str) -> None:
        """One line."""
        with self._lock:
            self._stream.write(f"{text}\n")
            self._stream.flush()

    def failure(self, error: EdgewrapError) -> None:
        """The error's lines."""
        for line in error_lines(error):
            self.message(line)
