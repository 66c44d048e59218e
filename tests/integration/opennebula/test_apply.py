"""Applying: the whole cluster, a second time, after a break, and what grows."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
import requests

from edgewrap.change import Action
from edgewrap.errors import FrontEndUnreachableError, OpenNebulaError
from edgewrap.events import EventKind
from edgewrap.opennebula.diff import reconcile
from edgewrap.opennebula.facts import OneFacts
from edgewrap.opennebula.kinds import KINDS
from edgewrap.opennebula.kinds.base import Existing, User
from edgewrap.opennebula.kinds.datastore import DatastoreFacts
from edgewrap.opennebula.kinds.host import HostFacts
from edgewrap.opennebula.kinds.operation import Call, WriteOwnId
from edgewrap.opennebula.kinds.template import text_of, vector_of
from edgewrap.outputs import UNKNOWN
from tests.support import front_end
from tests.support.front_end import (
    POOLS,
    READS,
    UUID,
    VERSIONS,
    Stage,
    apply,
    changes_in,
    everything,
    outputs,
    predicted,
    prepare,
    report,
    reports,
    spec,
)

SHARED = tuple(DatastoreFacts(number, name, 0, "oneadmin", {}) for number, name in ((1, "default"), (2, "files")))
FIRST_RUN = reconcile(
    spec(), OneFacts("7.4.0", User(0, "oneadmin", (0,)), {DatastoreFacts: SHARED}), outputs(), reports()
)
CHANGING_CALLS = sum(
    isinstance(step, Call | WriteOwnId) for one in FIRST_RUN.operations for step in (*one.steps, *one.deferred_steps)
)


def set_by_us(one: Existing) -> list[tuple[str, object]]:
    """An object's attributes, without those of a host that its monitoring brings, sooner or later."""
    monitored = isinstance(one, HostFacts)
    ours = ("EDGEWRAP", "IM_MAD", "VM_MAD", "REPLICA")
    return sorted(item for item in one.template.items() if not monitored or item[0].startswith(ours))


def ours_without_ids(facts: OneFacts) -> str:
    """What an apply has made, with nothing in it that differs from run to run."""
    objects = [one for one in facts.everything if "EDGEWRAP" in one.template]
    texts = [
        f"{one.kind} {one.name} {set_by_us(one)} {getattr(one, 'ranges', '')} {len(one.clusters)}"
        for one in sorted(objects, key=lambda one: (one.kind, one.name))
    ]
    return re.sub(r"'CLUSTER_IDS', '\d+'", "'CLUSTER_IDS', 'ours'", "\n".join(texts))


def test_apply_creates_the_cluster_of_the_spec(stage: Stage) -> None:
    plane = stage.plane(everything())
    changes = changes_in(plane, plane.observe(), outputs(), reports())
    listed = [(change.kind, change.key) for change in changes]
    expected_changes = [
        ("cluster", "edge-paris"),
        ("datastore", "edge-paris-image"),
        ("datastore", "edge-paris-system"),
        ("host", "host-0"),
        ("host", "host-1"),
        ("host", "host-2"),
        ("virtual network", "edge-paris-public"),
        ("address range", "eip-0"),
        ("address range", "eip-1"),
        ("virtual network template", "edge-paris-private"),
        ("virtual network template", "edge-paris-elastic-ip"),
    ]
    assert [one for one in listed if one in expected_changes] == expected_changes
    assert len(listed) == len(KINDS) + 4  # three hosts, two address ranges
    assert {change.action for change in changes} == {Action.CREATE}

    apply(plane, plane.observe(), outputs(), reports())

    facts = plane.observe()
    cluster = next(one for one in facts.clusters if one.name == "edge-paris")
    image = next(one for one in facts.datastores if one.name == "edge-paris-image")
    system = next(one for one in facts.datastores if one.name == "edge-paris-system")
    (network,) = facts.networks
    template = next(one for one in facts.templates if one.name == "edge-paris-private")
    assert sorted(one.name for one in facts.hosts) == ["198.51.100.10", "198.51.100.11", "198.51.100.12"]
    for one in (*facts.hosts, image, system, network):
        assert one.clusters == (cluster.id,)
        assert vector_of(one.template, "EDGEWRAP")["UUID"] == UUID
    host = next(one for one in facts.hosts if one.name == "198.51.100.11")
    assert text_of(host.template, "REPLICA_STORAGE_IP") == "10.0.0.11"
    assert {text_of(image.template, name) for name in ("DS_MAD", "TM_MAD")} == {"fs", "ssh"}
    assert text_of(system.template, "REPLICA_HOST") == "198.51.100.10"
    assert network.name == "edge-paris-public"
    assert (text_of(network.template, "VN_MAD"), text_of(network.template, "BRIDGE")) == ("fw", "br-edge")
    assert text_of(network.template, "PHYDEV") == ""
    expected = {
        "TYPE": "IP4",
        "IP": "10.0.128.4",
        "SIZE": "1",
        "GATEWAY": "10.0.128.5",
        "NETWORK_MASK": "255.255.255.254",
        "EXTERNAL_IP": "203.0.113.11",
        "AWS_ALLOCATION_ID": "eipalloc-00000001",
        "EDGEWRAP_KEY": "eip-1",
    }
    assert expected.items() <= network.ranges[1].attributes.items()
    assert template.name == "edge-paris-private"
    assert text_of(template.template, "CLUSTER_IDS") == str(cluster.id)
    assert text_of(template.template, "PHYDEV") == "ens5"


def test_a_second_run_has_nothing_to_do_and_needs_one_call_for_each_pool_and_three_more_at_most(stage: Stage) -> None:
    plane = stage.applied()
    plane.wait_monitored(["host-0", "host-1", "host-2"], 5)
    stage.wire.methods.clear()
    stage.events.clear()

    facts = plane.observe()
    assert changes_in(plane, facts, outputs(), reports()) == ()
    plane.pins(facts)
    prepare(plane, facts, outputs())
    plane.wait_monitored(["host-0", "host-1", "host-2"], 5)

    assert len(stage.wire.methods) <= len(POOLS) + 3, stage.wire.methods
    apply(plane, facts, outputs(), reports())
    assert not [method for method in stage.wire.methods if not method.endswith(READS)]
    assert stage.events == []


def test_lxc(stage: Stage) -> None:
    of = spec(hosts={"hypervisor": "lxc"})
    plane = stage.applied(of=of)
    facts = plane.observe()
    assert {text_of(one.template, name) for one in facts.hosts for name in ("IM_MAD", "VM_MAD")} == {"lxc"}
    assert changes_in(plane, facts, outputs(), reports()) == ()


def test_one_more_host_and_one_more_elastic_ip(stage: Stage) -> None:
    plane = stage.applied()
    more = outputs((0, 1, 2, 3), (0, 1, 2))
    more_reports = reports(0, 1, 2, 3)
    changes = changes_in(plane, plane.observe(), more, more_reports)
    assert [(change.key, change.action) for change in changes] == [("host-3", Action.CREATE), ("eip-2", Action.CREATE)]
    apply(plane, plane.observe(), more, more_reports)
    assert changes_in(plane, plane.observe(), more, more_reports) == ()


def test_a_host_that_is_not_ready_stays_offline_until_it_is(stage: Stage) -> None:
    plane = stage.plane()
    some = {"host-0": report(0), "host-1": report(1, ready=False)}
    apply(plane, plane.observe(), outputs(), some)
    hosts = plane.hosts(plane.observe())
    assert {key: one.status for key, one in hosts.items()} == {
        "host-0": "enabled",
        "host-1": "offline",
        "host-2": "offline",
    }
    changes = changes_in(plane, plane.observe(), outputs(), reports())
    assert [(change.key, change.after.get("STATUS")) for change in changes] == [
        ("host-1", "enabled"),
        ("host-2", "enabled"),
    ]
    apply(plane, plane.observe(), outputs(), reports())
    assert {one.status for one in plane.hosts(plane.observe()).values()} == {"enabled"}


def test_a_host_is_never_enabled_before_all_else_is_done(newer: Stage) -> None:
    newer.applied()
    enabling = [event.key for event in newer.events if event.text == "enabled"]
    last_made = max(
        place
        for place, event in enumerate(newer.events)
        if event.kind is EventKind.STEP_DONE and event.action is Action.CREATE
    )
    assert enabling
    assert all(event.text in ("enabling", "enabled") for event in newer.events[last_made + 1 :])


def test_hosts_are_offline_before_the_front_end_knows_their_address(newer: Stage) -> None:
    newer.applied(to=outputs((0,)))
    of_hosts = [method for method in newer.wire.methods if method.startswith("host.")]
    assert of_hosts[:4] == ["host.allocate", "host.status", "host.update", "host.rename"]


def test_what_a_first_plan_cannot_know(newer: Stage) -> None:
    plane = newer.plane()
    changes = {change.key: change for change in plane.plan(plane.observe(), predicted()).changes}
    assert changes["host-0"].after["NAME"] == UNKNOWN
    assert changes["eip-0"].after["EXTERNAL_IP"] == UNKNOWN
    assert changes["edge-paris-private"].after["PHYDEV"] == UNKNOWN
    assert newer.warnings() == []


@pytest.mark.parametrize("broken_at", range(1, CHANGING_CALLS + 1))
def test_a_run_that_failed_at_any_call_is_resumed(tmp_path: Path, broken_at: int) -> None:
    version = VERSIONS[broken_at % len(VERSIONS)]
    whole, broken = (front_end.stage(version, _made(tmp_path / name)) for name in ("whole", "broken"))
    whole.applied()
    assert sum(not method.endswith(READS) for method in whole.wire.methods) == CHANGING_CALLS
    calls = count(1)

    def break_off(method: str) -> None:
        if not method.endswith(READS) and next(calls) == broken_at:
            raise requests.ConnectionError("the run was killed")

    broken.wire.before = break_off
    with pytest.raises(FrontEndUnreachableError):
        broken.applied()
    broken.wire.before = lambda method: None
    plane = broken.applied()
    assert ours_without_ids(broken.facts()) == ours_without_ids(whole.facts())
    assert changes_in(plane, plane.observe(), outputs(), reports()) == ()


def _made(directory: Path) -> Path:
    directory.mkdir()
    return directory


def test_without_the_hosts_plane_the_template_is_unchanged(stage: Stage) -> None:
    plane = stage.plane()
    apply(plane, plane.observe(), outputs(), {})
    assert plane.observe().templates == ()
    (warning,) = stage.warnings()
    assert "a run with the hosts plane creates the template" in warning

    apply(plane, plane.observe(), outputs(), reports())
    (template,) = plane.observe().templates
    assert text_of(template.template, "PHYDEV") == "ens5"
    assert changes_in(plane, plane.observe(), outputs(), {}) == ()


def test_hosts_with_different_interfaces_are_reported(stage: Stage) -> None:
    plane = stage.plane()
    differing = {"host-0": report(0, phydev="ens5"), "host-1": report(1, phydev="enp125s0")}
    changes = changes_in(plane, plane.observe(), outputs(), differing)
    assert "edge-paris-private" not in [change.key for change in changes]
    assert ["host-0: ens5, host-1: enp125s0" in text for text in stage.warnings()] == [True]


def test_an_underlay_too_small_for_a_guest(stage: Stage) -> None:
    plane = stage.plane()
    small = {f"host-{index}": report(index, mtu=1500) for index in range(3)}
    apply(plane, plane.observe(), outputs(), small)
    facts = plane.observe()
    (network,), (template,) = facts.networks, facts.templates
    assert text_of(network.template, "GUEST_MTU") == text_of(template.template, "MTU") == "1450"
    assert changes_in(plane, facts, outputs(), {}) == ()
    public, private = changes_in(plane, facts, outputs(), reports())
    assert (public.before["GUEST_MTU"], public.after["GUEST_MTU"]) == ("1450", "")
    assert (private.before["MTU"], private.after["MTU"]) == ("1450", "8950")


@pytest.mark.parametrize(("replica", "name"), [("auto", "198.51.100.10"), ("none", ""), ("host-2", "198.51.100.12")])
def test_who_keeps_the_replicas(stage: Stage, replica: str, name: str) -> None:
    plane = stage.applied()
    other = stage.applied(of=spec(opennebula={"replica": replica}))
    system = next(one for one in plane.observe().datastores if one.name == "edge-paris-system")
    assert text_of(system.template, "REPLICA_HOST") == name
    assert changes_in(other, plane.observe(), outputs(), reports()) == ()


def test_a_replica_host_that_does_not_exist(newer: Stage) -> None:
    plane = newer.plane(spec(opennebula={"replica": "host-7"}))
    with pytest.raises(OpenNebulaError, match="this cluster has no host host-7") as raised:
        changes_in(plane, plane.observe(), outputs(), reports())
    assert raised.value.cause == "the hosts are host-0, host-1, host-2"


def test_a_new_host_can_have_the_address_of_a_removed_host(newer: Stage) -> None:
    plane = newer.applied()
    now = outputs((0, 2, 3))
    address = outputs().hosts["host-1"].name
    now = replace(now, hosts={**now.hosts, "host-3": replace(now.hosts["host-3"], name=address)})
    apply(plane, plane.observe(), now, reports(0, 2, 3))
    assert {key: one.name for key, one in plane.hosts(plane.observe()).items()} == {
        "host-0": "198.51.100.10",
        "host-2": "198.51.100.12",
        "host-3": address,
    }


def test_two_hosts_that_swapped_their_addresses(newer: Stage) -> None:
    plane = newer.applied()
    hosts = outputs().hosts
    swapped = replace(
        outputs(),
        hosts={
            **hosts,
            "host-0": replace(hosts["host-0"], name=hosts["host-1"].name),
            "host-1": replace(hosts["host-1"], name=hosts["host-0"].name),
        },
    )
    apply(plane, plane.observe(), swapped, reports())
    found = plane.hosts(plane.observe())
    assert (found["host-0"].name, found["host-1"].name) == (hosts["host-1"].name, hosts["host-0"].name)
    assert changes_in(plane, plane.observe(), swapped, reports()) == ()


def test_hosts_of_an_older_cluster_are_renamed_under_their_vms(newer: Stage) -> None:
    """Hosts were named by their public addresses once. The front-end and its agents on the hosts follow a rename by
    themselves: nothing is restarted."""
    plane = newer.applied()
    vm = newer.vm(plane.hosts(plane.observe())["host-1"].id)
    newer.until_running(vm)
    hosts = {key: replace(one, name=f"ec2-{one.index}.example") for key, one in outputs().hosts.items()}
    named = replace(outputs(), hosts=hosts)
    changes = changes_in(plane, plane.observe(), named, reports())
    assert [(one.key, one.action, one.before, one.after) for one in changes] == [
        ("edge-paris-system", Action.UPDATE, {"REPLICA_HOST": "198.51.100.10"}, {"REPLICA_HOST": "ec2-0.example"}),
        *(
            (f"host-{index}", Action.UPDATE, {"NAME": f"198.51.100.1{index}"}, {"NAME": f"ec2-{index}.example"})
            for index in range(3)
        ),
    ]
    newer.wire.methods.clear()
    apply(plane, plane.observe(), named, reports())
    writes = {one for one in newer.wire.methods if not one.endswith(("info", "version"))}
    assert writes == {"datastore.update", "host.rename"}
    newer.until_running(vm)
    assert changes_in(plane, plane.observe(), named, reports()) == ()


def test_pins_are_kept_on_the_hosts(stage: Stage) -> None:
    plane = stage.applied()
    pins = plane.pins(plane.observe())
    assert pins == {key: one.pin for key, one in reports().items()}
    new_key = {**reports(), "host-1": replace(report(1), pin=replace(pins["host-1"], instance_id="i-of-another"))}
    assert changes_in(plane, plane.observe(), outputs(), new_key) == ()  # a pin of another instance is void
    assert changes_in(plane, plane.observe(), outputs(), {}) == ()


def test_a_dead_host_keeps_name_and_status_and_the_replica_host_changes(newer: Stage) -> None:
    plane = newer.applied()
    known = outputs()
    stopped = replace(known.hosts["host-0"], state="stopped", public_address="", name="10.0.0.10")
    dead = replace(known, hosts={**known.hosts, "host-0": stopped})
    [change] = changes_in(plane, plane.observe(), dead, reports(1, 2))
    assert (change.key, change.after) == ("edge-paris-system", {"REPLICA_HOST": "198.51.100.11"})
    apply(plane, plane.observe(), dead, reports(1, 2))
    host = plane.hosts(plane.observe())["host-0"]
    assert (host.name, host.status) == ("198.51.100.10", "enabled")
    assert changes_in(plane, plane.observe(), dead, reports(1, 2)) == ()
    started = replace(known.hosts["host-0"], public_address="198.51.100.77", name="198.51.100.77")
    back = replace(known, hosts={**known.hosts, "host-0": started})
    assert [change.key for change in changes_in(plane, plane.observe(), back, reports())] == [
        "edge-paris-system",
        "host-0",
    ]
