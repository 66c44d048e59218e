"""Wait for a lock that someone else holds."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from edgewrap.errors import LockedError
from edgewrap.events import Emit, Event, EventKind


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
