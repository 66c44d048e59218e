"""What the two views that write to a stream share."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self, TextIO


class StreamView:
    """Writes whole lines to `stream`, each flushed at once, from several threads."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def write_line(self, line: str) -> None:
        """Write one line."""
        with self._lock:
            self._stream.write(f"{line}\n")
            self._stream.flush()
