"""What a run checks in AWS, how findings are shown, and which of them stop it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edgewrap.aws.facts import AwsState
from edgewrap.aws.preflight.checks import without_state
from edgewrap.aws.preflight.topics import Topic, expected_topics, planned_topics, replaced_hosts
from edgewrap.change import Action, Change, PlaneName
from edgewrap.engine.cluster import Cluster
from edgewrap.engine.preflight import preflight, raise_on_failure, report_findings
from edgewrap.engine.workspace import Workspace
from edgewrap.errors import PreflightError, StateError
from edgewrap.events import Event, EventKind, discard
from edgewrap.finding import Finding, Verdict
from edgewrap.outputs import UNKNOWN
from tests.support.aws_plane import first_inputs, make_spec
from tests.support.front_end import outputs

SPEC = make_spec(public_network={"elastic_ips": {"count": 2}})
STATE = AwsState(outputs(), first_inputs(SPEC), "")


def finding(verdict: Verdict) -> Finding:
    return Finding(PlaneName.AWS, "Elastic IPs", verdict, "5 of 5 in use", "release some")


def test_a_first_run_checks_everything_and_a_run_without_changes_nothing() -> None:
    assert expected_topics(SPEC, None) == set(Topic)
    assert expected_topics(SPEC, STATE) == frozenset()


@pytest.mark.parametrize(
    ("sections", "topics"),
    [
        ({"hosts": {"count": 4}}, {Topic.HOSTS, Topic.RULES}),
        ({"public_network": {"elastic_ips": {"count": 3}}}, {Topic.ELASTIC_IPS}),
        ({"hosts": {"address": "eip"}}, {Topic.ELASTIC_IPS}),
        ({"hosts": {"count": 2, "retired": [1]}}, set()),
    ],
)
def test_only_growing_resources_are_checked(sections: dict[str, object], topics: set[Topic]) -> None:
    spec = make_spec(**{"public_network": {"elastic_ips": {"count": 2}}} | sections)
    assert expected_topics(spec, STATE) == topics


def test_a_host_replacement_checks_host_quotas() -> None:
    assert expected_topics(SPEC, STATE, ("host-1",)) == {Topic.HOSTS}


def test_hosts_with_elastic_ips_need_no_check() -> None:
    spec = make_spec(public_network={"elastic_ips": {"count": 2}}, hosts={"address": "eip"})
    assert expected_topics(spec, AwsState(outputs(), first_inputs(spec), "")) == frozenset()


def test_the_vpc_is_checked_again_after_a_run_that_was_killed_before_it() -> None:
    died = replace(STATE, outputs=replace(outputs((), ()), vpc_id=UNKNOWN))
    assert expected_topics(SPEC, died) == set(Topic)


def test_resources_deleted_outside_are_checked_after_the_plan() -> None:
    def change(kind: str, action: Action, plane: PlaneName = PlaneName.AWS) -> Change:
        return Change(plane, kind, "x", action)

    changes = [
        change("elastic ip", Action.CREATE),
        change("instance", Action.REPLACE),
        change("vpc", Action.CREATE, PlaneName.OPENNEBULA),
        change("network interface attachment", Action.REPLACE),
        change("route", Action.CREATE),
    ]
    assert planned_topics(changes) == {Topic.ELASTIC_IPS, Topic.HOSTS}
    assert replaced_hosts(changes) == {"x"}


def test_only_failures_and_warnings_are_shown() -> None:
    events: list[Event] = []
    report_findings(Cluster(SPEC, Workspace(Path()), events.append, {}), [finding(verdict) for verdict in Verdict])
    assert [event.kind for event in events] == [EventKind.LOG, EventKind.WARNING, EventKind.LOG, EventKind.WARNING]
    assert events[1].text == "5 of 5 in use; release some"
    assert events[2].text.startswith("failure: ")


def test_the_aws_identity_is_shown_once() -> None:
    events: list[Event] = []
    who = Finding(PlaneName.AWS, "credentials", Verdict.OK, "arn:aws:iam::1:user/ci, account 1")
    report_findings(Cluster(SPEC, Workspace(Path()), events.append, {}), [who, finding(Verdict.OK), who])
    assert [(event.kind, event.text) for event in events] == [
        (EventKind.INFO, "arn:aws:iam::1:user/ci, account 1"),
        (EventKind.LOG, "ok: 5 of 5 in use; release some"),
    ]


class BrokenState:
    """An AWS plane whose state cannot be read, of an account that answers every call."""

    def tools(self) -> tuple[Finding, ...]:
        return ()

    def current(self) -> AwsState | None:
        raise StateError("the state is damaged", cause="half of it is missing", advice="restore it")

    def preflight(self, state: AwsState | None) -> tuple[Finding, ...]:
        assert state is None
        checks = ("credentials", "VPCs", "Elastic IPs", "vCPUs", "instance type", "network interfaces")
        return tuple(Finding(PlaneName.AWS, check, Verdict.OK, "fine") for check in checks)

    def preflight_without_state(self) -> tuple[Finding, ...]:
        return without_state(self.preflight(None))


def test_without_a_readable_state_the_checks_that_do_not_need_it_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Cluster, "aws", BrokenState())
    found = preflight(Cluster(SPEC, Workspace(Path()), discard, {}), [PlaneName.AWS])
    assert {one.check: one.verdict for one in found} == {
        "Terraform state": Verdict.FAILURE,
        "credentials": Verdict.OK,
        "instance type": Verdict.OK,
        "network interfaces": Verdict.OK,
        "VPCs": Verdict.UNKNOWN,
        "Elastic IPs": Verdict.UNKNOWN,
        "vCPUs": Verdict.UNKNOWN,
    }


def test_only_a_failure_stops_a_run() -> None:
    raise_on_failure([finding(verdict) for verdict in Verdict if verdict is not Verdict.FAILURE])
    with pytest.raises(PreflightError) as caught:
        raise_on_failure([finding(verdict) for verdict in Verdict])
    assert caught.value.findings == (finding(Verdict.FAILURE),)
    assert caught.value.what == "Elastic IPs: 5 of 5 in use"
    assert caught.value.advice == "Elastic IPs: release some"
    assert caught.value.exit_code == 1
