"""The same plan, event and error in all three views."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from edgewrap.change import Action, Change, PlaneName
from edgewrap.cli.views import ShownPlan, View, choose_view
from edgewrap.cli.views.lines import LinesView
from edgewrap.cli.views.live import LiveView
from edgewrap.cli.views.ndjson import NdjsonView
from edgewrap.cli.views.text import MOST_LINES, event_line, plan_lines
from edgewrap.errors import Diagnostic, PartlyAppliedError, TerraformError
from edgewrap.events import Event, EventKind
from edgewrap.secrets import remember
from tests.support.documents import check_line
from tests.support.front_end import outputs

CHANGES = (
    Change(PlaneName.AWS, "elastic ip", "eip-0", Action.CREATE, why="new in the spec"),
    Change(PlaneName.HOSTS, "route", "host-0/10.0.128.2", Action.UPDATE, {"dev": "eth0"}, {"dev": "[red]x\n"}, "drift"),
)
FAILURE = PartlyAppliedError(
    "the plan is only partly applied",
    cause="a quota",
    advice="raise it",
    failures=[
        TerraformError(
            "terraform apply failed",
            cause="AWS said no",
            advice="ask for more",
            diagnostics=[Diagnostic("error", "AddressLimitExceeded", "The maximum number…", "aws_eip.this")],
        )
    ],
)


def show(view: View) -> None:
    with view:
        view.changes(ShownPlan("edge", tuple(PlaneName), CHANGES))
        view.event(Event(EventKind.STEP_STARTED, PlaneName.HOSTS, "host-0", "waiting for SSH"))
        view.event(Event(EventKind.STEP_DONE, PlaneName.HOSTS, "host-0", "converged", 12.0))
        view.event(Event(EventKind.STEP_DONE, PlaneName.AWS, "elastic ip eip-0", "eipalloc-0a1b", 2.0, Action.CREATE))
        view.event(Event(EventKind.LOG, PlaneName.AWS, "terraform", "only for the log file"))
        view.failure(FAILURE)
        view.message("done")


@pytest.mark.parametrize("kind", ["lines", "live"])
def test_the_text_view_shows_plan_steps_and_errors(kind: str) -> None:
    results, progress = io.StringIO(), io.StringIO()
    consoles = (Console(file=progress, width=200), Console(file=results, width=200))
    show(LinesView(results, progress) if kind == "lines" else LiveView(*consoles))
    shown = progress.getvalue()
    assert results.getvalue() == (
        "aws: 1 to create\n  + elastic ip eip-0  (new in the spec)\nopennebula: nothing to do\nhosts: 1 to update\n"
        "  ~ host-0  (route 10.0.128.2)\n      route 10.0.128.2  (drift)\n        dev: 'eth0' -> '[red]x\\\\n'\ndone\n"
    )
    assert "hosts       ✓ host-0  converged  12 s\n" in shown
    assert "aws         + elastic ip eip-0  eipalloc-0a1b  2 s\n" in shown
    assert "only for the log file" not in shown
    for words in ("the plan is only partly applied", "AddressLimitExceeded", "ask for more", "Cause: a quota"):
        assert words in shown


def test_the_json_view_has_one_object_per_line() -> None:
    stream = io.StringIO()
    show(NdjsonView(stream))
    objects = [check_line(line) for line in stream.getvalue().splitlines()]
    assert [o["type"] for o in objects] == ["change", "change", "plan", "event", "event", "event", "error", "message"]
    assert all(o["v"] == 1 for o in objects)
    assert objects[1]["after"] == {"dev": r"[red]x\n"}
    assert objects[2]["planes"] == {"aws": "1 to create", "opennebula": "nothing to do", "hosts": "1 to update"}
    assert objects[6]["failures"][0]["diagnostics"][0]["summary"] == "AddressLimitExceeded"
    assert objects[6]["exit_code"] == 3


def test_the_json_of_a_run_ends_with_its_result() -> None:
    stream = io.StringIO()
    view = NdjsonView(stream)
    view.end("plan", 1)  # without a plan there is no result
    show(view)
    found = outputs(eips=(0, 1))
    eips = {"eip-0": "203.0.113.7", "eip-1": "::error::x"}
    found = replace(found, eips={key: replace(found.eips[key], public_address=eips[key]) for key in eips})
    view.end("apply", 0, found)
    result = check_line(stream.getvalue().splitlines()[-1])
    assert result.pop("seconds") >= 0
    assert {plane: one.pop("seconds") for plane, one in result["planes"].items()} == {
        "aws": 0,
        "opennebula": 0,
        "hosts": 0,
    }
    assert result == {
        "v": 1,
        "time": result["time"],
        "type": "result",
        "command": "apply",
        "cluster": "edge",
        "exit_code": 0,
        "changes": 2,
        "planes": {
            "aws": {"changes": {"create": 1}},
            "opennebula": {"changes": {}},
            "hosts": {"changes": {"update": 1}},
        },
        "elastic_ips": {"eip-0": "203.0.113.7", "eip-1": r"\x3a:error::x"},
    }


def test_live_view_can_be_left_for_a_question_and_entered_again() -> None:
    stream = io.StringIO()
    view = LiveView(Console(file=io.StringIO(), width=100), Console(file=stream, width=100))
    with view:
        view.message("plan")
    with view:
        view.message("applied")
    assert "plan\n" in stream.getvalue()
    assert "applied\n" in stream.getvalue()


def on_host(host: str, kind: str, name: str, action: Action, **fields: Any) -> Change:
    return Change(PlaneName.HOSTS, kind, f"{host}/{kind}/{name}", action, **fields)


def test_each_host_is_one_line_with_what_its_updates_change() -> None:
    diff = ("- neighbor 10.0.0.11", "+ neighbor 10.0.0.12")
    new = [on_host("host-2", "route", str(number), Action.CREATE) for number in range(9)]
    changed = [
        on_host("host-0", "file", "/etc/frr/frr.conf", Action.UPDATE, before={"sha256": "a"}, diff=diff),
        on_host("host-0", "sysctl", "net/x", Action.UPDATE, before={"value": "0"}, after={"value": "1"}, why="differs"),
        on_host("host-0", "route", "others", Action.DELETE),
    ]
    same = [replace(change, key=change.key.replace("host-0", "host-1")) for change in changed]
    assert list(plan_lines([*changed, *same, *new], [PlaneName.HOSTS])) == [
        "hosts: 9 to create, 4 to update, 2 to delete",
        "  ~ host-0, host-1  (~ file /etc/frr/frr.conf, sysctl net/x; - route others)",
        "      file /etc/frr/frr.conf",
        "        - neighbor 10.0.0.11",
        "        + neighbor 10.0.0.12",
        "      sysctl net/x  (differs)",
        "        value: '0' -> '1'",
        "  + host-2  (9 routes)",
    ]
    assert list(plan_lines(changed, [PlaneName.HOSTS], details=True)) == [
        "hosts: 2 to update, 1 to delete",
        "  ~ file host-0/file//etc/frr/frr.conf",
        "      - neighbor 10.0.0.11",
        "      + neighbor 10.0.0.12",
        "  ~ sysctl host-0/sysctl/net/x  (differs)",
        "      value: '0' -> '1'",
        "  - route host-0/route/others",
    ]


def test_a_long_diff_is_cut() -> None:
    diff = tuple(f"+ {number}" for number in range(100))
    lines = list(plan_lines([on_host("host-0", "file", "/x", Action.UPDATE, diff=diff)], [PlaneName.HOSTS]))
    assert len(lines) == MOST_LINES + 3
    assert lines[-1] == f"      … {101 - MOST_LINES} more lines; `--details` shows them"


@pytest.mark.parametrize(
    ("unread", "line"),
    [((), "hosts: nothing to do"), (("host-1",), "hosts: nothing to do on those that were read; not read: host-1")],
)
def test_hosts_that_were_not_read_are_named(unread: tuple[str, ...], line: str) -> None:
    assert list(plan_lines([], [PlaneName.AWS, PlaneName.HOSTS], unread)) == ["aws: nothing to do", line]


@pytest.mark.parametrize(
    ("environ", "kind"),
    [
        ({"TERM": "xterm"}, LiveView),
        ({"TERM": "dumb"}, LinesView),
        ({}, LinesView),
        ({"TERM": "xterm", "NO_COLOR": "1"}, LinesView),
        ({"TERM": "xterm", "NO_COLOR": ""}, LiveView),
    ],
)
def test_a_terminal_that_cannot_move_its_cursor_gets_lines(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], kind: type[View]
) -> None:
    monkeypatch.setattr("sys.stderr", io.StringIO())
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    for name in ("TERM", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert type(choose_view(json=False)) is kind


@pytest.mark.usefixtures("no_secrets")
def test_a_long_error_is_cut_after_its_secrets_are_hidden() -> None:
    secret = "s3cr3t-" * 2000
    remember(secret)
    inner = TerraformError(f"a {secret} {'x' * 5000}", cause=secret, advice="z")
    error = PartlyAppliedError("partly", cause="y" * 5000, advice="z", failures=[inner])
    stream = io.StringIO()
    LinesView(stream, stream).failure(error)
    assert "s3cr3t" not in stream.getvalue()
    assert f"Error: a *** {'x' * 3994}… (1006 more characters)\n" in stream.getvalue()
    assert f"Cause: {'y' * 4000}… (1000 more characters)\n" in stream.getvalue()


def test_a_host_is_named_once() -> None:
    event = Event(EventKind.STEP_FAILED, PlaneName.HOSTS, "host-1", "host-1: no SSH connection")
    assert event_line(event) == "hosts: failed: host-1: no SSH connection"
