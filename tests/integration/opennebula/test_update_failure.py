"""A network whose last change did not reach all of its VMs: shown, retried, and no obstacle to the rest."""

from __future__ import annotations

import pytest

from edgewrap.change import Action
from edgewrap.errors import OpenNebulaError
from edgewrap.lab.opennebula import records
from edgewrap.lab.opennebula.records import NetworkState
from edgewrap.opennebula.kinds.virtual_network import READY, UPDATE_FAILURE
from tests.support.front_end import Stage, apply, changes_in, destroy, outputs, reports


def spoil(stage: Stage, *vms: int) -> int:
    """Put the public network into UPDATE_FAILURE; its id."""
    (network,) = stage.facts().networks
    stage.leave(network.id, state=NetworkState.UPDATE_FAILURE, failed_vms=vms)
    return network.id


def test_a_failed_update_is_shown_with_its_vms_and_retried(stage: Stage) -> None:
    plane = stage.applied()
    spoil(stage, 3, 5)
    facts = plane.observe()
    assert [one.state for one in facts.networks] == [UPDATE_FAILURE]
    (change,) = changes_in(plane, facts, outputs(), reports())
    assert (change.key, change.action, dict(change.before)) == (
        "edge-paris-public",
        Action.UPDATE,
        {"STATE": "UPDATE_FAILURE"},
    )
    assert change.why == "its last change could not be made for VM 3, VM 5"
    apply(plane, facts, outputs(), reports())
    assert [one.state for one in plane.observe().networks] == [READY]
    assert changes_in(plane, plane.observe(), outputs(), reports()) == ()


def test_address_ranges_are_added_though_some_vms_fail_to_update(newer: Stage) -> None:
    plane = newer.applied(to=outputs(eips=(0,)))
    spoil(newer, 3)

    def fails_again(method: str) -> None:
        if method == "one.vn.info" and "vn.recover" in newer.wire.methods:
            newer.leave(0, state=NetworkState.UPDATE_FAILURE, failed_vms=(3,))

    newer.wire.before = fails_again
    with pytest.raises(OpenNebulaError) as raised:
        apply(plane, plane.observe(), outputs(), reports())
    assert raised.value.what.endswith("is in UPDATE_FAILURE: its last change could not be made for VM 3")
    assert "onevnet recover 0 --success" in raised.value.advice
    (network,) = plane.observe().networks
    assert [one.key for one in network.ranges] == ["eip-0", "eip-1"]


def test_an_update_that_clears_the_failure_is_not_repeated(newer: Stage) -> None:
    plane = newer.applied()
    number = spoil(newer, 3)
    facts = plane.observe()
    newer.one.call("vn.recover", number, 3)
    newer.wire.methods.clear()
    apply(plane, facts, outputs(), reports())
    assert "vn.recover" not in newer.wire.methods


def test_it_can_be_destroyed(stage: Stage) -> None:
    plane = stage.applied()
    spoil(stage, 3)
    destroy(plane, plane.observe())
    assert plane.observe().networks == ()


@pytest.mark.parametrize(
    ("state", "operation", "after"),
    [
        (NetworkState.LOCK_CREATE, 0, NetworkState.ERROR),
        (NetworkState.ERROR, 1, NetworkState.READY),
        (NetworkState.UPDATE_FAILURE, 1, NetworkState.READY),
        (NetworkState.LOCK_DELETE, 1, None),
        (NetworkState.ERROR, 2, None),
        (NetworkState.UPDATE_FAILURE, 3, NetworkState.READY),
    ],
)
def test_the_labs_front_end_recovers_networks(newer: Stage, state: int, operation: int, after: int | None) -> None:
    number = int(newer.one.call("vn.allocate", 'NAME = "n"\nVN_MAD = "bridge"', 0))
    newer.leave(number, state=state, due=0.0)
    newer.one.call("vn.recover", number, operation)
    left = newer.lab.store.get(records.Network, number)
    assert (left.state if left else None) == after


@pytest.mark.parametrize("operation", [0, 1, 2, 3])
def test_the_labs_front_end_refuses_to_recover_a_ready_network(newer: Stage, operation: int) -> None:
    newer.applied()
    (network,) = newer.facts().networks
    with pytest.raises(OpenNebulaError, match="wrong state READY"):
        newer.one.call("vn.recover", network.id, operation)
