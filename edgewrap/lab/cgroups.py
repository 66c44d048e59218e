"""The lab's cgroup directories. Only cgroup2 is used; its directories are the one thing that outlives a process.

Each lab has one directory at the top of the hierarchy, named after its keeper (`edgewrap-lab.PID.START`); each host's
systemd has one below it. The keeper removes it at the end; what a killed keeper left is swept by the next lab.
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
    """Where cgroup2 is mounted; None if it is nowhere, or read-only."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, target, kind, options, *_ = line.split()
        if kind == "cgroup2" and "rw" in options.split(","):
            return Path(target)
    return None


def make(top: Path, keeper: ProcessId) -> Path:
    """Make the directory of the lab that this keeper keeps."""
    directory = top / f"{_PREFIX}.{keeper.pid}.{keeper.started}"
    directory.mkdir()
    return directory


def remove(directory: Path, *, wait_s: float = 5.0) -> bool:
    """Remove a directory and those below it; processes that are just ending are waited for. Returns success."""
    deadline = time.monotonic() + wait_s
    while True:
        for folder, _, _ in os.walk(directory, topdown=False):
            with contextlib.suppress(OSError):
                Path(folder).rmdir()
        if not directory.exists() or time.monotonic() > deadline:
            return not directory.exists()
        time.sleep(0.02)


def sweep() -> None:
    """Remove what labs left whose keepers were killed."""
    top = hierarchy()
    if top is None:
        return
    for directory in top.glob(f"{_PREFIX}.*"):
        match = _NAME.fullmatch(directory.name)
        if match and not ProcessId(int(match[1]), int(match[2])).alive():
            remove(directory, wait_s=0)
