"""Blocks that a signal does not cut in two."""

from __future__ import annotations

import signal
import subprocess
import sys
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


IN_AN_IMPORT = """
import signal, sys, threading, time
from importlib.abc import MetaPathFinder
from edgewrap.signals import interrupt

class Finder(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "absent":
            seen.append(interrupt(signal.SIGTERM, sys._getframe(1)))  # the caller is Python's own import code
        return None

seen = []
sys.meta_path.insert(0, Finder())
signal.signal(signal.SIGTERM, interrupt)
try:
    try:
        import absent
    except ModuleNotFoundError:
        sys.stdout.write(f"the import ended {seen}\\n")  # at once
    time.sleep(5)
except KeyboardInterrupt:
    import json  # no lock is held
    print("interrupted", flush=True)
"""


def test_an_interrupt_during_an_import_waits_for_its_end() -> None:
    done = subprocess.run([sys.executable, "-c", IN_AN_IMPORT], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout.splitlines(), done.stderr) == (["the import ended [None]", "interrupted"], "")
