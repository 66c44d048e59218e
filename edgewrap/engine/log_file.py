"""The log file of a run: every event, with its time, to find out later what happened."""

from __future__ import annotations

import threading
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from edgewrap.atomic_files import unwritable
from edgewrap.events import Emit, Event, EventKind
from edgewrap.paths import is_file
from edgewrap.safe_text import safe, safe_lines

KEPT_RUNS = 50


class Journal:
    """Writes events to a new file in `directory`, and passes them on. Older files beyond `KEPT_RUNS` are removed.

    Raises StateError if the file cannot be created.
    """

    def __init__(self, directory: Path, command: str, forward: Emit) -> None:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
        self.path = directory / f"{stamp}-{command}.log"
        self._forward = forward
        self._lock = threading.Lock()
        self._warned = False
        try:
            self._file: TextIO = self.path.open("x", encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            raise unwritable(f"the log file {self.path} cannot be created", error) from error
        earlier = [path for path in runs(directory) if path != self.path]  # by name, so a clock set back matters not
        for old in earlier[: 1 - KEPT_RUNS]:
            old.unlink(missing_ok=True)

    def __call__(self, event: Event) -> None:
        """Write and forward one event; safe from several threads at once.

        All events of planes pass here, so errors of a view are caught here: they must not end the run, nor Terraform,
        which would taint the hosts that it is starting.
        """
        shown = safe(event)
        plane = event.plane.value if event.plane else "-"
        took = "" if event.seconds is None else f" ({event.seconds:.1f} s)"
        self.write(f"{event.kind.value} {plane} {shown.key} {shown.text}{took}")
        try:
            self._forward(event)
        except Exception as error:
            self.write_traceback(error)

    def write(self, text: str) -> None:
        """Write one entry. All lines but its first are indented, so that no text can look like another entry. If the
        disk is full, it is kept and written with the next one."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        entry = "\n    ".join(safe_lines(text))
        try:
            with self._lock:
                if not self._file.closed:
                    self._file.write(f"{now} {entry}\n")
                    self._file.flush()
        except OSError as error:
            self._warn(error)

    def write_traceback(self, error: BaseException) -> None:
        """Write the whole traceback of `error`."""
        self.write("".join(traceback.format_exception(error)).rstrip())

    def close(self) -> None:
        """Close the file; later events are only forwarded."""
        try:
            with self._lock:
                self._file.close()
        except OSError as error:
            self._warn(error)

    def _warn(self, error: OSError) -> None:
        if not self._warned:
            self._warned = True
            text = f"the log file {self.path} is incomplete: {error.strerror}"
            self(Event(EventKind.WARNING, None, "", text))


def runs(directory: Path) -> list[Path]:
    """The log files of a workspace, oldest first."""
    return sorted(path for path in directory.glob("*.log") if is_file(path))
