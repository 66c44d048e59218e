"""Signals that ask a run to end, and blocks that they must not cut short."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

RETRY_S = 0.01
_IMPORTS = "<frozen importlib"  # how the file of Python's own import code is called

_held: list[int] | None = None
"""The signals received since the outermost block began; None outside of a block."""


def interrupt(number: int, frame: FrameType | None) -> None:
    """The handler of the signals that end a run: raises KeyboardInterrupt with the signal's number.

    Not while Python imports a module: an exception there may leave the import lock held, and then every thread that
    imports waits forever. The signal is sent again, RETRY_S seconds later, until it arrives outside of an import.
    """
    if frame is not None and frame.f_code.co_filename.startswith(_IMPORTS):
        signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(number))
        signal.setitimer(signal.ITIMER_REAL, RETRY_S)
        return
    raise KeyboardInterrupt(number)


@contextmanager
def defer_signals() -> Iterator[Sequence[int]]:
    """Signals of `ENDING` that are received within the block take effect after it; yields the growing list of them.

    A block within such a block gets an empty list. In other threads than the main one there is nothing to do: Python
    runs signal handlers in the main thread only.
    """
    global _held
    if threading.current_thread() is not threading.main_thread() or _held is not None:
        yield ()
        return
    came: list[int] = []
    # ignored signals stay ignored, and children inherit that
    handlers = {
        number: handler
        for number in ENDING
        if (handler := signal.getsignal(number) or signal.SIG_DFL) is not signal.SIG_IGN
    }

    def note(number: int, _frame: FrameType | None) -> None:
        if _held is came:
            came.append(number)
            return
        # Received while the handlers are being switched, which the original handler may interrupt: restore it first.
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
