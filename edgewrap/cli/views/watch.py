"""`edgewrap status --watch`: the status of a cluster again and again. In place on a terminal; otherwise, and with
`--json`, only what has changed."""

from __future__ import annotations

import os
import re
import sys
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from edgewrap.cli.views import print_document, print_event, print_line
from edgewrap.cli.views.status import print_status, status_parts
from edgewrap.cli.views.text import event_line
from edgewrap.engine.picture import ESTABLISHED
from edgewrap.engine.status import ClusterStatus
from edgewrap.events import Event
from edgewrap.safe_text import safe
from edgewrap.signals import defer_signals

_STATES = re.compile(r"(?<=is not established) \([^)]*\)")


@dataclass(frozen=True, slots=True)
class Reading:
    """The status at one time, and the warnings of reading it."""

    status: ClusterStatus
    warnings: tuple[Event, ...] = ()


class WatchView(AbstractContextManager["WatchView"], ABC):
    """What shows the readings."""

    def __exit__(self, *error: object) -> None:
        pass

    @abstractmethod
    def show(self, reading: Reading, time: datetime) -> None:
        """Show one reading."""


class LiveWatch(WatchView):
    """Redraws in place."""

    def __init__(self, interval_s: float, console: Console | None = None) -> None:
        self._interval_s = interval_s
        self._live = Live(console=console or Console(highlight=False, markup=False, emoji=False), auto_refresh=False)

    def __enter__(self) -> Self:
        try:
            self._live.start()
            return self
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *error: object) -> None:
        with defer_signals():  # it shows the cursor again
            self._live.stop()

    def show(self, reading: Reading, time: datetime) -> None:
        head = Text(f"{time:%H:%M:%S}, every {self._interval_s:g} s; Ctrl-C ends it", style="dim")
        warnings = (Text(event_line(safe(event)), style="yellow") for event in reading.warnings)
        self._live.update(Group(head, *status_parts(reading.status), *warnings), refresh=True)


class ChangesWatch(WatchView):
    """Prints a reading that differs from the one before it: as tables with the time, or as one line of JSON. Warnings
    are on standard error."""

    def __init__(self, *, json: bool) -> None:
        self._json = json
        self._last: Reading | None = None

    def show(self, reading: Reading, time: datetime) -> None:
        before, self._last = self._last, reading
        for event in reading.warnings:
            if before is None or event not in before.warnings:
                print_event(event)
        if before is not None and _settled(reading.status) == _settled(before.status):
            return
        if self._json:
            print_document(reading.status, indent=None)
            return
        print_line(f"--- {time.astimezone().isoformat(timespec='seconds')}")
        print_status(reading.status, json=False)
        sys.stdout.flush()


def _settled(status: ClusterStatus) -> ClusterStatus:
    """The status with sessions that are established or not: the other states change all the time."""
    sessions = (one if one.state == ESTABLISHED else replace(one, state="") for one in status.sessions)
    warnings = (replace(one, text=_STATES.sub("", one.text)) for one in status.warnings)
    return replace(status, sessions=tuple(sessions), warnings=tuple(warnings))


def choose_watch(interval_s: float, *, json: bool) -> WatchView:
    """In place if standard output is a terminal that can move its cursor."""
    if not json and sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb":
        return LiveWatch(interval_s)
    return ChangesWatch(json=json)
