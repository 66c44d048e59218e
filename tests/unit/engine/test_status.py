"""The VMs in a cluster's status, by what the front-end says."""

from __future__ import annotations

from unittest.mock import MagicMock

import pytest

from edgewrap.engine.status import VmStatus, _vms
from edgewrap.errors import AuthorizationError
from edgewrap.events import Event
from edgewrap.opennebula.in_use import Vm

WEB, BATCH, OTHER = (
    Vm(number, name, host=1, cluster=100, datastore=101, state="running")
    for number, name in ((3, "web"), (33, "batch"), (4, "of another cluster"))
)


def cluster(*vms: tuple[Vm, str], on_hosts: tuple[int, ...] = ()) -> MagicMock:
    made = MagicMock()
    made.opennebula.hosts.return_value = {"host-0": MagicMock(vms=on_hosts)}
    made.opennebula.vms.return_value = vms
    return made


@pytest.mark.parametrize(
    ("vms", "leases", "shown"),
    [
        (((WEB, "host-0"),), {}, (VmStatus(3, "web", "running", "host-0", ()),)),
        (((WEB, ""),), {"eip-0": "VM 3"}, (VmStatus(3, "web", "running", "", ("eip-0",)),)),
        (((OTHER, ""),), {"eip-0": "VM 3"}, ()),
        (
            ((WEB, "host-0"), (BATCH, "host-0")),
            {"eip-0": "VM 33", "eip-1": "network 3", "eip-2": "VM 3, VM 33"},
            (
                VmStatus(3, "web", "running", "host-0", ("eip-2",)),
                VmStatus(33, "batch", "running", "host-0", ("eip-0", "eip-2")),
            ),
        ),
    ],
)
def test_the_vms_of_a_cluster(
    vms: tuple[tuple[Vm, str], ...], leases: dict[str, str], shown: tuple[VmStatus, ...]
) -> None:
    assert _vms(cluster(*vms, on_hosts=(3,)), MagicMock(), leases) == shown


def test_without_vms_the_pool_is_not_read() -> None:
    empty = cluster()
    assert _vms(empty, MagicMock(), {}) == ()
    empty.opennebula.vms.assert_not_called()


def test_a_pool_that_cannot_be_read_is_a_warning() -> None:
    refused, events = cluster(on_hosts=(3,)), list[Event]()
    refused.emit = events.append
    refused.opennebula.vms.side_effect = AuthorizationError("no right", cause="", advice="")
    assert _vms(refused, MagicMock(), {}) == ()
    assert [event.text for event in events] == ["no right"]
