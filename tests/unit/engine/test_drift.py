"""The report of what has drifted: planes that cannot be read, what does not work, what is from the spec."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import MagicMock

import pytest

from edgewrap.change import Action, Change, PlaneName, Reason, drifted
from edgewrap.engine import drift
from edgewrap.engine.dead_hosts import HostDisposition
from edgewrap.engine.drift import read_drift
from edgewrap.engine.origin import Baseline
from edgewrap.engine.plan import Observed, RunPlan
from edgewrap.errors import AwsError, EdgewrapError, HostError, LockedError, OpenNebulaError, StateError
from edgewrap.finding import Finding, Verdict
from edgewrap.plane import NO_CONTEXT

ALL = tuple(PlaneName)
MISSING = drifted(Change(PlaneName.AWS, "instance", "host-1", Action.CREATE))
NEW = Change(PlaneName.AWS, "elastic ip", "eip-5", Action.CREATE)
BOTH = replace(NEW, action=Action.UPDATE, reason=Reason.CHANGED)
STOPPED = Finding(PlaneName.AWS, "host-0", Verdict.WARNING, "its instance i-0 is stopped", "start it in EC2")
UNREAD = HostError("host-2", "host-2: no SSH connection", cause="refused", advice="start sshd")


def of(error: type[EdgewrapError]) -> EdgewrapError:
    return error("not read", cause="down", advice="wait")


def planned(*changes: Change, state: object = True, **parts: object) -> RunPlan:
    aws = MagicMock(changes=changes)
    disposition = HostDisposition(kept=tuple(parts.pop("kept", ())))  # type: ignore[arg-type]
    observed = Observed(MagicMock() if state else None, None, None, None, disposition, NO_CONTEXT)
    return RunPlan(observed, NO_CONTEXT, aws, **parts)  # type: ignore[arg-type]


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> list[RunPlan | EdgewrapError]:
    """What each attempt to plan gives."""
    results: list[RunPlan | EdgewrapError] = []

    def make_plan(*_arguments: object, **_options: object) -> RunPlan:
        result = results.pop(0)
        if isinstance(result, EdgewrapError):
            raise result
        return result

    monkeypatch.setattr(drift, "make_plan", make_plan)
    return results


def test_items_are_what_has_drifted_and_what_does_not_work(plans: list[object]) -> None:
    of_missing = replace(STOPPED, check="host-1")  # apply makes a new instance
    plans.append(planned(MISSING, NEW, BOTH, health=(STOPPED, STOPPED, of_missing)))
    report = read_drift(MagicMock(), ALL)
    assert [(one.key, one.reason, one.action, one.spec_changed) for one in report.items] == [
        ("host-1", Reason.MISSING, Action.CREATE, False),
        ("eip-5", Reason.CHANGED, Action.UPDATE, True),
        ("host-0", Reason.NOT_WORKING, None, False),
    ]
    assert (report.spec_changes, report.unread, report.items[2].advice) == (1, (), "start it in EC2")


@pytest.mark.parametrize(("error", "plane"), [(OpenNebulaError, PlaneName.OPENNEBULA), (AwsError, PlaneName.AWS)])
def test_a_plane_that_cannot_be_read_is_left_out(
    plans: list[object], error: type[EdgewrapError], plane: PlaneName
) -> None:
    plans += [of(error), planned(MISSING)]
    report = read_drift(MagicMock(), ALL)
    assert plane not in report.planes
    assert (len(report.planes), len(report.items), [one.name for one in report.unread]) == (2, 1, [plane])


@pytest.mark.parametrize(
    ("planes", "error"), [((PlaneName.AWS,), AwsError), ((PlaneName.AWS,), OpenNebulaError), (ALL, LockedError)]
)
def test_other_errors_end_it(plans: list[object], planes: tuple[PlaneName, ...], error: type[EdgewrapError]) -> None:
    plans.append(of(error))
    with pytest.raises(error):
        read_drift(MagicMock(), planes)


@pytest.mark.parametrize(
    ("planes", "left_out"),
    [(ALL, 0), ((PlaneName.AWS, PlaneName.OPENNEBULA), 1), ((PlaneName.OPENNEBULA,), 1), ((PlaneName.AWS,), 0)],
)
def test_what_needs_the_hosts_is_named_if_the_run_leaves_them_out(
    plans: list[object], planes: tuple[PlaneName, ...], left_out: int
) -> None:
    plans.append(planned())
    report = read_drift(MagicMock(), planes)
    assert [text.partition(":")[0] for text in report.not_compared] == ["opennebula"] * left_out


def test_nothing_is_applied_yet(plans: list[object]) -> None:
    plans.append(planned(state=None))
    with pytest.raises(StateError):
        read_drift(MagicMock(), ALL)


def test_what_is_not_known_is_reported(plans: list[object]) -> None:
    kept = replace_host(UNREAD, "host-0")
    plans.append(planned(failures=(kept, UNREAD), kept=(kept,), baseline=Baseline(uncertain="of another version")))
    report = read_drift(MagicMock(), ALL)
    assert [(one.name, one.cause) for one in report.unread] == [
        ("host-2", "refused"),
        ("hosts, opennebula", "of another version"),
    ]


def replace_host(error: HostError, key: str) -> HostError:
    return HostError(key, error.what, cause=error.cause, advice=error.advice)
