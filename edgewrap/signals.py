"""What asks a run to end, and blocks that such a signal must not cut in two."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_held: list[int] | None = None
"""Those that came since the outermost block began; None outside of any."""


@contextmanager
def defer_signals() -> Iterator[Sequence[int]]:
    """Signals of `ENDING` that come within the block take effect after it; gives those that have come, growing.

    A block within such a block is given none. In other threads than the main one there is nothing to do: Python runs
    signal handlers in that one only.
    """
    global _held
    if threading.current_thread() is not threading.main_thread() or _held is not None:
        yield ()
        return
    came: list[int] = []
    # what is ignored stays so, and children inherit that
    handlers = {
        number: handler
        for number in ENDING
        if (handler := signal.getsignal(number) or signal.SIG_DFL) is not signal.SIG_IGN
    }

    def note(number: int, _frame: FrameType | None) -> None:
        if _held is came:
            came.append(number)
            return
        # It came amid the switching to or fro, which its handler may break off: so it switches back by itself.
        signal.signal(number, handlers[signal.Signals(number)])
        signal.raise_signal(number)

    try:
        for number in handlers:
            signal.signal(number, note)
        _held = came
        yield came
    finally:
        _held = None
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])
