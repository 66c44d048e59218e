"""Which groups move ahead of the rest of a plan, and why."""

from __future__ import annotations

from typing import Any

import pytest

from edgewrap.aws.group_moves import (
    instances_made,
    moves_ahead,
    outage_warnings,
    reasons,
    stopping_hosts,
    without_last_updates,
)
from edgewrap.aws.inputs.decide import decide_inputs
from edgewrap.change import Action, Change, PlaneName
from edgewrap.events import EventKind
from edgewrap.outputs import EipOutput, GroupOutput, HostOutput, Outputs
from tests.support.aws_plane import FixedLookups, first_inputs, make_spec

HOSTS = ("host-0", "host-1", "host-2")
ATTACHMENT, INSTANCE, INTERFACE = "network interface attachment", "instance", "network interface"


def change(words: str) -> Change:
    action, _, rest = words.partition(" ")
    kind, _, key = rest.rpartition(" ")
    return Change(PlaneName.AWS, kind, key, Action(action))


def host(key: str, state: str = "running") -> HostOutput:
    index = int(key[-1])
    return HostOutput(key, index, f"i-{index}", f"10.0.0.1{index}", "", f"10.0.0.1{index}", state)


def stood(state: str = "running", **on: str) -> Outputs:
    groups = {
        f"group-{index}": GroupOutput(f"group-{index}", index, "eni", "mac", "", "", key, 1 + index)
        for index, key in enumerate(on.values())
    }
    return Outputs(
        "", "", "", "", "", "", "", {key: host(key, state if key == "host-0" else "running") for key in HOSTS}, groups
    )


CASES = [
    pytest.param([f"replace {ATTACHMENT} group-0"], (), id="nothing else happens: one step does it"),
    pytest.param([f"replace {ATTACHMENT} group-0", "update instance host-1"], (), id="an instance only changes"),
    pytest.param([f"replace {ATTACHMENT} group-0", "delete instance host-0"], ("group-0",), id="its host is retired"),
    pytest.param([f"replace {ATTACHMENT} group-0", "replace instance host-0"], ("group-0",), id="its host is replaced"),
    pytest.param(
        [f"create {ATTACHMENT} group-0", "create instance host-0"], ("group-0",), id="its host was terminated"
    ),
    pytest.param([f"replace {ATTACHMENT} group-0", "create instance host-3"], ("group-0",), id="another host is new"),
    pytest.param([f"replace {ATTACHMENT} group-0", "create instance host-1"], (), id="its new host does not exist yet"),
    pytest.param([f"replace {ATTACHMENT} group-1", "replace instance host-2"], (), id="it goes with its host"),
    pytest.param([f"create {ATTACHMENT} group-2", "create instance host-3"], (), id="a group that never was"),
    pytest.param(
        [f"create {INTERFACE} group-0", f"create {ATTACHMENT} group-0", "create instance host-0"],
        (),
        id="its interface does not exist yet",
    ),
]


@pytest.mark.parametrize(("changes", "ahead"), CASES)
def test_moves_ahead(changes: list[str], ahead: tuple[str, ...]) -> None:
    placement = {"group-0": "host-1", "group-1": "host-2", "group-2": "host-1"}
    assert moves_ahead([change(words) for words in changes], placement, stood(a="host-0", b="host-2")) == ahead


def test_missing_instances_are_those_to_be_created() -> None:
    changes = [change(words) for words in ("create instance host-0", "replace instance host-1", "create vpc vpc")]
    assert instances_made(changes) == {"host-0"}


def test_the_step_of_the_moves_may_update_an_instance_that_ends_after_it() -> None:
    planned = [change(words) for words in ("replace instance host-0", "delete instance host-1", "update vpc vpc")]
    step = ("update instance host-0", "update instance host-1", "replace instance host-1", "update instance host-2")
    left = without_last_updates([*map(change, step), planned[2]], planned)
    assert left == (change("replace instance host-1"), change("update instance host-2"), planned[2])


def test_reasons() -> None:
    spec = make_spec(hosts={"count": 2, "retired": [2]}, public_network={"groups": 3})
    before = first_inputs(make_spec(public_network={"groups": 3}))
    hosts = {"host-0": host("host-0", "stopped"), "host-1": host("host-1"), "host-2": host("host-2")}
    after = decide_inputs(spec, before, FixedLookups(), unavailable={"host-0"})
    assert reasons(after, before, hosts, {"host-0"}) == {
        "group-0": "host-0 is stopped",
        "group-2": "host-2 is retired",
        "host-0": "its instance is stopped; it ends before AWS has an instance in its place",
    }
    moved = decide_inputs(make_spec(public_network={"groups": 3}), before, FixedLookups(), unavailable={"host-1"})
    assert reasons(moved, before, hosts, {"host-1"}) == {
        "group-1": "host-1 will be replaced",
        "host-1": "replacement requested; it ends before AWS has an instance in its place",
    }
    assert reasons(moved, before, hosts, ()) == {"group-1": "moves off host-1"}


@pytest.mark.parametrize(
    ("changes", "state", "awaited"),
    [
        ([f"replace {ATTACHMENT} group-0"], "stopping", ["host-0"]),
        ([f"replace {ATTACHMENT} group-0", f"delete {ATTACHMENT} group-2"], "shutting-down", ["host-0"]),
        ([f"replace {ATTACHMENT} group-0"], "stopped", []),
        ([f"replace {ATTACHMENT} group-1"], "stopping", []),
        ([f"create {ATTACHMENT} group-0"], "stopping", []),
        (["update instance host-0"], "stopping", []),
    ],
    ids=["it moves", "all are removed", "it is off", "of another host", "it has none yet", "nothing moves"],
)
def test_hosts_that_must_be_off_before_an_interface_leaves_them(
    changes: list[str], state: str, awaited: list[str]
) -> None:
    before = stood(state, a="host-0", b="host-2", c="host-0")
    assert [one.key for one in stopping_hosts([change(words) for words in changes], before)] == awaited


ASSOCIATION = "elastic ip association"


@pytest.mark.parametrize(
    ("count", "hosts", "unavailable", "changes", "warned"),
    [
        (1, {}, {"host-0"}, ["replace instance host-0"], {"host-0": "3 Elastic IPs"}),
        (1, {}, {"host-0"}, ["create instance host-0"], {"host-0": "3 Elastic IPs"}),
        (
            1,
            {},
            {"host-0"},
            ["replace instance host-0", f"create {ASSOCIATION} eip-0", f"create {ASSOCIATION} eip-2"],
            {"host-0": "1 Elastic IP"},
        ),
        (1, {}, {"host-0"}, ["update instance host-0"], {}),
        (1, {}, {"host-0"}, [f"replace {ATTACHMENT} group-0"], {}),
        (2, {}, {"host-0"}, ["replace instance host-0"], {}),
        (
            2,
            {},
            {"host-0", "host-1"},
            ["replace instance host-0", "create instance host-1"],
            {"host-0": "2 Elastic IPs", "host-1": "1 Elastic IP"},
        ),
        (2, {}, {"host-0", "host-1"}, ["replace instance host-0"], {"host-0": "2 Elastic IPs"}),
        (
            1,
            {"count": 1, "retired": [0]},
            {"host-0"},
            ["delete instance host-0", "create instance host-1"],
            {"host-1": "3 Elastic IPs"},
        ),
        (2, {"count": 2, "retired": [0]}, {"host-0"}, ["delete instance host-0", "create instance host-2"], {}),
    ],
    ids=[
        "the only host is replaced",
        "it was terminated",
        "some Elastic IPs are new",
        "it only changes",
        "its interface is attached again",
        "there is another host",
        "all hosts are replaced",
        "the other host is dead",
        "its successor is new",
        "it is retired, and another host stays",
    ],
)
def test_elastic_ips_that_no_other_host_takes_give_a_warning(
    count: int, hosts: dict[str, Any], unavailable: set[str], changes: list[str], warned: dict[str, str]
) -> None:
    network = {"groups": 2, "elastic_ips": {"count": 3}}
    before = first_inputs(make_spec(hosts={"count": count}, public_network=network))
    after = decide_inputs(
        make_spec(hosts={"count": count, **hosts}, public_network=network),
        before,
        FixedLookups(),
        unavailable=unavailable,
        new_hosts={f"host-{index}" for index in range(3)} - before.amis.keys(),
    )
    eips = {
        f"eip-{index}": EipOutput(f"eip-{index}", "eipalloc", "192.0.2.1", "", "", f"group-{index % 2}")
        for index in range(3)
    }
    found = [*outage_warnings([change(words) for words in changes], after.placement, eips)]
    consequence = "which will not answer until the new instance has booted (5 to 20 minutes)"
    assert [(one.kind, one.key, one.text) for one in found] == [
        (EventKind.WARNING, key, f"no other host takes its {number}, {consequence}") for key, number in warned.items()
    ]
