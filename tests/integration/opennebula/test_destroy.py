"""Removing the whole cluster, and what stops it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import requests

from edgewrap.change import Action
from edgewrap.errors import ForeignObjectError, FrontEndUnreachableError, InUseError
from edgewrap.opennebula import in_use
from edgewrap.opennebula.facts import OneFacts
from edgewrap.opennebula.kinds import KINDS
from edgewrap.plane import Context
from tests.support.front_end import Stage, apply, changes_in, destroy, everything, outputs, reports, spec

OTHER_UUID = "0f6a1e9c-2222-4a6e-9d55-2f5f7ce1a002"


def left(facts: OneFacts) -> list[str]:
    """The objects of a new front-end."""
    system = {"default", "system", "files"}
    return [str(one) for one in facts.everything if one.name not in system]


def test_destroy_removes_owned_objects_only(stage: Stage) -> None:
    theirs = stage.one.call("vntemplate.allocate", {"NAME": "theirs", "VN_MAD": "bridge"})
    plane = stage.applied(of=everything())
    changes = plane.destroy(plane.observe(), Context()).changes
    disabled, deleted = changes[:3], changes[3:]
    assert [(change.key, change.after) for change in disabled] == [
        (f"host-{index}", {"STATUS": "disabled"}) for index in range(3)
    ]
    assert {change.action for change in deleted} == {Action.DELETE}
    listed = [(change.kind, change.key) for change in deleted]
    expected = [
        ("virtual network template", "edge-paris-elastic-ip"),
        ("virtual network template", "edge-paris-private"),
        ("address range", "eip-0"),
        ("address range", "eip-1"),
        ("virtual network", "edge-paris-public"),
        ("host", "host-0"),
        ("host", "host-1"),
        ("host", "host-2"),
        ("datastore", "edge-paris-system"),
        ("datastore", "edge-paris-image"),
        ("cluster", "edge-paris"),
    ]
    assert [one for one in listed if one in expected] == expected
    assert len(listed) == len(KINDS) + 4  # three hosts, two address ranges
    destroy(plane, plane.observe())
    assert left(plane.observe()) == [f"virtual network template theirs (id {theirs})"]
    assert plane.destroy(plane.observe(), Context()).changes == ()
    destroy(plane, plane.observe())


def put_vm(stage: Stage) -> str:
    return f"VM {stage.vm(stage.plane().hosts(stage.facts())['host-1'].id)} (tenant-vm) is on host 198.51.100.11"


def stop_vm(stage: Stage) -> str:
    """A VM that is switched off keeps its disks on its host."""
    number = stage.vm(stage.plane().hosts(stage.facts())["host-1"].id)
    stage.until_running(number)
    stage.one.call("vm.action", "poweroff-hard", number)
    return f"VM {number} (tenant-vm) is on host 198.51.100.11"


def hold(stage: Stage) -> str:
    (network,) = stage.facts().networks
    stage.one.call("vn.hold", network.id, 'LEASES = [ IP = "10.0.128.4" ]')
    return "eip-1 (203.0.113.11) is on hold"


def put_image(stage: Stage) -> str:
    image = next(one for one in stage.facts().datastores if one.name == "edge-paris-image")
    template = {"NAME": "disk", "TYPE": "DATABLOCK", "SIZE": "8", "FSTYPE": "raw"}
    return (
        f"the datastore edge-paris-image has the images {stage.one.call('image.allocate', template, image.id, False)}"
    )


def instantiate(stage: Stage) -> str:
    (template,) = stage.facts().templates
    text = 'AR = [ TYPE = "IP4", IP = "192.168.50.10", SIZE = "50" ]'
    number = stage.one.call("vntemplate.instantiate", template.id, "tenant-1", text)
    return f"the virtual network tenant-1 (id {number}) of oneadmin is made from its template"


def reserve(stage: Stage) -> str:
    (network,) = stage.facts().networks
    number = stage.one.call("vn.reserve", network.id, 'SIZE = "1"\nNAME = "reserved-b"')
    return f"the virtual network reserved-b (id {number}) of oneadmin is reserved from its network"


def cluster_id(stage: Stage) -> int:
    return next(one.id for one in stage.facts().clusters if one.name == "edge-paris")


def put_host(stage: Stage) -> str:
    number = stage.one.call("host.allocate", "192.0.2.7", "kvm", "kvm", cluster_id(stage))
    return f"the host 192.0.2.7 (id {number}) is in the cluster"


def put_datastore(stage: Stage) -> str:
    template = {"NAME": "theirs", "TYPE": "IMAGE_DS", "DS_MAD": "fs", "TM_MAD": "ssh"}
    number = stage.one.call("datastore.allocate", template, cluster_id(stage))
    return f"the datastore theirs (id {number}) is in the cluster"


def put_network(stage: Stage) -> str:
    number = stage.one.call("vn.allocate", {"NAME": "theirs", "VN_MAD": "bridge"}, cluster_id(stage))
    return f"the virtual network theirs (id {number}) is in the cluster"


OBSTACLES = [put_vm, stop_vm, hold, put_image, instantiate, reserve, put_host, put_datastore, put_network]


@pytest.mark.parametrize("obstacle", OBSTACLES)
def test_what_stops_it(stage: Stage, obstacle: Callable[[Stage], str]) -> None:
    plane = stage.applied()
    expected = obstacle(stage)
    before = left(plane.observe())
    with pytest.raises(InUseError, match=re.escape(expected)):
        plane.destroy(plane.observe(), Context())
    stage.wire.methods.clear()
    with pytest.raises(InUseError, match=re.escape(expected)):
        destroy(plane, plane.observe())
    assert not [method for method in stage.wire.methods if not method.endswith((".info", ".version"))]
    assert left(plane.observe()) == before


def test_destroy_lists_every_obstacle_at_once(newer: Stage) -> None:
    plane = newer.applied()
    expected = [put_image(newer), put_host(newer), hold(newer)]
    with pytest.raises(InUseError) as raised:
        plane.destroy(plane.observe(), Context())
    assert raised.value.what.startswith("edge-paris cannot be destroyed: ")
    assert len(raised.value.what.split("; ")) == len(expected)


def test_what_came_while_the_user_was_asked_stops_it(newer: Stage) -> None:
    plane = newer.applied()
    stale = plane.observe()
    plane.destroy(stale, Context())
    expected = put_vm(newer)
    with pytest.raises(InUseError, match=re.escape(expected)):
        destroy(plane, stale)


@pytest.mark.parametrize("look", [1, 2, 3])
def test_a_vm_started_while_hosts_are_disabled_stops_destroy(newer: Stage, look: int) -> None:
    """It has no lease that would stop the network, and no front-end protects a system datastore."""
    plane = newer.applied()
    host_1 = plane.hosts(newer.facts())["host-1"].id
    disabled = 0

    def come(method: str) -> None:
        nonlocal disabled
        disabled += method == "one.host.status"
        if disabled == look:
            newer.wire.before = lambda method: None
            newer.vm(host_1, network="")

    before = left(plane.observe())
    newer.wire.before = come
    with pytest.raises(InUseError, match=r"VM 0 \(tenant-vm\) is on host 198.51.100.11; the hosts are disabled now"):
        destroy(plane, plane.observe())
    assert left(plane.observe()) == before
    assert {one.status for one in plane.hosts(newer.facts()).values()} == {"disabled"}


def test_a_vm_that_only_its_host_shows_stops_it(newer: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator by ACL rules alone sees hosts with all their VMs, and of the VMs only those that he may use."""
    plane = newer.applied()
    put_vm(newer)
    monkeypatch.setattr(in_use, "read_vms", lambda front_end: ())
    with pytest.raises(InUseError, match=r"VM 0, which this user may not see, is on host 198.51.100.11"):
        destroy(plane, plane.observe())


@pytest.mark.parametrize("broken_at", range(1, 16))
def test_a_destroy_that_failed_at_any_call_is_resumed(newer: Stage, broken_at: int) -> None:
    plane = newer.applied()
    calls = 0

    def break_off(method: str) -> None:
        nonlocal calls
        calls += not method.endswith((".info", ".version"))
        if calls == broken_at:
            raise requests.ConnectionError("the run was killed")

    newer.wire.before = break_off
    with pytest.raises(FrontEndUnreachableError):
        destroy(plane, plane.observe())
    newer.wire.before = lambda method: None
    destroy(plane, plane.observe())
    assert left(plane.observe()) == []


def test_a_half_created_cluster_is_destroyed(newer: Stage) -> None:
    """Even what was made and not yet marked, if the Terraform state has the UUID."""
    plane = newer.plane()

    def break_off(method: str) -> None:
        if method == "one.host.update":
            raise requests.ConnectionError("the run was killed")

    newer.wire.before = break_off
    with pytest.raises(FrontEndUnreachableError):
        apply(plane, plane.observe(), outputs(), reports())
    newer.wire.before = lambda method: None
    assert any("edgewrap-" in name for name in left(plane.observe()))
    destroy(plane, plane.observe(), outputs())
    assert left(plane.observe()) == []


def test_a_cluster_of_another_terraform_state_is_left_alone(stage: Stage) -> None:
    plane = stage.applied()
    before = left(plane.observe())
    assert plane.destroy(plane.observe(), Context(outputs(uuid=OTHER_UUID))).changes == ()
    destroy(plane, plane.observe(), outputs(uuid=OTHER_UUID))
    assert left(plane.observe()) == before


def test_two_clusters_of_one_name_without_a_state_are_not_destroyed(newer: Stage) -> None:
    plane = newer.applied()
    newer.one.call("cluster.rename", cluster_id(newer), "renamed-by-hand")
    hosts = newer.plane().hosts(newer.facts())
    mark = {"CLUSTER": "edge-paris", "KEY": "host-0", "UUID": OTHER_UUID, "OWNER_UID": "0"}
    newer.one.call("host.update", hosts["host-0"].id, {"EDGEWRAP": mark}, 1)
    with pytest.raises(ForeignObjectError, match="there are 2 edgewrap clusters named edge-paris"):
        plane.destroy(plane.observe(), Context())


def test_a_network_in_error_is_removed(newer: Stage) -> None:
    plane = newer.applied()
    (network,) = plane.observe().networks
    mark = dict(network.template["EDGEWRAP"])  # type: ignore[arg-type]
    newer.delete_network(network.id)
    bad = 'AR = [ TYPE = "IP4", SIZE = "1" ]'
    parts = ", ".join(f'{name} = "{value}"' for name, value in mark.items())
    text = f'NAME = "edge-paris-public"\nVN_MAD = "fw"\nEDGEWRAP = [ {parts} ]\n{bad}'
    newer.until_in_error(int(newer.one.call("vn.allocate", text, cluster_id(newer))))
    (change,) = [one for one in plane.destroy(plane.observe(), Context()).changes if one.kind == "virtual network"]
    assert change.key == "edge-paris-public"
    destroy(plane, plane.observe())
    assert left(plane.observe()) == []


def test_another_cluster_of_ours_stays(newer: Stage) -> None:
    plane = newer.applied()
    other = newer.plane(spec("edge-rome"))
    assert other.destroy(other.observe(), Context()).changes == ()
    destroy(other, other.observe())
    assert changes_in(plane, plane.observe(), outputs(), reports()) == ()
