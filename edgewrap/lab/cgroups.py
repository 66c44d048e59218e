"""The lab's cgroup directories. Only cgroup2 is used; its directories are the one thing that outlives a process.

Each lab has one directory at the top of the hierarchy, named after its supervisor (`edgewrap-lab.PID.START`); each
host's systemd has one below it. The supervisor removes it at the end; the next lab removes that of a killed supervisor.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from pathlib import Path

from edgewrap.lab.directory import ProcessId

_PREFIX = "edgewrap-lab"
_NAME = re.compile(rf"{_PREFIX}\.(\d+)\.(\d+)")


def hierarchy() -> Path | None:
    """Where cgroup2 is mounted; None if it is not mounted, or read-only."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, target, kind, options, *_ = line.split()
        if kind == "cgroup2" and "rw" in options.split(","):
            return Path(target)
    return None


def make(top: Path, supervisor: ProcessId) -> Path:
    """Create the directory of this supervisor's lab."""
    directory = top / f"{_PREFIX}.{supervisor.pid}.{supervisor.started}"
    directory.mkdir()
    return directory


def remove(directory: Path, *, wait_s: float = 5.0) -> bool:
    """Remove a directory and those below it, after waiting for ending processes. Returns success."""
    deadline = time.monotonic() + wait_s
    while True:
        for folder, _, _ in os.walk(directory, topdown=False):
            with contextlib.suppress(OSError):
                Path(folder).rmdir()
        if not directory.exists() or time.monotonic() > deadline:
            return not directory.exists()
        time.sleep(0.02)


def sweep() -> None:
    """Remove the directories of labs whose supervisors were killed."""
    top = hierarchy()
    if top is None:
        return
    for directory in top.glob(f"{_PREFIX}.*"):
        match = _NAME.fullmatch(directory.name)
        if match and not ProcessId(int(match[1]), int(match[2])).alive():
            remove(directory, wait_s=0)
