"""Blocks that a signal does not cut in two."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest

from edgewrap.signals import ENDING, defer_signals


class EndedError(Exception):
    """What the handlers of these tests raise."""


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """A handler of ours for each: a shell's background job ignores SIGINT, and SIGHUP would end the tests."""

    def end(number: int, _frame: object) -> None:
        raise EndedError(number)

    before = [(number, signal.signal(number, end)) for number in ENDING]
    yield
    for number, handler in before:
        signal.signal(number, handler)


def in_block(*numbers: signal.Signals, fault: Exception | None = None) -> list[int]:
    """Raise the signals in a block, and ValueError where the block was not reached to its end."""
    with defer_signals() as came:
        for number in numbers:
            signal.raise_signal(number)
        heard = list(came)
        if fault is not None:
            raise fault
        if heard != list(numbers):
            raise ValueError(heard)
    return heard


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_takes_effect_after_the_block(number: signal.Signals) -> None:
    with pytest.raises(EndedError, match=f"^{int(number)}$"):
        in_block(number, signal.SIGTERM)
    with pytest.raises(EndedError):
        signal.raise_signal(number)
    assert in_block() == []


def test_a_signal_is_not_lost_if_the_block_fails() -> None:
    with pytest.raises(EndedError):
        in_block(signal.SIGINT, fault=KeyError())


def test_the_outer_block_has_them() -> None:
    reached: list[int] = []

    def nested() -> None:
        with defer_signals() as came:
            with defer_signals() as inner:
                signal.raise_signal(signal.SIGINT)
                assert not inner
            reached.extend(came)

    with pytest.raises(EndedError):
        nested()
    assert reached == [signal.SIGINT]


def test_ignored_signals_stay_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with defer_signals():
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def test_other_threads_have_none_of_it() -> None:
    seen: list[object] = []

    def look() -> None:
        with defer_signals() as came:
            seen.append(came)

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [()]
    assert signal.getsignal(signal.SIGINT) is before
