"""The command that resumes a failed run can be pasted into a shell."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from edgewrap.change import PlaneName
from edgewrap.cli.apply import resume_command
from edgewrap.engine.apply import Waits
from edgewrap.engine.cluster import Options


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
