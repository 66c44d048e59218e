"""Which changes are from the spec and which from drift, against what the spec last applied would need."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewrap.change import Action, Change, Origin, PlaneName, Reason
from edgewrap.engine.dead_hosts import HostDisposition
from edgewrap.engine.origin import baseline_context, make_baseline, with_origins
from edgewrap.engine.plan import Observed, RunPlan, _baseline
from edgewrap.errors import InUseError
from edgewrap.events import discard
from edgewrap.hosts.plane import HostsPlane, Observation
from edgewrap.outputs import UNKNOWN, HostPin
from edgewrap.plane import Context
from edgewrap.spec.load import public_document
from tests.support.aws_plane import make_spec
from tests.support.front_end import outputs
from tests.unit.hosts.recorded import outputs as hosts_outputs
from tests.unit.hosts.recorded import recorded
from tests.unit.hosts.recorded import spec as hosts_spec

SPEC, DRIFT = Origin.SPEC, Origin.DRIFT
NETWORK = Change(
    PlaneName.OPENNEBULA, "virtual network", "public", Action.UPDATE, {"BRIDGE": "x"}, {"BRIDGE": "br-edge"}
)


def to(action: Action, **after: str) -> Change:
    return replace(NETWORK, action=action, after=after)


CASES = {
    "not in the baseline": (to(Action.UPDATE, BRIDGE="a"), [], SPEC, None),
    "the same update": (to(Action.UPDATE, BRIDGE="a"), [to(Action.UPDATE, BRIDGE="a")], DRIFT, Reason.CHANGED),
    "a part of it": (to(Action.UPDATE, BRIDGE="a"), [to(Action.UPDATE, BRIDGE="a", MTU="1")], DRIFT, Reason.CHANGED),
    "the spec changes more": (
        to(Action.UPDATE, BRIDGE="a", MTU="1"),
        [to(Action.UPDATE, BRIDGE="a")],
        SPEC,
        Reason.CHANGED,
    ),
    "the spec changes the same attribute": (
        to(Action.UPDATE, BRIDGE="b"),
        [to(Action.UPDATE, BRIDGE="a")],
        SPEC,
        Reason.CHANGED,
    ),
    "other attributes": (to(Action.UPDATE, MTU="1"), [to(Action.UPDATE, BRIDGE="a")], SPEC, None),
    "missing": (to(Action.CREATE, VNI="1"), [to(Action.CREATE, VNI="1")], DRIFT, Reason.MISSING),
    "missing, and the spec changes a value": (
        to(Action.CREATE, VNI="2"),
        [to(Action.CREATE, VNI="1")],
        SPEC,
        Reason.MISSING,
    ),
    "missing, and the spec has fewer attributes": (
        to(Action.CREATE, VNI="1"),
        [to(Action.CREATE, VNI="1", MTU="2")],
        SPEC,
        Reason.MISSING,
    ),
    "extra": (to(Action.DELETE), [to(Action.DELETE)], DRIFT, Reason.EXTRA),
    "removed from the spec, and changed outside": (to(Action.DELETE), [to(Action.UPDATE, BRIDGE="a")], SPEC, None),
    "replaced": (to(Action.REPLACE, VNI="1"), [to(Action.REPLACE, VNI="1")], DRIFT, Reason.CHANGED),
    "replaced for the spec": (to(Action.REPLACE, VNI="2"), [to(Action.UPDATE, VNI="1")], SPEC, Reason.CHANGED),
    "two changes of one object": (
        to(Action.DELETE),
        [to(Action.UPDATE, STATE="disabled"), to(Action.DELETE)],
        DRIFT,
        Reason.EXTRA,
    ),
    "the IPAM driver's": (
        replace(to(Action.CREATE), key="eip-x-3"),
        [replace(to(Action.CREATE), key="eip-x-3")],
        SPEC,
        None,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_origin_of_a_change(name: str) -> None:
    change, baseline, origin, reason = CASES[name]
    [found] = with_origins([change], baseline)
    assert (found.origin, found.reason) == (origin, reason)


TEXTS = st.dictionaries(st.sampled_from("abc"), st.sampled_from("12"), max_size=3)
CHANGES = st.lists(
    st.builds(
        Change,
        st.sampled_from([PlaneName.HOSTS, PlaneName.OPENNEBULA]),
        st.just("route"),
        st.sampled_from(["r", "s", "eip-x-0"]),
        st.sampled_from([one for one in Action if one is not Action.ADOPT]),
        TEXTS,
        TEXTS,
    ),
    max_size=5,
)


@given(CHANGES, CHANGES)
def test_every_change_has_one_origin_and_is_otherwise_the_same(changes: list[Change], baseline: list[Change]) -> None:
    found = with_origins(changes, baseline)
    assert [replace(one, origin=SPEC, reason=None) for one in found] == changes
    assert all(one.reason is not None for one in found if one.origin is DRIFT)
    assert all(one.origin is SPEC for one in with_origins(changes, []))
    assert all(one.origin is DRIFT or one.key == "eip-x-0" for one in with_origins(changes[:1], changes[:1]))


def test_the_baseline_has_what_drift_changes_in_aws_and_not_what_the_spec_changes() -> None:
    """An instance of host-0 is replaced because it is missing, one of host-1 for the spec, and host-9 is new."""
    before = outputs()
    hosts = {key: replace(before.hosts[key], instance_id=UNKNOWN) for key in ("host-0", "host-1")}
    after = replace(before, hosts={**before.hosts, **hosts, "host-9": hosts["host-0"]})
    of_aws = [
        Change(PlaneName.AWS, "instance", "host-0", Action.CREATE, origin=DRIFT, reason=Reason.MISSING),
        Change(PlaneName.AWS, "instance", "host-1", Action.REPLACE),
        Change(PlaneName.AWS, "instance", "host-9", Action.CREATE),
    ]
    context = Context(after, before, avoid=frozenset({"host-1"}), replaced=frozenset({"host-1"}))
    found = baseline_context(context, of_aws)
    expected = {**before.hosts, "host-0": hosts["host-0"]}
    assert (found.known_outputs.hosts, found.avoid, found.replaced) == (expected, frozenset(), frozenset())


def baseline(applied: str, **plane: object) -> tuple[MagicMock, str]:
    cluster, state = MagicMock(environ={}), MagicMock(applied=applied)
    cluster.spec = make_spec(hosts={"count": 3})
    cluster.hosts.changes_for.configure_mock(**{"return_value": (NETWORK,), **plane})
    found = make_baseline(cluster, state, MagicMock(), None, Context(outputs()))
    assert found.changes == (() if found.uncertain or not applied else (NETWORK,))
    return cluster, found.uncertain


def run(applied: str, context: Context) -> tuple[RunPlan, Any]:
    """The plan of a host that differs, and its cluster."""
    cluster: Any = SimpleNamespace(spec=hosts_spec(), environ={}, hosts=HostsPlane(hosts_spec(), discard))
    seen = Observation({"host-0": recorded("bare")}, {}, {"host-0": HostPin("i-0", "ssh-ed25519 AAAA")})
    observed = Observed(MagicMock(applied=applied), None, None, seen, HostDisposition(), context)
    return RunPlan(observed, context, hosts=cluster.hosts.plan(seen, context)), cluster


AS_IT_IS = hosts_outputs()


@pytest.mark.parametrize(
    ("context", "computed"),
    [
        (Context(AS_IT_IS, AS_IT_IS), False),
        (Context(AS_IT_IS, AS_IT_IS, replaced=frozenset({"host-1"})), True),
        (Context(replace(AS_IT_IS, hosts={"host-0": AS_IT_IS.hosts["host-0"]}), AS_IT_IS), True),
    ],
    ids=["nothing changes in AWS", "a host is replaced", "a host is removed"],
)
def test_a_plan_of_the_spec_last_applied_is_its_own_baseline(
    context: Context, computed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, cluster = run(public_document(hosts_spec()), context)
    assert plan.observed.state is not None
    expected = make_baseline(cluster, plan.observed.state, plan.observed.hosts, None, context)
    calls = MagicMock(wraps=make_baseline)
    monkeypatch.setattr("edgewrap.engine.plan.make_baseline", calls)
    found = _baseline(cluster, plan, lambda context: context)
    assert calls.called == computed
    assert computed or found == expected


def test_the_baseline_is_of_the_spec_last_applied() -> None:
    cluster, uncertain = baseline(public_document(make_spec(hosts={"count": 2})))
    assert (cluster.hosts.changes_for.call_args.args[0].hosts.count, uncertain) == (2, "")


@pytest.mark.parametrize(
    ("applied", "plane", "uncertain"),
    [
        ("", {}, ""),
        ('{"name": "edge-paris", "of_a_later_version": 1}', {}, "the spec last applied cannot be used: "),
        (
            public_document(make_spec()),
            {"side_effect": InUseError("VM 3 is there", cause="c", advice="a")},
            "the spec last applied cannot be used: VM 3 is there",
        ),
    ],
    ids=["nothing is applied", "of another version", "cannot be planned"],
)
def test_without_a_baseline_all_is_from_the_spec(applied: str, plane: dict[str, object], uncertain: str) -> None:
    assert baseline(applied, **plane)[1].startswith(uncertain)
