"""The plane's plan and reports for an observation; no host is needed for them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgewrap.change import Action
from edgewrap.errors import HostError
from edgewrap.events import discard
from edgewrap.hosts.desired import desired_hosts
from edgewrap.hosts.plane import HostsPlane, Observation
from edgewrap.outputs import UNKNOWN, HostPin
from edgewrap.plane import Context
from tests.unit.hosts.recorded import outputs, recorded, spec

PLANE = HostsPlane(spec(), discard)
PIN = HostPin("i-0", "ssh-ed25519 AAAA")
OUTPUTS = replace(outputs(), hosts={"host-0": outputs().hosts["host-0"]})
FAILURE = HostError("host-0", "it is silent", cause="", advice="")


def test_a_host_without_differences_is_ready() -> None:
    facts = recorded("entry", host=desired_hosts(spec(), OUTPUTS)("host-0"))
    seen = Observation({"host-0": facts}, {}, {"host-0": PIN})
    assert PLANE.plan(seen, Context(OUTPUTS)).changes == ()
    report = PLANE.reports(seen, Context(OUTPUTS))["host-0"]
    assert (report.ready, report.pin, report.phydev, report.mtu) == (True, PIN, "eth0", 1500)


def test_what_aws_does_not_change_needs_nothing_ahead_of_it() -> None:
    seen = Observation({"host-0": recorded("bare")}, {}, {"host-0": PIN})
    assert PLANE.plan(seen, Context(OUTPUTS, OUTPUTS)).ahead == {}
    moved = {key: replace(group, host="host-1") for key, group in OUTPUTS.groups.items()}
    assert PLANE.plan(seen, Context(OUTPUTS, replace(OUTPUTS, groups=moved))).ahead.keys() == {"host-0"}


def test_a_host_that_will_be_converged_will_be_ready() -> None:
    seen = Observation({"host-0": recorded("bare")}, {"host-0": FAILURE}, {"host-0": PIN})
    assert PLANE.reports(seen, Context(OUTPUTS), converged=True)["host-0"].ready


def test_a_failed_host_is_not_ready() -> None:
    seen = Observation({"host-0": recorded("entry")}, {"host-0": FAILURE}, {"host-0": PIN})
    assert not PLANE.reports(seen, Context(OUTPUTS))["host-0"].ready


@pytest.mark.parametrize("instance_id", ["i-new", UNKNOWN])
def test_facts_of_a_replaced_instance_are_ignored(instance_id: str) -> None:
    host = replace(OUTPUTS.hosts["host-0"], instance_id=instance_id)
    replaced = replace(OUTPUTS, hosts={"host-0": host})
    seen = Observation({"host-0": recorded("entry")}, {}, {"host-0": PIN})
    assert PLANE.reports(seen, Context(replaced)) == {}
    assert {change.action for change in PLANE.plan(seen, Context(replaced)).changes} == {Action.CREATE}


def test_an_unreadable_host_has_no_changes() -> None:
    assert PLANE.plan(Observation(failures={"host-0": FAILURE}), Context(OUTPUTS)).changes == ()


def test_an_unreadable_host_that_will_be_replaced_has_all_changes() -> None:
    host = replace(OUTPUTS.hosts["host-0"], instance_id=UNKNOWN)
    changes = PLANE.plan(
        Observation(failures={"host-0": FAILURE}), Context(replace(OUTPUTS, hosts={"host-0": host}))
    ).changes
    assert {change.action for change in changes} == {Action.CREATE}
