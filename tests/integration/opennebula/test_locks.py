"""Locked objects: detected and named before anything is changed."""

from __future__ import annotations

import re

import pytest

from edgewrap.errors import InUseError
from edgewrap.opennebula.kinds.access import Lock
from edgewrap.plane import Context
from tests.support.front_end import READS, Stage, apply, changes_in, destroy, outputs, prepare, report, reports

USE, MANAGE, ADMIN = 1, 2, 3


def locked(stage: Stage, kind: str, level: int = USE) -> str:
    """Lock our network or template as another operator; the expected message."""
    operator = stage.user("eva", operator=True)
    facts = stage.facts()
    number = facts.networks[0].id if kind == "vn" else facts.templates[0].id
    operator.call(f"{kind}.lock", number, level)
    return (
        r"the virtual network edge-paris-public \(id \d+\) is locked \(level {}\) by eva since [\d-]+ [\d:]+ UTC "
        r"\(`onevnet unlock \d+`\)"
        if kind == "vn"
        else r"the virtual network template edge-paris-private \(id \d+\) is locked \(level {}\) by eva since "
        r"[\d-]+ [\d:]+ UTC \(`onevntemplate unlock \d+`\)"
    ).format(["Use", "Manage", "Admin"][level - 1])


def changed(stage: Stage) -> list[str]:
    return [method for method in stage.wire.methods if not method.endswith(READS)]


@pytest.mark.parametrize("level", [USE, MANAGE, ADMIN])
@pytest.mark.parametrize("kind", ["vn", "vntemplate"])
def test_a_lock_stops_destroy_before_anything_is_changed(stage: Stage, kind: str, level: int) -> None:
    plane = stage.applied()
    text = locked(stage, kind, level)
    with pytest.raises(InUseError, match=text) as raised:
        plane.destroy(plane.observe(), Context())
    assert "unlock" in raised.value.advice
    stage.wire.methods.clear()
    with pytest.raises(InUseError, match=text):
        destroy(plane, plane.observe())
    assert changed(stage) == []


def test_a_lock_set_after_approval_stops_destroy(newer: Stage) -> None:
    plane = newer.applied()
    stale = plane.observe()
    text = locked(newer, "vntemplate")
    newer.wire.methods.clear()
    with pytest.raises(InUseError, match=text):
        destroy(plane, stale)
    assert changed(newer) == []


def test_a_locked_object_without_changes_does_not_stop_apply(newer: Stage) -> None:
    plane = newer.applied()
    locked(newer, "vn")
    locked_template = newer.facts().templates[0].id
    newer.one.call("vntemplate.lock", locked_template, USE)
    newer.one.call("host.update", newer.facts().hosts[0].id, {"REPLICA_STORAGE_IP": "192.0.2.1"}, 1)
    assert len(changes_in(plane, plane.observe(), outputs(), reports())) == 1
    apply(plane, plane.observe(), outputs(), reports())
    assert changes_in(plane, plane.observe(), outputs(), reports()) == ()
    assert newer.warnings() == []


def test_plan_shows_a_lock_and_apply_refuses_before_any_change(stage: Stage) -> None:
    """One Elastic IP more is one range more in the locked network."""
    plane = stage.applied()
    text = locked(stage, "vn", ADMIN)
    facts, more = plane.observe(), outputs(eips=(0, 1, 2))
    changes_in(plane, facts, more, reports())
    (warning,) = stage.warnings()
    assert re.search(f"`apply` will refuse this plan: {text}", warning)
    stage.wire.methods.clear()
    with pytest.raises(InUseError, match=text):
        prepare(plane, facts, more)
    with pytest.raises(InUseError, match=text):
        apply(plane, facts, more, reports())
    assert changed(stage) == []
    stage.one.call("vn.unlock", facts.networks[0].id)
    apply(plane, plane.observe(), more, reports())
    assert changes_in(plane, plane.observe(), more, reports()) == ()


def test_removing_a_range_of_a_locked_network_is_refused(newer: Stage) -> None:
    plane = newer.applied()
    text = locked(newer, "vn")
    newer.wire.methods.clear()
    with pytest.raises(InUseError, match=text):
        prepare(plane, plane.observe(), outputs((0, 2), (0,)))
    assert changed(newer) == []


def test_a_lock_known_from_host_reports_is_refused_before_aws_changes(newer: Stage) -> None:
    """The template's device is known from the hosts' reports alone."""
    plane = newer.applied()
    text = locked(newer, "vntemplate")
    other = {f"host-{index}": report(index, phydev="enp125s0") for index in range(3)}
    facts = plane.observe()
    prepare(plane, facts, outputs())
    with pytest.raises(InUseError, match=text):
        prepare(plane, facts, outputs(), other)


def test_the_owner_of_a_lock_may_be_a_deleted_user(newer: Stage) -> None:
    plane = newer.applied()
    locked(newer, "vn")
    newer.one.call("user.delete", newer.facts().networks[0].access.lock.owner)  # type: ignore[union-attr]
    with pytest.raises(InUseError, match=r"is locked \(level Use\) by the user with id 2 since"):
        plane.destroy(plane.observe(), Context())


def test_a_lock_set_during_the_write_is_reported_as_a_lock(newer: Stage) -> None:
    """Between the look and the call: the front-end's own refusal, which looks like a missing right."""
    plane = newer.applied()
    facts = plane.observe()

    def lock(method: str) -> None:
        if method == "one.vn.add_ar":
            newer.wire.before = lambda _method: None
            newer.one.call("vn.lock", facts.networks[0].id, USE)

    newer.wire.before = lock
    with pytest.raises(InUseError, match=r"NET is locked\. \[\d+\]") as raised:
        apply(plane, facts, outputs(eips=(0, 1, 2)), reports())
    assert raised.value.cause == "a user locked it"
    assert "oneadmin" not in raised.value.advice
    assert plane.observe().networks[0].access.lock == Lock(USE, 0, newer.lab.now)
