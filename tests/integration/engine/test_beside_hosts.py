"""A run over hosts and OpenNebula: both are worked on at the same time, and both are waited for, whichever fails."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import Mock

import pytest
import requests

from edgewrap.engine.apply import Waits, apply
from edgewrap.engine.cluster import Cluster
from edgewrap.engine.dead_hosts import HostDisposition
from edgewrap.engine.plan import Observed, RunPlan
from edgewrap.engine.workspace import Workspace
from edgewrap.errors import FailedRunError, FrontEndUnreachableError, PartlyAppliedError, PlanOutdatedError
from edgewrap.hosts.plane import HostsPlan, Observation
from edgewrap.opennebula.api.client import FrontEnd
from edgewrap.opennebula.api.credentials import Session
from edgewrap.outputs import UNKNOWN, HostPin, HostReport
from edgewrap.plane import Context
from tests.support import front_end
from tests.support.front_end import PASSWORD, URL, Stage, changes_in, outputs, predicted, reports, spec

KNOWN_FIRST = predicted().reports
UNANSWERED = {
    key: replace(KNOWN_FIRST[key], pin=HostPin(host.instance_id, UNKNOWN)) for key, host in outputs().hosts.items()
}
OUTDATED = PlanOutdatedError("not planned: update host file host-0", cause="", advice="")


@dataclass
class Both:
    """A run of a new cluster whose hosts are played: `converge` is called in place of their change."""

    stage: Stage
    converge: Callable[[], None] = lambda: None

    def run(self, expected: Mapping[str, HostReport] = KNOWN_FIRST) -> None:
        cluster = Cluster(spec(), Workspace(Path()), self.stage.events.append, {})
        plane = cluster.__dict__["opennebula"] = self.stage.plane()  # connected in this process
        cluster.__dict__["hosts"] = hosts = Mock()
        hosts.apply.side_effect = self._changed
        hosts.reports.return_value = reports()
        hosts.health.return_value = ()
        hosts.changed = frozenset()
        facts = self.stage.facts()
        planned = Context(outputs(), reports=expected)
        observed = Observed(None, None, facts, None, HostDisposition(), planned)
        plan = RunPlan(observed, planned, hosts=HostsPlan(), opennebula=plane.plan(facts, planned))
        apply(cluster, plan, Waits(None, 5))

    def _changed(self, _plan: HostsPlan, _context: Context) -> Observation:
        self.converge()
        return Observation()

    def statuses(self) -> dict[str, str]:
        return {key: one.status for key, one in self.stage.plane().hosts(self.stage.facts()).items()}


@pytest.fixture
def both(tmp_path: Path) -> Both:
    return Both(front_end.stage("7.4.0", tmp_path))


def seen(stage: Stage, method: str) -> threading.Event:
    """Set when a call of this method is sent."""
    event = threading.Event()

    def before(called: str) -> None:
        if called == f"one.{method}":
            event.set()

    stage.wire.before = before
    return event


def test_objects_are_created_while_the_hosts_converge_and_hosts_are_enabled_last(both: Both) -> None:
    ranges = seen(both.stage, "vn.add_ar")
    during: dict[str, str] = {}

    def converge() -> None:
        assert ranges.wait(10)
        during.update(both.statuses())

    both.converge = converge
    both.run()
    assert set(during.values()) <= {"offline"}
    assert set(both.statuses().values()) == {"enabled"}
    assert changes_in(both.stage.plane(), both.stage.facts(), outputs(), reports()) == ()


def test_if_the_hosts_fail_opennebula_is_waited_for_and_no_host_is_enabled(both: Both) -> None:
    cluster_made = seen(both.stage, "cluster.allocate")

    def converge() -> None:
        assert cluster_made.wait(10)
        raise OUTDATED

    both.converge = converge
    with pytest.raises(PartlyAppliedError) as caught:
        both.run()
    assert caught.value.failures == (OUTDATED,)
    assert both.statuses() == dict.fromkeys(outputs().hosts, "offline")
    both.converge = lambda: None
    both.run(UNANSWERED)
    assert changes_in(both.stage.plane(), both.stage.facts(), outputs(), reports()) == ()
    assert set(both.statuses().values()) == {"enabled"}


def test_if_opennebula_fails_the_hosts_are_waited_for_and_no_host_is_enabled(both: Both) -> None:
    failed, converged = threading.Event(), []

    def break_off(method: str) -> None:
        if method == "one.vn.add_ar":
            failed.set()
            raise requests.ConnectionError("the front-end went away")

    def converge() -> None:
        assert failed.wait(10)
        converged.append("all")

    both.stage.wire.before, both.converge = break_off, converge
    with pytest.raises(PartlyAppliedError) as caught:
        both.run()
    assert [type(error) for error in caught.value.failures] == [FrontEndUnreachableError]
    assert converged == ["all"]
    assert set(both.statuses().values()) <= {"offline"}


@pytest.mark.parametrize(
    ("call", "failure", "error"),
    [
        ("one.cluster.rename", requests.ConnectionError("the front-end went away"), PartlyAppliedError),
        ("one.cluster.allocate", requests.ConnectTimeout(), FailedRunError),
    ],
    ids=["OpenNebula is changed", "nothing is changed"],
)
def test_if_both_fail_both_are_reported(both: Both, call: str, failure: Exception, error: type[FailedRunError]) -> None:
    both.stage.one = FrontEnd(URL, Session(f"oneadmin:{PASSWORD}"), wire=both.stage.wire, patience_s=0)

    def break_off(method: str) -> None:
        if method == call:
            raise failure

    def converge() -> None:
        raise OUTDATED

    both.stage.wire.before, both.converge = break_off, converge
    with pytest.raises(FailedRunError) as caught:
        both.run()
    assert type(caught.value) is error
    assert [type(one) for one in caught.value.failures] == [FrontEndUnreachableError, PlanOutdatedError]


def test_an_interrupt_ends_what_is_done_beside_the_hosts(both: Both) -> None:
    """The call that is under way may end; no other is sent."""
    under_way, resume = threading.Event(), threading.Event()

    def hold(method: str) -> None:
        if method == "one.datastore.allocate":
            under_way.set()
            resume.wait(10)

    def converge() -> None:
        assert under_way.wait(10)
        raise KeyboardInterrupt

    both.stage.wire.before, both.converge = hold, converge
    threads = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        both.run()
    both.stage.wire.methods.clear()
    resume.set()
    for _ in range(100):
        if threading.active_count() <= threads:
            break
        threading.Event().wait(0.05)
    assert threading.active_count() <= threads
    assert set(both.stage.wire.methods) <= {"datastore.allocate"}
