"""The lab that tests share, and the figures that they measured."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.lab import Lab

settings.register_profile("edgewrap", deadline=None)  # how long an example takes says more of the machine than of us
settings.load_profile("edgewrap")


def pytest_configure() -> None:
    """Tests send signals to themselves and to what they start: those that whoever started the tests ignores, as `nohup`
    and a shell in the background do, are taken again."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A lab of the module's own."""
    directory: Path = tmp_path_factory.mktemp("lab") / "lab"
    made = Lab(directory)
    made.up()
    yield made
    made.down()


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Tells what a test measured; it is shown at the end of the run, whichever process the test ran in."""
    return lambda text: record_property("figure", text)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what the tests measured."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, [])]
    told = [
        text for report in reports if report.when == "call" for name, text in report.user_properties if name == "figure"
    ]
    if told:
        terminalreporter.section("measured")
        for text in told:
            terminalreporter.line(str(text))
