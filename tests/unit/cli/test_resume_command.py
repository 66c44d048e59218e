"""The command that resumes a failed run can be pasted into a shell."""

from __future__ import annotations

import io
import shlex
import signal
from pathlib import Path
from typing import Any

import pytest

from edgewrap.change import Action, Change, PlaneName
from edgewrap.cli import apply
from edgewrap.cli.apply import resume_command
from edgewrap.cli.views import ShownPlan
from edgewrap.cli.views.lines import LinesView
from edgewrap.engine.apply import Waits
from edgewrap.engine.cluster import Options
from edgewrap.events import Event, EventKind
from edgewrap.signals import interrupt


def test_a_path_with_spaces_and_quotes_is_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDGEWRAP_RESTRICTED", raising=False)
    path = Path("my site's/edge one.yaml")
    command = resume_command(Options(path, "apply"), tuple(PlaneName), Waits(None, 1), ())
    assert shlex.split(command) == ["edgewrap", "apply", "--file", str(path)]


def test_what_was_asked_of_the_run_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEWRAP_RESTRICTED", "1")
    run = Options(Path("edge.yaml"), "apply", insecure=True)
    command = resume_command(run, (PlaneName.HOSTS,), Waits(5, 1), ("host-1",))
    words = "edgewrap apply --file edge.yaml --only=hosts --move-off=host-1 --host-timeout=5 --insecure --restricted"
    assert command == words


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_apply_shows_what_is_left_and_how_to_resume(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = io.StringIO()
    view = LinesView(shown, io.StringIO())
    changes = tuple(Change(PlaneName.AWS, "elastic ip", f"eip-{index}", Action.CREATE) for index in range(3))

    def interrupted(*_given: Any, **_more: Any) -> None:
        view.event(Event(EventKind.STEP_DONE, PlaneName.AWS, "elastic ip eip-0", "created", 2, Action.CREATE))
        signal.raise_signal(number)

    monkeypatch.setattr("edgewrap.engine.apply.apply", interrupted)
    view.changes(ShownPlan("edge", (PlaneName.AWS,), changes))
    shown.truncate(0)
    shown.seek(0)
    plan: Any = None
    before = signal.signal(number, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            apply._execute(view, "apply", plan, plan, Waits(None, 1), "edgewrap apply --file edge.yaml")
    finally:
        signal.signal(number, before)
    assert shown.getvalue() == "aws: 1 of 3 done\nTo resume: `edgewrap apply --file edge.yaml`\n"
