"""`edgewrap status --watch`: what is shown of each reading, and how it ends."""

from __future__ import annotations

import io
import json
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from edgewrap.change import PlaneName
from edgewrap.cli.main import build, run
from edgewrap.cli.views.watch import ChangesWatch, LiveWatch, Reading
from edgewrap.engine.status import ClusterStatus
from edgewrap.errors import StateError
from edgewrap.events import Emit, Event, EventKind
from tests.support.reports import broken_status, cluster_status

WORKS, BROKEN = cluster_status(), broken_status()
WARNING = Event(EventKind.WARNING, PlaneName.OPENNEBULA, "marks", "the front-end could not be read")
NOON = datetime(2026, 11, 28, 12, 0, 0, tzinfo=UTC)
READINGS = (Reading(WORKS), Reading(WORKS), Reading(BROKEN, (WARNING,)), Reading(BROKEN, (WARNING,)), Reading(WORKS))


def show(view: ChangesWatch) -> None:
    for number, reading in enumerate(READINGS):
        view.show(reading, NOON + timedelta(seconds=5 * number))


def test_lines_only_if_something_has_changed(capsys: pytest.CaptureFixture[str]) -> None:
    show(ChangesWatch(json=False))
    out, err = capsys.readouterr()
    times = re.findall(r"^--- (.*)$", out, re.MULTILINE)
    assert [datetime.fromisoformat(time) - NOON for time in times] == [timedelta(seconds=s) for s in (0, 10, 20)]
    assert re.findall(r"^(edge-\w+): ", out, re.MULTILINE) == ["edge-paris", "edge-oslo", "edge-paris"]
    assert err == "opennebula: warning: marks: the front-end could not be read\n"


@pytest.mark.parametrize("json", [True, False])
def test_a_session_that_is_still_down_is_no_change(capsys: pytest.CaptureFixture[str], json: bool) -> None:
    view = ChangesWatch(json=json)
    for state in ("Active", "Connect", "Active"):
        sessions = (replace(WORKS.sessions[0], state=state), *WORKS.sessions[1:])
        view.show(Reading(replace(WORKS, sessions=sessions)), NOON)
    assert capsys.readouterr().out.count("vpc-") == 1


def test_json_is_one_document_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    show(ChangesWatch(json=True))
    names = [json.loads(line)["name"] for line in capsys.readouterr().out.splitlines()]
    assert names == ["edge-paris", "edge-oslo", "edge-paris"]


def test_in_place_every_reading_is_shown_with_its_warnings() -> None:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=200, height=60, color_system=None)
    with LiveWatch(5, console) as view:
        view.show(READINGS[0], NOON)
        view.show(READINGS[2], NOON)
    shown = stream.getvalue()
    assert "12:00:00, every 5 s" in shown
    assert "edge-oslo" in shown
    assert "the front-end could not be read" in shown
    assert "\x1b[2K" in shown  # the first one is overwritten


def test_a_narrow_terminal_cuts_lines() -> None:
    stream = io.StringIO()
    with LiveWatch(5, Console(file=stream, force_terminal=True, width=60, height=60, color_system=None)) as view:
        view.show(Reading(WORKS), NOON)
    rows = re.sub(r"\x1b\[[^A-Za-z]*[A-Za-z]", "", stream.getvalue()).splitlines()
    assert max(map(len, rows)) <= 60


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Watch a cluster whose readings are given; one may be an error, a KeyboardInterrupt among them. Gives the exit
    code."""

    @contextmanager
    def peeked(_file: Path, _emit: Emit, **_options: object) -> Iterator[object]:
        yield SimpleNamespace(spec=SimpleNamespace(name="edge-paris"))

    def watch(*given: ClusterStatus | BaseException) -> int:
        left = [*given, KeyboardInterrupt(signal.SIGINT)]

        def read(*_arguments: object, **_options: object) -> Any:
            reading = left.pop(0)
            if isinstance(reading, BaseException):
                raise reading
            return reading

        monkeypatch.setattr("edgewrap.engine.cluster.peek_cluster", peeked)
        monkeypatch.setattr("edgewrap.engine.status.read_status", read)
        monkeypatch.setattr("time.sleep", lambda _seconds: None)
        return run(build(), ["status", "--file", "edge.yaml", "--watch"])

    return watch


LOST = StateError("the state cannot be read", cause="S3 does not answer", advice="re-run")


@pytest.mark.parametrize(
    ("readings", "code", "err"),
    [
        ((WORKS,), 0, ""),
        ((), 130, "Error: the run was interrupted"),
        ((LOST,), 1, "Error: the state cannot be read"),
        ((WORKS, KeyboardInterrupt(signal.SIGTERM)), 130, "Error: the run was interrupted"),
        ((WORKS, LOST, WORKS), 0, "warning: edge-paris: not read: the state cannot be read"),
    ],
)
def test_how_a_watch_ends(
    capsys: pytest.CaptureFixture[str],
    watch: Callable[..., int],
    readings: tuple[ClusterStatus | BaseException, ...],
    code: int,
    err: str,
) -> None:
    assert watch(*readings) == code
    assert err in capsys.readouterr().err


def test_an_unread_cluster_is_shown_as_before(capsys: pytest.CaptureFixture[str], watch: Callable[..., int]) -> None:
    watch(WORKS, LOST, WORKS, replace(WORKS, zone="eu-west-3b"))
    assert capsys.readouterr().out.count("edge-paris: ") == 2
