"""The log file of a run."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edgewrap.change import PlaneName
from edgewrap.engine.log_file import KEPT_RUNS, Journal, runs
from edgewrap.errors import StateError
from edgewrap.events import Event, EventKind


def test_events_are_written_and_passed_on(tmp_path: Path) -> None:
    seen: list[Event] = []
    journal = Journal(tmp_path, "apply", seen.append)
    event = Event(EventKind.STEP_DONE, PlaneName.HOSTS, "host-0", "converged", 1.25)
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


def test_a_clock_that_was_set_back_costs_no_run_its_own_log(tmp_path: Path) -> None:
    for number in range(KEPT_RUNS):
        (tmp_path / f"29990101T0000{number:02}.000000-plan.log").touch()
    journal = Journal(tmp_path, "apply", lambda _: None)
    journal.write("kept")
    journal.close()
    assert "kept" in journal.path.read_text()
    assert len(runs(tmp_path)) == KEPT_RUNS


def test_only_files_are_logs(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "1.log")
    (tmp_path / "2.log").mkdir()
    assert runs(tmp_path) == []


def test_a_traceback_is_written_whole(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "apply", lambda _: None)
    try:
        raise ValueError("ünlucky")
    except ValueError as error:
        journal.write_traceback(error)
    journal.close()
    assert "Traceback" in journal.path.read_text()
    assert "ValueError: ünlucky" in journal.path.read_text()


def test_no_text_can_look_like_another_entry(tmp_path: Path) -> None:
    forged = "x\n2026-01-01T00:00:00.000+00:00 info - forged"
    journal = Journal(tmp_path, "apply", lambda _: None)
    journal(Event(EventKind.INFO, PlaneName.HOSTS, "host-0", forged))
    journal.write_traceback(ValueError(forged))
    journal.close()
    first, second, third = journal.path.read_text().splitlines()
    assert first.endswith(r" info hosts host-0 x\n2026-01-01T00:00:00.000+00:00 info - forged")
    assert second.endswith(" ValueError: x")
    assert third.startswith("    2026-01-01")


def test_an_unwritable_directory_is_explained(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="cannot be created: No such file"):
        Journal(tmp_path / "none", "plan", lambda _: None)


def test_a_view_that_fails_does_not_break_the_run(tmp_path: Path) -> None:
    """Where it is called from, terraform may be starting hosts."""

    def view(_event: Event) -> None:
        raise UnicodeError("unlucky")

    journal = Journal(tmp_path, "apply", view)
    journal(Event(EventKind.STEP_DONE, PlaneName.HOSTS, "host-0", "converged"))
    journal.close()
    assert "step_done hosts host-0 converged\n" in journal.path.read_text()
    assert "UnicodeError: unlucky" in journal.path.read_text()


def test_a_full_disk_does_not_break_the_run(tmp_path: Path) -> None:
    seen: list[Event] = []
    journal = Journal(tmp_path, "apply", seen.append)
    events = [Event(EventKind.STEP_DONE, PlaneName.HOSTS, f"host-{index}", "converged") for index in range(3)]
    journal(events[0])
    with full_disk(journal.path.stat().st_size):
        journal(events[1])
    journal(events[2])
    journal.close()
    incomplete, warning = f"the log file {journal.path} is incomplete: File too large", seen.pop(1)
    assert (warning.kind, warning.text) == (EventKind.WARNING, incomplete)
    assert seen == events
    assert [line.split()[3] for line in journal.path.read_text().splitlines() if "step_done" in line] == [
        "host-0",
        "host-1",
        "host-2",
    ]


def test_a_disk_that_stays_full_does_not_break_the_end_of_the_run(tmp_path: Path) -> None:
    seen: list[Event] = []
    journal = Journal(tmp_path, "apply", seen.append)
    with full_disk(0):
        journal(Event(EventKind.STEP_DONE, PlaneName.HOSTS, "host-0", "converged"))
        journal(Event(EventKind.STEP_DONE, PlaneName.HOSTS, "host-1", "converged"))
        journal.close()
    assert [event.kind for event in seen] == [EventKind.WARNING, EventKind.STEP_DONE, EventKind.STEP_DONE]


def test_invalid_unicode_is_written_escaped(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "apply", lambda _: None)
    journal.write("a \udc80")
    journal.close()
    assert journal.path.read_text().endswith("a \\udc80\n")


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """Within the block no file of this process can grow beyond `size`."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
