"""What is created while the hosts converge, and what waits for them."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import replace

import pytest

from edgewrap.errors import PlanOutdatedError
from edgewrap.opennebula.kinds.template import text_of
from edgewrap.outputs import UNKNOWN
from edgewrap.plane import Context
from tests.support.front_end import (
    POOLS,
    READS,
    Stage,
    changes_in,
    context,
    everything,
    outputs,
    predicted,
    report,
    reports,
)

KNOWN_NOW = predicted().reports


def writes(stage: Stage) -> Counter[str]:
    return Counter(method for method in stage.wire.methods if not method.endswith(READS))


def test_a_new_cluster_is_created_up_to_what_the_hosts_report(stage: Stage) -> None:
    plane = stage.plane(everything())
    plan = plane.plan(plane.observe(), predicted())
    stage.wire.methods.clear()
    plane.begin(plan, context(outputs(), KNOWN_NOW))
    assert sum(method.endswith("pool.info") for method in stage.wire.methods) == len(POOLS)
    facts = plane.observe()
    assert {key: (one.status, one.pin) for key, one in plane.hosts(facts).items()} == {
        f"host-{index}": ("offline", None) for index in range(3)
    }
    assert {one.name for one in facts.hosts} == {one.name for one in outputs().hosts.values()}
    assert [one.key for one in facts.networks[0].ranges] == ["eip-0", "eip-1"]
    assert facts.templates == ()  # the MTU is not known yet, and networks that are made from them keep theirs

    stage.wire.methods.clear()
    plane.apply(plan, context(outputs(), reports()))
    assert writes(stage) == Counter(
        {"host.update": 3, "host.status": 3, "vn.update": 1, "vntemplate.allocate": 2, "vntemplate.update": 2}
    )
    assert {one.status for one in plane.hosts(plane.observe()).values()} == {"enabled"}
    assert changes_in(plane, plane.observe(), outputs(), reports()) == ()
    assert [event.text for event in stage.events if "skipped" in event.text] == []


def test_the_mtu_of_a_small_underlay_is_written_before_hosts_are_enabled(newer: Stage) -> None:
    plane = newer.plane(everything())
    plan = plane.plan(plane.observe(), predicted())
    plane.begin(plan, context(outputs(), KNOWN_NOW))
    newer.wire.methods.clear()
    plane.apply(plan, context(outputs(), {f"host-{index}": report(index, mtu=1500) for index in range(3)}))
    (network,), templates = newer.facts().networks, newer.facts().templates
    assert text_of(network.template, "GUEST_MTU") == "1450"
    assert {text_of(one.template, "GUEST_MTU") or text_of(one.template, "MTU") for one in templates} == {"1450"}
    assert newer.wire.methods.index("vn.update") < newer.wire.methods.index("host.status")


def test_only_what_is_missing_is_created_before_the_hosts_are_ready(newer: Stage) -> None:
    """One more host and Elastic IP. The system datastore was changed by hand, which waits."""
    plane = newer.applied()
    system = next(one for one in plane.observe().datastores if one.name == "edge-paris-system")
    newer.one.call("datastore.update", system.id, {"REPLICA_HOST": "elsewhere"}, 1)
    more = context(outputs((0, 1, 2, 3), (0, 1, 2)), {**reports(), "host-3": replace(report(3), mtu=0, phydev=UNKNOWN)})
    plan = plane.plan(plane.observe(), more)
    newer.wire.methods.clear()
    plane.begin(plan, more)
    assert writes(newer) == Counter(["host.allocate", "host.status", "host.update", "host.rename", "vn.add_ar"])
    assert [change.key for change in changes_in(plane, plane.observe(), more.outputs, more.reports)] == [
        "edge-paris-system",
        "host-3",
    ]
    plane.apply(plan, more)
    assert changes_in(plane, plane.observe(), more.outputs, more.reports) == ()


@pytest.mark.parametrize("step", ["begin", "apply"])
def test_nothing_is_written_if_more_is_needed_than_was_planned(newer: Stage, step: str) -> None:
    plane = newer.applied()
    more = context(outputs((0, 1, 2, 3)), reports(0, 1, 2, 3))
    plan = plane.plan(plane.observe(), more)
    newer.one.call("host.status", plane.hosts(newer.facts())["host-1"].id, 1)
    newer.wire.methods.clear()
    with pytest.raises(PlanOutdatedError, match="not planned: update host host-1"):
        getattr(plane, step)(plan, more)
    assert not writes(newer)


def test_a_host_that_gets_the_name_of_another_one_waits(newer: Stage) -> None:
    """AWS gave host-1 another address, and its old one to the new host."""
    plane = newer.applied()
    hosts = outputs((0, 1, 2, 3)).hosts
    known = replace(
        outputs(),
        hosts={
            **hosts,
            "host-1": replace(hosts["host-1"], name="198.51.100.99"),
            "host-3": replace(hosts["host-3"], name=hosts["host-1"].name),
        },
    )
    to = Context(known, reports=reports(0, 1, 2, 3))
    plan = plane.plan(plane.observe(), to)
    newer.wire.methods.clear()
    plane.begin(plan, to)
    assert not writes(newer)
    plane.apply(plan, to)
    assert changes_in(plane, plane.observe(), known, to.reports) == ()


def test_hosts_are_created_side_by_side(newer: Stage) -> None:
    together = threading.Barrier(3, timeout=10)

    def before(method: str) -> None:
        if method == "one.host.rename":
            together.wait()

    newer.wire.before = before
    newer.applied()
    assert writes(newer)["host.rename"] == 3


def test_address_ranges_are_added_in_order(newer: Stage) -> None:
    many = tuple(range(12))
    newer.applied(to=outputs(eips=many))
    (network,) = newer.facts().networks
    assert [one.key for one in network.ranges] == [f"eip-{index}" for index in many]
