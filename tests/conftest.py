"""The lab that tests share, and the figures that they measured."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from edgewrap.secrets import forget_all
from tests.support.lab import Lab
from tests.support.schedule import LabScheduling

# No deadline: how long an example takes depends on the machine.
settings.register_profile("edgewrap", deadline=None)
settings.register_profile("full", deadline=None, max_examples=500)  # make test-all
settings.load_profile("edgewrap")


def pytest_configure() -> None:
    """Restore the signals that the caller ignores, as `nohup` and a shell's background jobs do: tests send them to
    themselves and to what they start. Let Terraform and its providers collect garbage less often: it is a fifth of what
    they do. The lab's AWS speaks plain HTTP and needs no CA bundle; with one, Terraform processes cannot share a
    provider."""
    os.environ.pop("AWS_CA_BUNDLE", None)
    os.environ.setdefault("GOGC", "400")
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(autouse=True)
def no_secrets() -> None:
    """Each test begins as a process does: no secret is known."""
    forget_all()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LabScheduling | None:
    """Under `--dist loadfile`, files that share an applied cluster run on one worker."""
    return LabScheduling(config, log) if config.getoption("dist") == "loadfile" else None


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
    """Records what a test measured, to show it at the end of the run, whichever process the test ran in."""
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
