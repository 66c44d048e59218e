"""The file lock as a run takes it, for tests and the processes that they start."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from edgewrap.engine import lock
from edgewrap.engine.holder import Holder
from edgewrap.engine.waiting import Patience
from edgewrap.events import discard


def file_lock(path: Path, command: str, timeout_s: float = 0) -> AbstractContextManager[int]:
    """Hold the lock file as a run of `command`."""
    return lock.file_lock(path, Holder.of_this_run(command, path), Patience(timeout_s, discard))
