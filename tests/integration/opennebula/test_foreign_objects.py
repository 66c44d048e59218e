"""What is not ours is never touched."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgewrap.change import Action
from edgewrap.errors import AuthorizationError, ForeignObjectError
from edgewrap.opennebula.facts import OneFacts
from tests.support.front_end import UUID, Stage, apply, changes_in, destroy, outputs, reports, spec

OTHER_UUID = "0f6a1e9c-2222-4a6e-9d55-2f5f7ce1a002"
IN_THE_WAY = {
    "cluster edge-paris": ("cluster.allocate", "edge-paris"),
    "host 198.51.100.11": ("host.allocate", "198.51.100.11", "kvm", "kvm", 0),
    "datastore edge-paris-image": (
        "datastore.allocate",
        {"NAME": "edge-paris-image", "TYPE": "IMAGE_DS", "DS_MAD": "fs", "TM_MAD": "ssh"},
        0,
    ),
    "datastore edge-paris-system": (
        "datastore.allocate",
        {"NAME": "edge-paris-system", "TYPE": "SYSTEM_DS", "TM_MAD": "ssh"},
        0,
    ),
    "virtual network edge-paris-public": ("vn.allocate", {"NAME": "edge-paris-public", "VN_MAD": "bridge"}, 0),
    "virtual network template edge-paris-private": (
        "vntemplate.allocate",
        {"NAME": "edge-paris-private", "VN_MAD": "bridge"},
    ),
}


def names(facts: OneFacts) -> list[str]:
    return [f"{one} {one.template.get('EDGEWRAP')}" for one in facts.everything]


@pytest.mark.parametrize("what", IN_THE_WAY)
def test_a_foreign_object_of_the_same_name_is_named_before_any_change(stage: Stage, what: str) -> None:
    method, *arguments = IN_THE_WAY[what]
    number = stage.one.call(str(method), *arguments)
    before = names(stage.facts())
    plane = stage.plane()
    with pytest.raises(ForeignObjectError) as planned:
        changes_in(plane, plane.observe(), outputs(), reports())
    with pytest.raises(ForeignObjectError) as applied:
        apply(plane, plane.observe(), outputs(), reports())
    assert planned.value.what == applied.value.what == f"{what} (id {number}) is in the way"
    owned = not what.startswith(("cluster", "host"))
    assert ("it belongs to the user oneadmin" in planned.value.cause) == owned
    assert names(stage.facts()) == before


def test_a_mark_with_another_state_uuid_is_foreign(stage: Stage) -> None:
    plane = stage.applied()
    before = names(stage.facts())
    others = outputs(uuid=OTHER_UUID)
    with pytest.raises(ForeignObjectError) as raised:
        apply(plane, plane.observe(), others, reports())
    assert f"of another Terraform state (UUID {UUID})" in raised.value.cause
    assert "owned by the user with id 0" in raised.value.cause
    assert names(stage.facts()) == before


@pytest.mark.parametrize("part", ["CLUSTER", "KEY", "UUID"])
def test_an_object_whose_mark_was_changed_by_hand_is_no_longer_ours(newer: Stage, part: str) -> None:
    plane = newer.applied()
    (network,) = plane.observe().networks
    mark = {**dict(network.template["EDGEWRAP"]), part: "changed"}  # type: ignore[arg-type]
    newer.one.call("vn.update", network.id, {"EDGEWRAP": mark}, 1)
    with pytest.raises(ForeignObjectError, match=r"virtual network edge-paris-public \(id \d+\) is in the way"):
        changes_in(plane, plane.observe(), outputs(), reports())


def test_a_mark_on_an_object_of_another_kind_is_ignored(newer: Stage) -> None:
    plane = newer.applied()
    (network,) = plane.observe().networks
    mark = dict(network.template["EDGEWRAP"])  # type: ignore[arg-type]
    number = newer.one.call("vntemplate.allocate", {"NAME": "copied", "VN_MAD": "bridge", "EDGEWRAP": mark})
    assert changes_in(plane, plane.observe(), outputs(), reports()) == ()
    destroy(plane, plane.observe())
    assert [one.id for one in plane.observe().templates] == [number]


def test_a_network_that_a_tenant_made_from_the_template_is_not_ours(stage: Stage) -> None:
    plane = stage.applied()
    (template,) = plane.observe().templates
    text = 'AR = [ TYPE = "IP4", IP = "192.168.50.10", SIZE = "50" ]'
    number = stage.one.call("vntemplate.instantiate", template.id, "tenant-1", text)
    tenants = next(one for one in plane.observe().networks if one.id == number)
    assert "EDGEWRAP" in tenants.template  # inherited
    assert changes_in(plane, plane.observe(), outputs(), reports()) == ()


@pytest.mark.parametrize("owner", ["tenant", "oneadmin"])
def test_a_copy_of_the_template_is_not_ours(newer: Stage, owner: str) -> None:
    """Even if the template itself is deleted: the copy is never renamed or changed."""
    plane = newer.applied()
    tenant = newer.user("tenant", operator=False)
    (template,) = plane.observe().templates
    newer.one.call("vntemplate.delete", template.id)
    copy = {"NAME": "copy", **template.template}
    number = int(newer.one.call("vntemplate.allocate", copy))
    if owner == tenant.user:
        newer.one.call("vntemplate.chown", number, int(_uid(plane.observe(), owner, newer)), -1)
    (change,) = changes_in(plane, plane.observe(), outputs(), reports())
    assert (change.key, change.action) == ("edge-paris-private", Action.CREATE)
    apply(plane, plane.observe(), outputs(), reports())
    kept = next(one for one in plane.observe().templates if one.id == number)
    assert (kept.name, kept.owner) == ("copy", owner)


def _uid(_facts: OneFacts, name: str, stage: Stage) -> str:
    users = stage.one.read("userpool.info", root="USER_POOL")
    return next(one.findtext("ID") or "" for one in users if one.findtext("NAME") == name)


def test_an_owned_object_whose_owner_was_changed(newer: Stage) -> None:
    plane = newer.applied()
    newer.user("alice", operator=False)
    (network,) = plane.observe().networks
    newer.one.call("vn.chown", network.id, int(_uid(plane.observe(), "alice", newer)), -1)
    with pytest.raises(ForeignObjectError) as raised:
        apply(plane, plane.observe(), outputs(), reports())
    assert raised.value.cause == "it carries this cluster's mark, but it belongs to the user alice"
    assert f"onevnet chown {network.id} 0" in raised.value.advice


def test_a_name_created_by_ourselves_during_the_run_is_adopted(stage: Stage) -> None:
    """Another run of ours made the datastore between our read and our call: it is used."""
    plane = stage.plane()
    stale = plane.observe()
    stage.applied()
    apply(plane, stale, outputs(), reports())
    assert changes_in(plane, plane.observe(), outputs(), reports()) == ()
    assert len([one for one in plane.observe().datastores if one.id >= 100]) == 2


def test_a_name_taken_by_another_user_during_the_run(stage: Stage) -> None:
    plane = stage.plane()
    stale = plane.observe()
    stage.one.call("vn.allocate", {"NAME": "edge-paris-public", "VN_MAD": "bridge"}, 0)
    with pytest.raises(ForeignObjectError, match="virtual network edge-paris-public"):
        apply(plane, stale, outputs(), reports())


def test_two_operators_share_a_cluster(stage: Stage) -> None:
    first = stage.applied()
    second = stage.plane(one=stage.user("operator-2", operator=True))
    assert changes_in(second, second.observe(), outputs(), reports()) == ()

    (network,) = second.observe().networks
    (template,) = second.observe().templates
    stage.delete_network(network.id)
    stage.one.call("vntemplate.delete", template.id)
    grown = outputs((0, 1, 2, 3), (0, 1, 2))
    apply(second, second.observe(), grown, reports(0, 1, 2, 3))
    assert changes_in(second, second.observe(), grown, reports(0, 1, 2, 3)) == ()

    facts = first.observe()
    assert changes_in(first, facts, grown, reports(0, 1, 2, 3)) == ()
    marked = [one for one in facts.everything if "EDGEWRAP" in one.template]
    assert {dict(one.template["EDGEWRAP"])["OWNER_UID"] for one in marked} == {"0"}  # type: ignore[arg-type]
    assert {one.uid for one in marked} == {0, None}


def test_a_user_who_sees_only_part_of_the_front_end(stage: Stage) -> None:
    stage.applied()
    guest = stage.plane(one=stage.user("guest", operator=False))
    with pytest.raises(AuthorizationError, match="the user guest sees only part"):
        guest.observe()


def test_two_clusters_on_one_front_end(stage: Stage) -> None:
    paris = stage.applied()
    hosts = {key: replace(one, name=one.name.replace("198.51.100", "192.0.2")) for key, one in outputs().hosts.items()}
    rome_outputs = replace(outputs(uuid=OTHER_UUID), hosts=hosts)
    rome = stage.applied(of=spec("edge-rome"), to=rome_outputs)
    assert changes_in(paris, paris.observe(), outputs(), reports()) == ()
    assert changes_in(rome, rome.observe(), rome_outputs, reports()) == ()
    destroy(rome, rome.observe())
    assert changes_in(paris, paris.observe(), outputs(), reports()) == ()
