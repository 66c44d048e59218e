"""`plan` shows what `apply` will refuse, and what is drift that edgewrap does not undo."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from edgewrap.change import Action
from edgewrap.errors import ForeignObjectError, InUseError
from edgewrap.outputs import Outputs
from tests.support.front_end import Stage, apply, changes_in, destroy, outputs, prepare, reports

FEWER = outputs((0, 2), (0,))


def vm(stage: Stage) -> str:
    number = stage.vm(stage.plane().hosts(stage.facts())["host-1"].id, network="")
    return rf"host-1 \(198.51.100.11\) has the VMs {number}"


def hold(stage: Stage) -> str:
    stage.one.call("vn.hold", stage.facts().networks[0].id, 'LEASES = [ IP = "10.0.128.4" ]')
    return r"eip-1 \(203.0.113.11\) is on hold"


def reservation(stage: Stage) -> str:
    number = stage.one.call("vn.reserve", stage.facts().networks[0].id, 'SIZE = "1"\nAR_ID = "1"\nNAME = "theirs"')
    return rf"eip-1 \(203.0.113.11\) is reserved by the network theirs \(id {number}\)"


@pytest.mark.parametrize("obstacle", [vm, hold, reservation])
def test_plan_warns_of_what_apply_will_refuse(stage: Stage, obstacle: Callable[[Stage], str]) -> None:
    plane = stage.applied()
    text = obstacle(stage)
    facts = plane.observe()
    assert [change.action for change in changes_in(plane, facts, FEWER, reports(0, 2))] == [
        Action.UPDATE,  # host-1 is disabled before it is deleted
        Action.DELETE,
        Action.DELETE,
    ]
    assert [bool(re.fullmatch(f"`apply` will refuse this plan: {text}", one)) for one in stage.warnings()] == [True]
    with pytest.raises(InUseError, match=text):
        prepare(plane, facts, FEWER)


@pytest.mark.parametrize(("to", "replaced"), [(outputs(), {"host-2"}), (outputs((0, 1), (0, 1)), set())])
def test_harmless_objects_give_no_warning(newer: Stage, to: Outputs, replaced: set[str]) -> None:
    plane = newer.applied()
    vm(newer)
    hold(newer)
    changes_in(plane, plane.observe(), to, reports(), replaced)
    assert newer.warnings() == []


def test_plan_warns_of_a_vm_on_a_host_being_replaced(newer: Stage) -> None:
    plane = newer.applied()
    text = vm(newer)
    changes = changes_in(plane, plane.observe(), outputs(), reports(), {"host-1"})
    assert [(change.key, change.after) for change in changes] == [
        ("host-1", {"STATUS": "disabled"}),
        ("host-1", {"STATUS": "enabled"}),
    ]
    assert [bool(re.search(text, one)) for one in newer.warnings()] == [True]


def test_a_foreign_range_is_shown_by_plan_kept_by_apply_and_stops_destroy(stage: Stage) -> None:
    plane = stage.applied()
    number = stage.facts().networks[0].id
    stage.one.call("vn.add_ar", number, {"AR": {"TYPE": "IP4", "IP": "10.9.0.1", "SIZE": "4"}})
    assert changes_in(plane, plane.observe(), outputs(), reports()) == ()
    (warning,) = stage.warnings()
    assert warning == (
        f"it has the address range 2 (10.9.0.1, size 4), which edgewrap did not make and leaves alone: "
        f"`onevnet rmar {number} 2` if it is not needed"
    )
    apply(plane, plane.observe(), outputs(eips=(0,)), reports())
    assert [one.address for one in stage.facts().networks[0].ranges] == ["10.0.128.2", "10.9.0.1"]
    stage.wire.methods.clear()
    text = rf"has the address range 2 \(10.9.0.1, size 4\), which edgewrap did not make.*`onevnet rmar {number} 2`"
    with pytest.raises(InUseError, match=text):
        destroy(plane, plane.observe())
    assert not [method for method in stage.wire.methods if not method.endswith((".info", ".version"))]
    stage.one.call("vn.rm_ar", number, 2)
    destroy(plane, plane.observe())


def test_a_network_in_a_second_cluster(stage: Stage) -> None:
    """Taken out of it while nothing is leased; a warning while something is."""
    plane = stage.applied()
    other, network = stage.one.call("cluster.allocate", "theirs"), stage.facts().networks[0].id
    stage.one.call("cluster.addvnet", other, network)
    stage.one.call("vn.hold", network, 'LEASES = [ IP = "10.0.128.4" ]')
    assert changes_in(plane, plane.observe(), outputs(), reports()) == ()
    assert [f"`onecluster delvnet {other} {network}`" in warning for warning in stage.warnings()] == [True]
    stage.one.call("vn.release", network, 'LEASES = [ IP = "10.0.128.4" ]')
    (change,) = changes_in(plane, plane.observe(), outputs(), reports())
    assert (change.before["CLUSTER_ID"], change.after["CLUSTER_ID"]) == (f"100,{other}", "100")
    apply(plane, plane.observe(), outputs(), reports())
    assert stage.facts().networks[0].clusters == (100,)


MODES = [
    ("604", 0, ""),
    ("640", 1, ""),
    ("660", 0, ""),  # the group oneadmin may do everything anyway
    ("660", 1, "the group users"),
    ("606", 0, "everybody"),
    ("671", 1, "the group users and everybody"),
]


@pytest.mark.parametrize(("mode", "group", "who"), MODES)
def test_who_may_use_the_network_is_the_operators_but_not_who_may_change_it(
    newer: Stage, mode: str, group: int, who: str
) -> None:
    plane = newer.applied()
    number = newer.facts().networks[0].id
    bits = [int(digit) >> shift & 1 for digit in mode for shift in (2, 1, 0)]
    newer.one.call("vn.chmod", number, *bits)
    newer.one.call("vn.chown", number, -1, group)
    assert changes_in(plane, plane.observe(), outputs(), reports()) == ()
    expected = f"its mode is {mode}: {who} may change or delete it; `onevnet chmod {number} 6"
    assert [warning.startswith(expected) for warning in newer.warnings()] == ([True] if who else [])


def test_an_mtu_changed_by_hand_is_seen_without_the_hosts_plane(newer: Stage) -> None:
    plane = newer.applied()
    facts = plane.observe()
    newer.one.call("vn.update", facts.networks[0].id, {"GUEST_MTU": "1300"}, 1)
    newer.one.call("vntemplate.update", facts.templates[0].id, {"MTU": "1400"}, 1)
    public, private = changes_in(plane, plane.observe(), outputs(), {})
    assert (public.before["GUEST_MTU"], public.after["GUEST_MTU"]) == ("1300", "")
    assert (private.before["MTU"], private.after["MTU"]) == ("1400", "8950")


def test_a_foreign_host_of_the_same_name_has_the_right_advice(newer: Stage) -> None:
    """Hosts are named by their address."""
    number = newer.one.call("host.allocate", "198.51.100.11", "kvm", "kvm", 0)
    plane = newer.plane()
    with pytest.raises(ForeignObjectError, match=r"host 198.51.100.11 \(id \d+\) is in the way") as raised:
        changes_in(plane, plane.observe(), outputs(), reports())
    assert "another name" not in raised.value.advice
    assert f"`onehost delete {number}`" in raised.value.advice


def test_a_cluster_that_still_counts_the_deleted_network_is_deleted(newer: Stage) -> None:
    """Measured on 7.4.0: for some 40 ms after the network is deleted."""
    newer.lab.linger = 1.0
    plane = newer.applied()
    destroy(plane, plane.observe())
    assert [one.name for one in plane.observe().clusters] == ["default"]
    assert newer.wire.methods.count("cluster.delete") > 1


def test_a_cluster_that_is_not_empty_is_reported_after_a_retry(newer: Stage) -> None:
    """Something came into it while the rest was deleted."""
    plane = newer.applied()

    def come(method: str) -> None:
        if method == "one.cluster.delete":
            newer.wire.before = lambda method: None
            newer.one.call("host.allocate", "192.0.2.7", "kvm", "kvm", 100)

    newer.wire.before = come
    with pytest.raises(InUseError, match="Cluster 100 is not empty, it contains 1 hosts"):
        destroy(plane, plane.observe())
