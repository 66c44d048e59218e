"""Waiting for networks and for monitoring."""

from __future__ import annotations

import time

import pytest

from edgewrap.change import Action
from edgewrap.errors import OpenNebulaError
from edgewrap.lab.opennebula.records import NetworkState
from edgewrap.opennebula.executor import await_network
from edgewrap.opennebula.kinds.operation import Settled
from edgewrap.opennebula.kinds.virtual_network import ERROR, LOCK_CREATE
from tests.support.front_end import UUID, Stage, apply, changes_in, destroy, outputs, prepare, report, reports

BAD_RANGE = 'AR = [ TYPE = "IP4", SIZE = "1" ]'
MARK = (
    f'EDGEWRAP = [ CLUSTER = "edge-paris", KEY = "public-network", UUID = "{UUID}", OWNER_UID = "0" ]\n'
    'NAME = "edge-paris-public"\nVN_MAD = "fw"\n'
)


def test_a_network_in_error_is_reported_with_the_front_ends_message(stage: Stage) -> None:
    number = int(stage.one.call("vn.allocate", f'NAME = "v3"\nVN_MAD = "bridge"\n{BAD_RANGE}', 0))
    with pytest.raises(OpenNebulaError) as raised:
        await_network(stage.one, number, Settled.READY, 5)
    assert raised.value.what.startswith(f"virtual network v3 (id {number}) is in ERROR: ")
    assert raised.value.what.endswith("Wrong or empty IP attribute")


def test_an_owned_network_in_error_is_replaced(stage: Stage) -> None:
    plane = stage.applied()
    (network,) = plane.observe().networks
    stage.delete_network(network.id)
    number = int(stage.one.call("vn.allocate", MARK + BAD_RANGE, 0))
    stage.until_in_error(number)
    facts = plane.observe()
    assert [one.state for one in facts.networks] == [ERROR]
    changes = changes_in(plane, facts, outputs(), reports())
    assert [(change.key, change.action) for change in changes] == [
        ("edge-paris-public", Action.REPLACE),
        ("eip-0", Action.CREATE),
        ("eip-1", Action.CREATE),
    ]
    assert "Wrong or empty IP attribute" in changes[0].why
    apply(plane, facts, outputs(), reports())
    assert changes_in(plane, plane.observe(), outputs(), reports()) == ()


@pytest.mark.parametrize("state", [NetworkState.ERROR, NetworkState.LOCK_DELETE])
def test_an_owned_network_whose_ranges_cannot_be_removed_is_replaced(stage: Stage, state: int) -> None:
    plane = stage.applied()
    (network,) = plane.observe().networks

    def leave() -> None:
        stage.leave(network.id, state=state, due=stage.lab.soon() if state == NetworkState.LOCK_DELETE else 0.0)

    leave()
    fewer = outputs(eips=(0,))
    prepare(plane, plane.observe(), fewer)
    assert plane.observe().networks == ()
    apply(plane, plane.observe(), fewer, reports())
    (network,) = plane.observe().networks
    assert [one.key for one in network.ranges] == ["eip-0"]

    leave()
    destroy(plane, plane.observe())
    assert plane.observe().networks == ()


def test_an_owned_network_in_a_pending_state_is_waited_for(stage: Stage) -> None:
    plane = stage.applied()
    (network,) = plane.observe().networks
    stage.delete_network(network.id)
    stage.lab.settle = 0.5  # seconds
    stage.one.call("vn.allocate", MARK, 0)
    facts = plane.observe()
    assert [one.state for one in facts.networks] == [LOCK_CREATE]
    apply(plane, facts, outputs(), reports())
    assert changes_in(plane, plane.observe(), outputs(), reports()) == ()


def test_a_wait_ends(newer: Stage) -> None:
    newer.applied()
    (network,) = newer.facts().networks
    with pytest.raises(OpenNebulaError, match=r"edge-paris-public \(id \d+\) is not deleted after 0 s"):
        await_network(newer.one, network.id, Settled.GONE, 0.2)


def test_polling_is_limited_to_ten_times_a_second(newer: Stage) -> None:
    newer.applied()
    (network,) = newer.facts().networks
    newer.wire.methods.clear()
    with pytest.raises(OpenNebulaError):
        await_network(newer.one, network.id, Settled.GONE, 1)
    assert len(newer.wire.methods) <= 6
    begun = time.monotonic()
    newer.one.pause(0)
    assert time.monotonic() - begun >= 0.1


def test_hosts_are_waited_for_until_they_are_monitored(stage: Stage) -> None:
    plane = stage.applied()
    assert {one.state_word for one in plane.hosts(plane.observe()).values()} == {"init"}
    plane.wait_monitored({"host-0", "host-2"}, 10)
    found = plane.hosts(plane.observe())
    assert {found["host-0"].state_word, found["host-2"].state_word} == {"monitored"}
    assert any("host-0 init" in event.text for event in stage.events)


def test_a_host_not_monitored_in_time_is_reported_with_likely_causes(stage: Stage) -> None:
    stage.lab.interval = 60
    plane = stage.plane()
    apply(plane, plane.observe(), outputs(), {"host-1": report(1)})
    host_1 = plane.hosts(plane.observe())["host-1"]
    stage.one.call("host.update", host_1.id, {"ERROR": "Error monitoring: Connection refused"}, 1)
    with pytest.raises(OpenNebulaError) as raised:
        plane.wait_monitored(["host-0", "host-1", "host-9"], 1)
    error = raised.value
    assert error.what == (
        "not MONITORED after 1 s: host-1 (198.51.100.11) is init: Error monitoring: Connection refused; "
        "host-9 is missing"
    )
    for word in ("4124", "TCP and UDP", "MONITOR_ADDRESS", "known_hosts"):
        assert word in error.cause


def test_a_host_that_is_offline_is_not_waited_for(stage: Stage) -> None:
    plane = stage.plane()
    apply(plane, plane.observe(), outputs(), {"host-0": report(0), "host-1": report(1, ready=False)})
    plane.wait_monitored(["host-0", "host-1"], 10)
    found = plane.hosts(plane.observe())
    assert (found["host-0"].state_word, found["host-1"].state_word) == ("monitored", "offline")


def test_nothing_to_wait_for(newer: Stage) -> None:
    newer.plane().wait_monitored([], 0)
    assert newer.wire.methods == []
