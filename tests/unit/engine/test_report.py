"""A report of a cluster that cannot be read in whole says why, and has what could be read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import TypeAdapter

from edgewrap.change import PlaneName
from edgewrap.engine import report as module
from edgewrap.engine.cluster import Options
from edgewrap.engine.report import ClusterReport, read_report
from edgewrap.errors import HostError, InterruptedRunError, LockedError, StateError, TerraformError
from edgewrap.events import Emit, Event, EventKind, discard
from edgewrap.finding import Finding, Verdict
from tests.support.reports import CHANGES, all_reports, cluster_status

OPTIONS = Options(Path("edge.yaml"), "report")
STATUS = cluster_status()
LOW = Finding(PlaneName.AWS, "Elastic IPs", Verdict.WARNING, "5 of 5 in use", "request a higher quota")
FINE = Finding(PlaneName.AWS, "VPCs", Verdict.OK, "1 of 5 in use")


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """What reads a cluster: `planned` and `status` are what the plan and the status give, or raise; `warnings` are
    events of it."""
    engine = SimpleNamespace(opened=None, planned=None, status=STATUS, warnings=[])
    cluster: Any = SimpleNamespace(spec=SimpleNamespace(name="edge-paris"))

    @contextmanager
    def opened(_options: object, emit: Emit, **_others: object) -> Iterator[object]:
        if engine.opened:
            raise engine.opened
        for event in engine.warnings:
            emit(event)
        yield cluster

    @contextmanager
    def peeked(_file: Path, emit: Emit, **_others: object) -> Iterator[object]:
        yield cluster

    def given(value: object) -> Any:
        if isinstance(value, BaseException):
            raise value
        return value

    monkeypatch.setattr(module, "open_cluster", opened)
    monkeypatch.setattr(module, "peek_cluster", peeked)
    monkeypatch.setattr(module, "make_plan", lambda *_: given(engine.planned))
    monkeypatch.setattr(module, "read_status", lambda *_: given(engine.status))
    monkeypatch.setattr(module, "status_of", lambda *_: STATUS)
    return engine


def plan(**fields: object) -> SimpleNamespace:
    observed = SimpleNamespace(state=object(), facts=object(), hosts=object())
    known = {"observed": observed, "changes": CHANGES, "unread_hosts": (), "findings": (), "failures": ()}
    return SimpleNamespace(**known | fields)


def test_one_plan_gives_status_and_changes(engine: SimpleNamespace) -> None:
    engine.planned = plan(unread_hosts=("host-1",), findings=(LOW, FINE, LOW))
    warned = Event(EventKind.WARNING, PlaneName.AWS, "host-1", "its instance is stopped")
    engine.warnings = [Event(EventKind.WARNING, LOW.plane, LOW.check, f"{LOW.text}; {LOW.advice}"), warned, warned]
    report = read_report(OPTIONS, discard)
    assert (report.name, report.status, report.changes, report.unread) == ("edge-paris", STATUS, CHANGES, ("host-1",))
    assert report.findings == (LOW, Finding(PlaneName.AWS, "host-1", Verdict.WARNING, "its instance is stopped"))
    assert report.errors == ()


def test_a_cluster_that_is_not_applied_has_no_status(engine: SimpleNamespace) -> None:
    engine.planned = plan(observed=SimpleNamespace(state=None, facts=None, hosts=None))
    assert read_report(OPTIONS, discard).status is None


def test_a_host_that_did_not_answer_is_an_error(engine: SimpleNamespace) -> None:
    engine.planned = plan(failures=(HostError("host-1", "no SSH connection", cause="timed out", advice="start it"),))
    [error] = read_report(OPTIONS, discard).errors
    assert (error.what, error.cause, error.advice) == ("host-1: no SSH connection", "timed out", "start it")


@pytest.mark.parametrize("status", [STATUS, StateError("nothing is applied", cause="", advice="")])
@pytest.mark.parametrize("opened", [LockedError("another run", cause="it is at work", advice="wait"), None])
def test_without_a_plan_the_report_has_the_status(engine: SimpleNamespace, status: object, opened: object) -> None:
    engine.opened, engine.status = opened, status
    engine.planned = TerraformError("terraform failed", cause="x", advice="y", diagnostics=())
    report = read_report(OPTIONS, discard)
    assert report.changes is None
    assert report.status == (STATUS if status is STATUS else None)
    assert [error.what for error in report.errors] == ["another run" if opened else "terraform failed"]


def test_an_interrupted_report_is_not_written(engine: SimpleNamespace) -> None:
    engine.planned = InterruptedRunError()
    with pytest.raises(InterruptedRunError):
        read_report(OPTIONS, discard)


def test_a_wrong_spec_is_named_by_its_file(tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text("apiVersion: edgewrap/v1\nnames: x\n")
    report = read_report(Options(file, "report"), discard)
    assert report.name == "wrong.yaml"
    [error] = report.errors
    assert "names" in "".join((error.what, *error.details))


@pytest.mark.parametrize("report", all_reports(), ids=lambda report: str(report.name))
def test_a_report_can_be_read_back_from_its_json(report: ClusterReport) -> None:
    text = json.dumps(asdict(report))
    assert TypeAdapter(ClusterReport).validate_json(text) == report
