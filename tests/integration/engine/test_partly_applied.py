"""The exit code of a run that fails half-way: 1 if nothing was changed, 3 if something was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from edgewrap.aws.facts import AwsState
from edgewrap.engine.apply import Waits, apply
from edgewrap.engine.cluster import Cluster
from edgewrap.engine.dead_hosts import HostDisposition
from edgewrap.engine.destroy import DestroyPlan, destroy
from edgewrap.engine.plan import Observed, RunPlan
from edgewrap.engine.workspace import Workspace
from edgewrap.errors import FrontEndUnreachableError, InUseError, PartlyAppliedError
from edgewrap.opennebula.api.client import FrontEnd
from edgewrap.opennebula.api.credentials import Session
from edgewrap.outputs import HostReport, Outputs
from edgewrap.plane import Context
from tests.support import front_end
from tests.support.aws_plane import first_inputs, make_spec
from tests.support.front_end import PASSWORD, URL, Stage, changes_in, outputs, report, spec
from tests.support.played_hosts import monitored_stage


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return front_end.stage("7.4.0", tmp_path)


def run(stage: Stage, to: Outputs, monitored_s: float = 5, reports: Mapping[str, HostReport] | None = None) -> Outputs:
    """Apply the OpenNebula plane alone: AWS has `to` already, as after `--skip aws`. `reports` is what the hosts plane
    would report."""
    cluster = Cluster(spec(), Workspace(Path()), stage.events.append, {})
    cluster.__dict__["opennebula"] = stage.plane()  # connected in this process
    facts = stage.facts()
    state = AwsState(to, first_inputs(make_spec()), "")
    known = Context(to, reports=reports or {})
    observed = Observed(state, None, facts, None, HostDisposition(), known)
    plan = RunPlan(observed, known, opennebula=cluster.opennebula.plan(facts, known))
    return apply(cluster, plan, Waits(None, monitored_s))


def take_away(stage: Stage) -> None:
    """Destroy the OpenNebula plane alone: AWS has nothing any more."""
    cluster = Cluster(spec(), Workspace(Path()), stage.events.append, {})
    cluster.__dict__["opennebula"] = stage.plane()  # connected in this process
    planned = cluster.opennebula.destroy(stage.facts(), Context())
    destroy(cluster, DestroyPlan(Context(), planned, None))


def test_a_vm_on_a_host_to_remove_is_an_error_before_any_change(stage: Stage) -> None:
    plane = stage.applied()
    stage.vm(plane.hosts(stage.facts())["host-1"].id)
    with pytest.raises(InUseError):
        run(stage, outputs((0, 2)))
    assert plane.hosts(stage.facts())["host-1"].status == "enabled"


def test_a_locked_object_is_an_error_before_any_change(stage: Stage) -> None:
    """That the locked template has to change is known from the hosts plane's reports alone."""
    stage.applied()
    stage.one.call("vntemplate.lock", stage.facts().templates[0].id, 1)
    other = {f"host-{index}": report(index, phydev="enp125s0") for index in range(3)}
    stage.wire.methods.clear()
    with pytest.raises(InUseError, match="is locked"):
        run(stage, outputs(), reports=other)
    assert not [method for method in stage.wire.methods if not method.endswith((".info", ".version"))]


def test_a_failed_removal_of_a_host_is_partly_applied_and_resumed(stage: Stage) -> None:
    plane = stage.applied()

    def break_off(method: str) -> None:
        if method == "one.vn.rm_ar":
            raise requests.ConnectionError("the front-end went away")

    stage.wire.before = break_off
    with pytest.raises(PartlyAppliedError) as caught:
        run(stage, outputs((0, 2), (0,)))
    assert [type(failure) for failure in caught.value.failures] == [FrontEndUnreachableError]
    assert plane.hosts(stage.facts())["host-1"].status == "disabled"
    stage.wire.before = lambda method: None
    run(stage, outputs((0, 2), (0,)))
    assert changes_in(plane, stage.facts(), outputs((0, 2), (0,)), {}) == ()


def test_a_vm_started_while_its_host_is_removed_is_partly_applied(stage: Stage) -> None:
    plane = stage.applied()
    host_1 = plane.hosts(stage.facts())["host-1"].id

    def come(method: str) -> None:
        if method == "one.host.status":
            stage.wire.before = lambda method: None
            stage.vm(host_1)

    stage.wire.before = come
    with pytest.raises(PartlyAppliedError, match="partly applied") as caught:
        run(stage, outputs((0, 2)))
    assert "has got the VMs" in caught.value.cause


@pytest.mark.parametrize("change", [False, True], ids=["nothing to do", "a change"])
def test_an_unmonitored_host_is_partly_applied_with_or_without_a_change(tmp_path: Path, change: bool) -> None:
    with monitored_stage(tmp_path) as (stage, hosts):
        plane = stage.applied()
        plane.wait_monitored(outputs().hosts, 10)
        hosts.down = frozenset({"198.51.100.11"})
        stage.one.call("host.status", plane.hosts(stage.facts())["host-1"].id, 2)
        stage.one.call("host.status", plane.hosts(stage.facts())["host-1"].id, 0)
        to = outputs((0, 1, 2), (0,)) if change else outputs()
        with pytest.raises(PartlyAppliedError) as caught:
            run(stage, to, monitored_s=2)
        assert caught.value.exit_code == 3
        assert caught.value.cause.startswith("not MONITORED after 2 s: host-1 (198.51.100.11) is error: ")
        hosts.down = frozenset()
        assert run(stage, to) == to


def test_a_dead_host_is_not_waited_for(tmp_path: Path) -> None:
    with monitored_stage(tmp_path) as (stage, hosts):
        hosts.down = frozenset({"198.51.100.11"})
        stage.applied()
        dead = replace(outputs().hosts["host-1"], state="stopped")
        to = replace(outputs(), hosts={**outputs().hosts, "host-1": dead})
        assert run(stage, to, monitored_s=3) == to


def test_a_refused_destroy_is_an_error_before_any_change(stage: Stage) -> None:
    plane = stage.applied()
    stage.vm(plane.hosts(stage.facts())["host-1"].id)
    with pytest.raises(InUseError):
        take_away(stage)
    assert {one.status for one in plane.hosts(stage.facts()).values()} == {"enabled"}


def test_a_first_write_that_is_not_sent_is_an_error_and_not_partly_applied(stage: Stage) -> None:
    stage.applied()

    def time_out(method: str) -> None:
        if method == "one.host.status":
            raise requests.ConnectTimeout

    stage.wire.before = time_out
    stage.one = FrontEnd(URL, Session(f"oneadmin:{PASSWORD}"), wire=stage.wire, patience_s=0)
    with pytest.raises(FrontEndUnreachableError):
        take_away(stage)


@pytest.mark.parametrize("method", ["host.status", "vn.rm_ar", "host.delete"])
def test_a_failed_destroy_is_partly_applied_and_resumed(stage: Stage, method: str) -> None:
    """The first of these is the first write: the connection breaks off, so it may have been done."""
    stage.applied()

    def break_off(called: str) -> None:
        if called == f"one.{method}":
            raise requests.ConnectionError("the front-end went away")

    stage.wire.before = break_off
    with pytest.raises(PartlyAppliedError, match="only partly destroyed") as caught:
        take_away(stage)
    assert [type(failure) for failure in caught.value.failures] == [FrontEndUnreachableError]
    stage.wire.before = lambda method: None
    take_away(stage)
    assert not [one for one in stage.facts().everything if one.name.startswith("edge-paris")]
