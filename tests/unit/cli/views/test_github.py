"""In a job of GitHub Actions: the summary of the job, and the outputs of its step."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from edgewrap.change import Action, Change, PlaneName
from edgewrap.cli.main import run
from edgewrap.cli.views import ShownPlan, github
from edgewrap.cli.views.markdown import LONGEST, error_markdown, findings_markdown
from edgewrap.errors import EdgewrapError
from edgewrap.finding import Finding, Verdict
from tests.support.github_outputs import parse_outputs

CHANGES = (
    Change(PlaneName.AWS, "elastic ip", "eip-0", Action.CREATE),
    Change(PlaneName.AWS, "elastic ip", "eip-1", Action.CREATE),
    Change(PlaneName.HOSTS, "route", "host-0/r", Action.UPDATE, {"dev": "a"}, {"dev": "b"}, "```\n::error::x"),
)
PLAN = ShownPlan("edge", tuple(PlaneName), CHANGES)


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], tuple[str, dict[str, str]]]:
    """A step of a job; gives its summary and its outputs."""
    files = {name: tmp_path / name for name in (github.SUMMARY, github.OUTPUT)}
    for name, file in files.items():
        file.touch()
        monkeypatch.setenv(name, str(file))
    monkeypatch.delenv(github.SWITCH, raising=False)
    return lambda: (files[github.SUMMARY].read_text(), parse_outputs(files[github.OUTPUT].read_text()))


Job = Callable[[], tuple[str, dict[str, str]]]


def test_a_plan_is_in_the_summary_and_its_counts_are_outputs(job: Job) -> None:
    github.add_plan("apply", PLAN)
    summary, outputs = job()
    assert summary.startswith("### edgewrap apply: edge\n\n| plane |")
    assert summary.count("```text") == summary.count("```\n") == 2, "a text of a change does not end its block"
    assert "\n::error" not in summary
    assert outputs == {
        "has_changes": "true",
        "changes": "3",
        "create": "2",
        "update": "1",
        "replace": "0",
        "delete": "0",
        "adopt": "0",
    }


def test_a_plan_without_changes_says_so(job: Job) -> None:
    github.add_plan("plan", ShownPlan("edge", tuple(PlaneName), ()))
    assert job()[1]["has_changes"] == "false"


@given(st.text())
def test_no_value_sets_another_output(value: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        written: list[str] = []
        patch.setattr(github, "_append", lambda _name, text: written.append(text))
        github.set_outputs(first=f"{value}\nx<<END\ny\nEND\nsecond=1", last=1)
    outputs = parse_outputs("".join(written))
    assert outputs == {"first": f"{value}\nx<<END\ny\nEND\nsecond=1", "last": "1"}


def command_that_ends(name: str, error: EdgewrapError | None, code: int = 0) -> typer.Typer:
    app = typer.Typer()
    app.callback()(lambda: None)

    @app.command(name)
    def command() -> int:
        if error:
            raise error
        return code

    return app


FAILED = EdgewrapError("no ``` quota", cause="too low", advice="raise it")


@pytest.mark.parametrize(
    ("command", "error", "code", "outputs"),
    [
        ("plan", None, 2, {"exit_code": "2"}),
        ("preflight", FAILED, 1, {"exit_code": "1"}),
        ("show", None, 0, {}),
        ("show", FAILED, 1, {}),
    ],
)
def test_the_exit_code_is_an_output_of_the_commands_that_plan_or_check(
    job: Job, command: str, error: EdgewrapError | None, code: int, outputs: dict[str, str]
) -> None:
    assert run(command_that_ends(command, error, code), [command]) == code
    summary, found = job()
    assert found == outputs
    assert summary == (f"{error_markdown(command, error.report()).rstrip()}\n\n" if error and outputs else "")
    assert "no ``` quota" not in summary


def test_a_file_that_cannot_be_written_is_a_warning(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(github.OUTPUT, str(tmp_path / "absent" / "file"))
    github.add_plan("plan", PLAN)
    assert job is not None
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("warning: GITHUB_OUTPUT: ")
    assert "cannot be written: No such file or directory" in shown.err


def test_it_can_be_switched_off(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(github.SWITCH, "off")
    github.add_plan("plan", PLAN)
    github.add_end("plan", 1, FAILED)
    assert job() == ("", {})


def test_findings_that_need_attention_are_not_folded() -> None:
    findings = [
        Finding(None, "terraform", Verdict.OK, "version 1"),
        Finding(PlaneName.AWS, "Elastic IPs", Verdict.FAILURE, "5 of 5 ``` used", "ask for more"),
    ]
    text = findings_markdown("edge", findings)
    assert text.startswith(
        "### edgewrap preflight: edge\n\n1 ok, 1 failure\n\n```text\nfailure: Elastic IPs: 5 of 5 '''"
    )
    assert text.index("ask for more") < text.index("<details>") < text.index("ok: terraform")
    many = [Finding(None, f"check {number}", Verdict.WARNING, "x" * 5000) for number in range(300)]
    assert len(findings_markdown("edge", many)) < LONGEST + 1000
