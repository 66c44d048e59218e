"""Waiting: how often something is looked at, and when it is given up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from edgewrap import poll


def counting(results: list[str | None]) -> tuple[Callable[[float], str | None], list[float]]:
    calls: list[float] = []

    def look(waited_s: float) -> str | None:
        calls.append(waited_s)
        return results[min(len(calls), len(results)) - 1]

    return look, calls


def test_it_returns_without_a_final_pause() -> None:
    look, calls = counting([None, None, "ready"])
    pauses: list[float] = []
    assert poll.until(look, 60, pause_s=1, sleep=pauses.append) == "ready"
    assert len(calls) == 3
    assert pauses == [1, 1]


def test_pauses_double_up_to_the_longest() -> None:
    look, _ = counting([None] * 5 + ["ready"])
    pauses: list[float] = []
    poll.until(look, 60, pause_s=0.1, longest_pause_s=0.5, sleep=pauses.append)
    assert pauses == [0.1, 0.2, 0.4, 0.5, 0.5]


@pytest.mark.parametrize("timeout_s", [0, 0.05])
def test_it_looks_once_more_at_the_deadline(timeout_s: float) -> None:
    look, calls = counting([None])
    assert poll.until(look, timeout_s, pause_s=10) is None
    assert len(calls) == (2 if timeout_s else 1)
    assert calls[-1] >= timeout_s


@pytest.mark.parametrize(("results", "found"), [([None, "ready"], "ready"), ([None], None)])
def test_the_same_for_coroutines(results: list[str | None], found: str | None) -> None:
    look, _ = counting(results)

    async def coroutine(waited_s: float) -> str | None:
        return look(waited_s)

    assert asyncio.run(poll.until_async(coroutine, 0.05, pause_s=0.01)) == found
