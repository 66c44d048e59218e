"""What is removed before AWS deletes its resources."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgewrap.change import Action
from edgewrap.errors import InUseError
from edgewrap.opennebula.kinds.template import text_of
from edgewrap.opennebula.kinds.virtual_network import NetworkFacts
from edgewrap.outputs import UNKNOWN
from tests.support.front_end import LabWire, Stage, apply, changes_in, outputs, prepare, reports


def state(stage: Stage) -> dict[str, str]:
    return {key: one.status for key, one in stage.plane().hosts(stage.facts()).items()}


def network(stage: Stage) -> NetworkFacts:
    return next(one for one in stage.facts().networks if one.name == "edge-paris-public")


def keys(stage: Stage) -> list[str]:
    return [existing.key for existing in network(stage).ranges]


def test_hosts_being_removed_are_disabled_and_ranges_deleted(stage: Stage) -> None:
    plane = stage.applied(to=outputs(eips=(0, 1, 2)))
    fewer = outputs((0, 2), (0, 2))
    changes = changes_in(plane, plane.observe(), fewer, reports(0, 2))
    assert [(change.key, change.action) for change in changes] == [
        ("host-1", Action.UPDATE),
        ("eip-1", Action.DELETE),
        ("host-1", Action.DELETE),
    ]

    prepare(plane, plane.observe(), fewer)
    assert state(stage) == {"host-0": "enabled", "host-1": "disabled", "host-2": "enabled"}
    assert keys(stage) == ["eip-0", "eip-2"]

    apply(plane, plane.observe(), fewer, reports(0, 2))
    assert state(stage) == {"host-0": "enabled", "host-2": "enabled"}
    assert changes_in(plane, plane.observe(), fewer, reports(0, 2)) == ()


def test_what_only_changes_is_not_released(stage: Stage) -> None:
    plane = stage.applied()
    known = outputs()
    hosts = {key: replace(one, name=UNKNOWN, instance_id=UNKNOWN) for key, one in known.hosts.items()}
    eips = {key: replace(one, allocation_id=UNKNOWN, public_address=UNKNOWN) for key, one in known.eips.items()}
    stage.wire.methods.clear()
    prepare(plane, stage.facts(), replace(known, hosts=hosts, eips=eips))
    assert not [method for method in stage.wire.methods if not method.endswith((".info", ".version"))]


def test_a_vm_on_a_host_being_removed_stops_the_run_before_any_change(stage: Stage) -> None:
    plane = stage.applied()
    on_host_1 = stage.vm(plane.hosts(stage.facts())["host-1"].id)
    facts = plane.observe()
    with pytest.raises(InUseError, match=rf"host-1 \(198.51.100.11\) has the VMs {on_host_1}"):
        prepare(plane, facts, outputs((0, 2)))
    with pytest.raises(InUseError, match="host-1"):
        apply(plane, facts, outputs((0, 2)), reports(0, 2))
    assert state(stage)["host-1"] == "enabled"


def test_a_host_being_replaced_is_disabled_until_ready(newer: Stage) -> None:
    plane = newer.applied()
    known = outputs()
    new = replace(known, hosts={**known.hosts, "host-1": replace(known.hosts["host-1"], instance_id="i-new")})
    prepare(plane, plane.observe(), new, replaced={"host-1"})
    assert state(newer) == {"host-0": "enabled", "host-1": "disabled", "host-2": "enabled"}
    apply(plane, plane.observe(), new, reports(0, 2))
    assert state(newer)["host-1"] == "disabled"
    apply(plane, plane.observe(), new, reports())
    assert state(newer)["host-1"] == "enabled"


def test_a_vm_stops_a_replacement_before_any_change(newer: Stage) -> None:
    plane = newer.applied()
    newer.vm(plane.hosts(newer.facts())["host-1"].id)
    with pytest.raises(InUseError, match="host-1"):
        prepare(plane, plane.observe(), outputs(), replaced={"host-1"})
    prepare(plane, plane.observe(), outputs(), replaced={"host-2"})


def test_a_lease_stops_it_and_names_the_address_and_the_vm(stage: Stage) -> None:
    plane = stage.applied()
    vm = stage.vm(plane.hosts(stage.facts())["host-0"].id)  # takes the first address
    facts = plane.observe()
    with pytest.raises(InUseError) as raised:
        prepare(plane, facts, outputs((0, 2), (1,)))
    assert f"eip-0 (203.0.113.10) is leased to VM {vm}" in raised.value.what
    assert (state(stage)["host-1"], keys(stage)) == ("enabled", ["eip-0", "eip-1"])
    with pytest.raises(InUseError, match="eip-0"):
        apply(plane, facts, outputs(eips=(1,)), reports())
    prepare(plane, facts, outputs(eips=(0,)))  # the other one is free
    assert keys(stage) == ["eip-0"]


def test_an_address_on_hold_and_a_reserved_one_stop_it(stage: Stage) -> None:
    plane = stage.applied()
    number = network(stage).id
    stage.one.call("vn.hold", number, 'LEASES = [ IP = "10.0.128.2" ]')
    reserved = stage.one.call("vn.reserve", number, 'SIZE = "1"\nAR_ID = "1"\nNAME = "reserved-b"')
    with pytest.raises(InUseError) as raised:
        prepare(plane, plane.observe(), outputs(eips=()))
    assert "eip-0 (203.0.113.10) is on hold" in raised.value.what
    assert f"eip-1 (203.0.113.11) is reserved by the network reserved-b (id {reserved})" in raised.value.what


def test_a_leased_range_is_not_replaced(newer: Stage) -> None:
    plane = newer.applied(to=outputs(eips=(0,)))
    vm = newer.vm(plane.hosts(newer.facts())["host-0"].id)
    moved = outputs(eips=(0,))
    moved = replace(moved, eips={"eip-0": replace(moved.eips["eip-0"], private_address="10.0.128.70")})
    (change,) = changes_in(plane, plane.observe(), moved, reports())
    assert change.action is Action.REPLACE
    with pytest.raises(InUseError, match=rf"eip-0 \(203.0.113.10\) is leased to VM {vm}"):
        apply(plane, plane.observe(), moved, reports())
    assert [existing.address for existing in network(newer).ranges] == ["10.0.128.2"]


def test_a_vm_started_between_the_check_and_the_disabling(newer: Stage) -> None:
    plane = newer.applied()
    host_1 = plane.hosts(newer.facts())["host-1"].id
    wire: LabWire = newer.wire

    def come(method: str) -> None:
        if method == "one.host.status":
            wire.before = lambda method: None
            newer.vm(host_1)

    wire.before = come
    with pytest.raises(InUseError, match=r"host-1 \(198.51.100.11\) has got the VMs 0; these hosts are disabled now"):
        prepare(plane, plane.observe(), outputs((0, 2)))
    assert state(newer)["host-1"] == "disabled"


def test_the_replica_host_changes_before_its_host_is_removed(newer: Stage) -> None:
    plane = newer.applied()
    prepare(plane, plane.observe(), outputs((1, 2)))
    system = next(one for one in newer.facts().datastores if one.name == "edge-paris-system")
    assert text_of(system.template, "REPLICA_HOST") == "198.51.100.11"


def test_another_replica_host_is_used_during_a_replacement(newer: Stage) -> None:
    plane = newer.applied()
    prepare(plane, plane.observe(), outputs(), replaced={"host-0"})
    system = next(one for one in newer.facts().datastores if one.name == "edge-paris-system")
    assert text_of(system.template, "REPLICA_HOST") == "198.51.100.11"
    assert [change.key for change in changes_in(plane, plane.observe(), outputs(), reports())] == [
        "edge-paris-system",
        "host-0",
    ]


def test_an_interrupted_removal_is_resumed(newer: Stage) -> None:
    plane = newer.applied()
    fewer = outputs((0, 2), (0,))
    stale = plane.observe()
    prepare(plane, stale, fewer)
    prepare(plane, stale, fewer)  # as a run would that looked before
    apply(plane, plane.observe(), fewer, reports(0, 2))
    assert changes_in(plane, plane.observe(), fewer, reports(0, 2)) == ()
