"""The log file of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgewrap.change import Plane
from edgewrap.engine.journal import KEPT_RUNS, Journal, runs
from edgewrap.errors import StateError
from edgewrap.events import Event, EventKind


def test_events_are_written_and_passed_on(tmp_path: Path) -> None:
    seen: list[Event] = []
    journal = Journal(tmp_path, "apply", seen.append)
    event = Event(EventKind.STEP_DONE, Plane.HOSTS, "host-0", "converged", 1.25)
    journal(event)
    journal.close()
    journal(event)
    assert seen == [event, event]
    assert journal.path.read_text().endswith("step_done hosts host-0 converged (1.2 s)\n")
    assert journal.path.read_text().count("\n") == 1


def test_old_runs_are_removed(tmp_path: Path) -> None:
    for _ in range(KEPT_RUNS + 3):
        Journal(tmp_path, "plan", lambda _: None).close()
    newest = Journal(tmp_path, "apply", lambda _: None)
    newest.close()
    assert len(runs(tmp_path)) == KEPT_RUNS
    assert runs(tmp_path)[-1] == newest.path


def test_a_traceback_is_kept_whole(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "apply", lambda _: None)
    try:
        raise ValueError("ünlucky")
    except ValueError as error:
        journal.write_traceback(error)
    journal.close()
    assert "Traceback" in journal.path.read_text()
    assert "ValueError: ünlucky" in journal.path.read_text()


def test_a_directory_that_takes_no_file_is_explained(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="cannot be made: No such file"):
        Journal(tmp_path / "none", "plan", lambda _: None)
