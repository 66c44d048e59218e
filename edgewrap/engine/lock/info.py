"""Who holds the lock of a cluster, as stored in the lock itself; and waiting for it."""

from __future__ import annotations

import getpass
import json
import os
import re
import socket
import time
import uuid
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from edgewrap.errors import LockedError
from edgewrap.events import Emit, Event, EventKind

LONGEST = 200  # characters of a field, more than a host's name has
_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{0,63}")
_PIDS = range(1, 1 << 31)


@dataclass(frozen=True, slots=True)
class LockInfo:
    """One run that holds a lock. `since` is UTC, in ISO 8601; `id` is the lock's, for `force-unlock`; `file` is the
    lock file that it holds on its host, empty if unknown."""

    id: str
    user: str
    host: str
    pid: int
    command: str
    since: str
    file: str = ""

    @classmethod
    def of_this_run(cls, command: str, file: Path) -> LockInfo:
        """This process, with its lock file."""
        since = datetime.now(UTC).isoformat(timespec="seconds")
        return cls(str(uuid.uuid4()), _user(), socket.gethostname(), os.getpid(), command, since, str(file.absolute()))

    @classmethod
    def from_text(cls, text: str | bytes) -> LockInfo | None:
        """Read what `to_text` wrote, also in a version with more or fewer fields; None for anything else."""
        try:
            said = json.loads(text)
        except (ValueError, RecursionError):
            return None
        number, pid = (said.get("id"), said.get("pid")) if isinstance(said, dict) else (None, None)
        if not isinstance(number, str) or not _ID.fullmatch(number) or type(pid) is not int or pid not in _PIDS:
            return None  # both are in commands that an error advises
        words = {name: str(said.get(name, "unknown"))[:LONGEST] for name in ("user", "host", "command", "since")}
        file = said.get("file", "")
        return cls(number, **words, pid=pid, file=file if isinstance(file, str) and file.startswith("/") else "")

    def to_text(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self))

    def has_ended(self) -> bool:
        """Whether this was a process of this machine that has ended; unknown (false) for another machine."""
        return self.host == socket.gethostname() and not _alive(self.pid)

    def is_alive(self) -> bool:
        """Whether a process with its id exists on this machine: the run itself, or a later one."""
        return self.host == socket.gethostname() and _alive(self.pid)

    def __str__(self) -> str:
        return f"{self.user}@{self.host} (pid {self.pid}, `edgewrap {self.command}`) since {self.since}"


@dataclass(slots=True)
class LockTimeout:
    """How many seconds a run waits for others in total, and where it reports that it waits."""

    timeout_s: float
    emit: Emit
    _began: float = field(default_factory=time.monotonic)
    _told: str = ""

    def wait(self, error: LockedError, pause_s: float) -> None:
        """Sleep for `pause_s`. Raises `error`, which names the holder, after the timeout."""
        left_s = self._began + self.timeout_s - time.monotonic()
        if left_s <= 0:
            raise error
        if error.what != self._told:
            self._told = error.what
            self.emit(Event(EventKind.INFO, None, "lock", f"waiting at most {left_s:.0f} s: {error.what}"))
        time.sleep(min(pause_s, left_s))


def locked(info: LockInfo | None, place: str, killed: str, advice: str, *, lock_id: str = "") -> LockedError:
    """The error for a held lock at `place`; without info it is identified by `lock_id`, if there is one. `killed` is
    the cause if the holder has ended."""
    if info is not None:
        who = f"{info}, lock id {info.id}"
    else:
        who = f"a run that cannot be read, lock id {lock_id}" if lock_id else "a run that has just started"
    cause = killed if info is not None and info.has_ended() else "one run at a time may work on a cluster"
    return LockedError(f"the cluster is locked by {who}, in {place}", cause=cause, advice=advice)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return str(os.getuid())
