"""Who holds the lock of a cluster, as the lock itself says it."""

from __future__ import annotations

import getpass
import json
import os
import socket
import uuid
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from edgewrap.errors import LockedError


@dataclass(frozen=True, slots=True)
class Holder:
    """One run that holds a lock. `since` is UTC, in ISO 8601; `id` is the lock's own, which `force-unlock` takes."""

    id: str
    user: str
    host: str
    pid: int
    command: str
    since: str

    @classmethod
    def of_this_run(cls, command: str) -> Holder:
        """This process."""
        return cls(
            id=str(uuid.uuid4()),
            user=_user(),
            host=socket.gethostname(),
            pid=os.getpid(),
            command=command,
            since=datetime.now(UTC).isoformat(timespec="seconds"),
        )

    @classmethod
    def from_text(cls, text: str | bytes) -> Holder | None:
        """Read what `to_text` gave; None for anything else."""
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError):
            return None

    def to_text(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self))

    def has_ended(self) -> bool:
        """Whether this was a process of this machine that is no more; one of another machine cannot be looked at."""
        return self.host == socket.gethostname() and not _alive(self.pid)

    def is_alive(self) -> bool:
        """Whether a process with its id is on this machine: the run itself, or one that came after it."""
        return self.host == socket.gethostname() and _alive(self.pid)

    def __str__(self) -> str:
        return f"{self.user}@{self.host} (pid {self.pid}, `edgewrap {self.command}`) since {self.since}"


def locked(holder: Holder | None, place: str, cause: str, advice: str) -> LockedError:
    """The error for a lock at `place` that is held."""
    who = f"{holder}, lock id {holder.id}" if holder else "a run that has only just begun"
    return LockedError(f"the cluster is locked by {who}, in {place}", cause=cause, advice=advice)


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
