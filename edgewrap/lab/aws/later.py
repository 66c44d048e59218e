"""What AWS does some time after a call: a metal instance takes minutes to stop."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext


class Later:
    """Calls functions some seconds later. The server sets `turn`, which is held as it is for API calls, and
    `done`, which is called afterwards."""

    def __init__(self) -> None:
        self.turn: AbstractContextManager[object] = nullcontext()
        self.done: Callable[[], None] = lambda: None

    def call(self, after_s: float, act: Callable[[], object]) -> None:
        """Call `act` in a thread of its own."""

        def run() -> None:
            with self.turn:
                act()
                self.done()

        timer = threading.Timer(after_s, run)
        timer.daemon = True
        timer.start()


LATER = Later()
"""One per process, like the limits."""
