"""The log file of a run: every event, with its time, for whoever has to find out what happened."""

from __future__ import annotations

import threading
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from edgewrap.errors import StateError
from edgewrap.events import Emit, Event

KEPT_RUNS = 50


class Journal:
    """Writes events to a new file in `directory`, and passes them on. Older files beyond `KEPT_RUNS` are removed.

    Raises StateError where the file cannot be made.
    """

    def __init__(self, directory: Path, command: str, forward: Emit) -> None:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
        self.path = directory / f"{stamp}-{command}.log"
        self._forward = forward
        self._lock = threading.Lock()
        try:
            self._file: TextIO = self.path.open("x", encoding="utf-8")
        except OSError as error:
            raise StateError(
                f"the log file {self.path} cannot be made: {error.strerror}",
                cause=f"{directory} is another user's, or its file system is full or not writable",
                advice="make room there, or run it as the user whose working directory it is",
            ) from error
        for old in sorted(directory.glob("*.log"))[:-KEPT_RUNS]:
            old.unlink(missing_ok=True)

    def __call__(self, event: Event) -> None:
        """Write and forward one event; safe from several threads at once."""
        plane = event.plane.value if event.plane else "-"
        took = "" if event.seconds is None else f" ({event.seconds:.1f} s)"
        self.write(f"{event.kind.value} {plane} {event.key} {event.text}{took}")
        self._forward(event)

    def write(self, text: str) -> None:
        """Write one entry of one or more lines."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        with self._lock:
            if not self._file.closed:
                self._file.write(f"{now} {text}\n")
                self._file.flush()

    def write_traceback(self, error: BaseException) -> None:
        """Write the whole traceback of `error`."""
        self.write("".join(traceback.format_exception(error)).rstrip())

    def close(self) -> None:
        """Close the file; later events are only forwarded."""
        with self._lock:
            self._file.close()


def runs(directory: Path) -> list[Path]:
    """The log files of a workspace, oldest first."""
    return sorted(directory.glob("*.log"))
