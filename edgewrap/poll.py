"""Wait until something happens, by checking it at intervals."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

T = TypeVar("T")


def until(
    look: Callable[[float], T | None],
    timeout_s: float,
    *,
    pause_s: float,
    longest_pause_s: float | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> T | None:
    """Call `look` until it returns something other than None, and return that; None if `timeout_s` seconds are over.

    `look` gets the seconds waited so far, for progress messages. It is called at least once, and once more at the end
    of the time. The pause between two calls is `pause_s` seconds; with `longest_pause_s` it doubles up to that.
    """
    started = time.monotonic()
    for pause in _pauses(pause_s, longest_pause_s):
        waited_s = time.monotonic() - started
        found = look(waited_s)
        if found is not None or waited_s >= timeout_s:
            return found
        sleep(max(0.0, min(pause, timeout_s - waited_s)))
    return None  # unreachable: the pauses never end


async def until_async(
    look: Callable[[float], Awaitable[T | None]],
    timeout_s: float,
    *,
    pause_s: float,
    longest_pause_s: float | None = None,
) -> T | None:
    """`until` for coroutines."""
    started = time.monotonic()
    for pause in _pauses(pause_s, longest_pause_s):
        waited_s = time.monotonic() - started
        found = await look(waited_s)
        if found is not None or waited_s >= timeout_s:
            return found
        await asyncio.sleep(max(0.0, min(pause, timeout_s - waited_s)))
    return None  # unreachable: the pauses never end


def _pauses(pause_s: float, longest_s: float | None) -> Iterator[float]:
    while True:
        yield pause_s
        if longest_s is not None:
            pause_s = min(2 * pause_s, longest_s)
