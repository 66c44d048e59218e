"""One run at a time per cluster, where the state is local: a lock on a file.

The kernel drops the lock when the last process that holds the descriptor ends. Terraform inherits it, so that a
run that was killed keeps the cluster locked until its terraform has come to its end and written the state.
"""

from __future__ import annotations

import fcntl
import getpass
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from edgewrap.errors import LockedError

POLL_S = 0.2


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock. `since` is UTC, in ISO 8601."""

    user: str
    host: str
    pid: int
    command: str
    since: str

    @classmethod
    def of_this_run(cls, command: str) -> Holder:
        """This process."""
        return cls(
            user=_user(),
            host=socket.gethostname(),
            pid=os.getpid(),
            command=command,
            since=datetime.now(UTC).isoformat(timespec="seconds"),
        )

    def __str__(self) -> str:
        return f"{self.user}@{self.host} (pid {self.pid}, `edgewrap {self.command}`) since {self.since}"


@contextmanager
def file_lock(path: Path, command: str, timeout_s: float = 0) -> Iterator[int]:
    """Hold the lock file for the length of the block; gives its descriptor, to be inherited by terraform.

    Waits up to `timeout_s` seconds for another holder. Raises LockedError with who holds it and since when.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _take(descriptor, path, timeout_s)
        _write_holder(descriptor, Holder.of_this_run(command))
        yield descriptor
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _take(descriptor: int, path: Path, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise _locked(path) from None
            time.sleep(POLL_S)
        else:
            return


def _write_holder(descriptor: int, holder: Holder) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(asdict(holder)).encode(), 0)


def _locked(path: Path) -> LockedError:
    holder = _read_holder(path)
    who = str(holder) if holder else "a run that has only just begun"
    ended = holder is not None and holder.host == socket.gethostname() and not _alive(holder.pid)
    return LockedError(
        f"the cluster is locked by {who}",
        cause="that run was killed, but its terraform goes on to the end of its plan"
        if ended
        else "one run at a time may work on a cluster",
        advice="wait for it to end (`--lock-timeout SECONDS` does that for you)",
    )


def _read_holder(path: Path) -> Holder | None:
    try:
        return Holder(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return str(os.getuid())
