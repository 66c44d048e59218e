"""The file lock as a run takes it, for tests and the processes that they start."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from edgewrap.engine.lock import file
from edgewrap.engine.lock.info import LockInfo, LockTimeout
from edgewrap.events import discard


def file_lock(path: Path, command: str, timeout_s: float = 0) -> AbstractContextManager[int]:
    """Hold the lock file as a run of `command`."""
    return file.file_lock(path, LockInfo.of_this_run(command, path), LockTimeout(timeout_s, discard))
