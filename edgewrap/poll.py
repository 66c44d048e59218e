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
    for waited_s, pause in _rounds(timeout_s, pause_s, longest_pause_s):
        if (found := look(waited_s)) is not None:
            return found
        if pause:
            sleep(pause)
    return None


async def until_async(
    look: Callable[[float], Awaitable[T | None]],
    timeout_s: float,
    *,
    pause_s: float,
    longest_pause_s: float | None = None,
) -> T | None:
    """`until` for coroutines."""
    for waited_s, pause in _rounds(timeout_s, pause_s, longest_pause_s):
        if (found := await look(waited_s)) is not None:
            return found
        if pause:
            await asyncio.sleep(pause)
    return None


def _rounds(timeout_s: float, pause_s: float, longest_s: float | None) -> Iterator[tuple[float, float]]:
    """For each call the seconds waited so far, and the pause after it; 0 after the last one."""
    started, waited_s = time.monotonic(), 0.0
    while waited_s < timeout_s:
        yield waited_s, min(pause_s, timeout_s - waited_s)
        if longest_s is not None:
            pause_s = min(2 * pause_s, longest_s)
        waited_s = time.monotonic() - started
    yield waited_s, 0
