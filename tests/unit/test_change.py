"""What a plan covers of what a later look finds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgewrap.change import Action, Change, PlaneName, unplanned
from edgewrap.errors import PlanOutdatedError
from edgewrap.events import Event
from edgewrap.plane import report_skipped, require_planned

HOST = Change(PlaneName.OPENNEBULA, "host", "host-0", Action.UPDATE, {"NAME": "a"}, {"NAME": "b", "IM_MAD": "kvm"})


def to(action: Action) -> Change:
    return replace(HOST, action=action)


@pytest.mark.parametrize(
    ("planned", "covered"),
    [
        (Action.CREATE, {Action.CREATE, Action.UPDATE}),
        (Action.UPDATE, {Action.UPDATE}),
        (Action.REPLACE, {Action.REPLACE, Action.CREATE, Action.UPDATE}),
        (Action.DELETE, {Action.DELETE}),
        (Action.ADOPT, {Action.ADOPT, Action.UPDATE}),
    ],
)
def test_what_a_planned_action_covers(planned: Action, covered: set[Action]) -> None:
    assert {action for action in Action if not unplanned([to(action)], [to(planned)])} == covered


@pytest.mark.parametrize(
    "other", [{"key": "host-1"}, {"kind": "cluster"}, {"plane": PlaneName.HOSTS}], ids=lambda other: next(iter(other))
)
def test_another_thing_is_not_covered(other: dict[str, str]) -> None:
    change = replace(HOST, **other)  # type: ignore[arg-type]
    assert unplanned([change, HOST], [HOST]) == (change,)


def test_an_update_of_fewer_attributes_is_covered_and_one_of_more_is_not() -> None:
    fewer, more = replace(HOST, after={"NAME": "c"}), replace(HOST, after={"NAME": "b", "VM_MAD": "kvm"})
    assert unplanned([fewer], [HOST]) == ()
    assert unplanned([more], [HOST]) == (more,)


@pytest.mark.parametrize("planned", [Action.CREATE, Action.REPLACE])
def test_a_planned_creation_covers_every_update_of_that_object(planned: Action) -> None:
    """It sets all attributes, some of them later than others."""
    more = replace(HOST, after={"VM_MAD": "kvm"})
    assert unplanned([more], [to(planned)]) == ()
    assert unplanned([replace(more, key="host-1")], [to(planned)]) != ()


def test_a_thing_that_needs_nothing_any_more_is_no_longer_needed() -> None:
    gone = replace(HOST, key="host-1")
    events: list[Event] = []
    report_skipped([HOST, gone], [replace(HOST, after={"NAME": "b"})], events.append)
    assert [event.key for event in events] == ["host-1"]


def test_the_error_names_what_was_not_planned() -> None:
    require_planned([HOST], [HOST])
    more = [replace(HOST, key=f"host-{index}") for index in range(7)]
    with pytest.raises(PlanOutdatedError) as raised:
        require_planned(more, [HOST])
    assert raised.value.what.startswith("not planned: update host host-1, update host host-2")
    assert raised.value.what.endswith("and 1 more")
    assert "opennebula changed after the plan was made" in raised.value.cause


def test_what_is_skipped_is_reported() -> None:
    events: list[Event] = []
    report_skipped([HOST], [], events.append)
    assert [(event.key, event.text) for event in events] == [("host-0", "skipped, no longer needed: update host")]
