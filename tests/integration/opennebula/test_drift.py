"""What is changed by hand on the front-end: shown, restored, and what others added is kept."""

from __future__ import annotations

import pytest

from edgewrap.change import Action
from edgewrap.opennebula.diff import diff_context
from edgewrap.opennebula.kinds import KINDS, address_range
from edgewrap.opennebula.kinds.base import Existing
from edgewrap.opennebula.kinds.object_kind import DiffContext, SingleObject
from edgewrap.opennebula.kinds.template import Template, Value, text_of, vector_of
from tests.support.front_end import Stage, apply, changes_in, eip, everything, outputs, report, reports

# What the front-end takes in place of ours where it looks at the value; elsewhere it takes any.
OTHER_VALUES = {
    "VN_MAD": "bridge",
    "TM_MAD": "shared",
    "DS_MAD": "dummy",
    "SIZE": "2",
    "MTU": "1400",
}
IDENTITY = {
    "CLUSTER",
    "KEY",
    "UUID",
    "ID",
}  # changed by hand, these make the object someone else's: test_foreign_objects.py
FOREIGN: Template = {"NOTE": "of someone else", "THEIRS": {"A": "1", "B": "2"}}


KEYS = [kind.key if isinstance(kind, SingleObject) else "host-1" for kind in KINDS]


def context(stage: Stage) -> DiffContext:
    return diff_context(everything(), stage.facts(), outputs(), reports())


def existing_of(stage: Stage, key: str) -> Existing:
    """Our object with this key."""
    return context(stage).ours.by_key[key]


def changed_by_hand(attributes: Template) -> list[tuple[str, dict[str, Value]]]:
    """Every single attribute with another value; a part of a vector with the vector's other parts as they are."""
    changes: list[tuple[str, dict[str, Value]]] = []
    for name, value in attributes.items():
        if name == "SECURITY_GROUPS":
            continue  # by default they are left alone
        if name == "TYPE":
            changes.append((name, {"TYPE": "FILE_DS", "DS_MAD": "fs"}))  # a system datastore needs no DS_MAD, others do
        elif isinstance(value, str):
            changes.append((name, {name: OTHER_VALUES.get(name, "changed")}))
        else:
            parts = [part for part in value if name != "EDGEWRAP" or part not in IDENTITY]
            changes += [(f"{name}.{part}", {name: {**value, part: "changed"}}) for part in parts]
    return changes


def test_drift_of_every_attribute_of_every_kind_is_shown_and_reverted(stage: Stage) -> None:
    plane = stage.applied(of=everything())
    seen = 0
    before = context(stage)
    desired = {one.key: one for kind in KINDS for one in kind.desired(before)}
    for key in KEYS:
        shown_key, attributes = desired[key].label, desired[key].attributes
        existing = existing_of(stage, key)
        update = f"{existing.api}.update"
        stage.one.call(update, existing.id, FOREIGN, 1)
        for name, by_hand in changed_by_hand(attributes):
            stage.one.call(update, existing.id, by_hand, 1)
            changes = changes_in(plane, stage.facts(), outputs(), reports())
            ours = [change for change in changes if change.key == shown_key]
            assert [change.action for change in ours] == [Action.UPDATE], f"{shown_key} {name}: {changes}"
            assert name in ours[0].before, f"{shown_key} {name}"
            apply(plane, stage.facts(), outputs(), reports())
            assert changes_in(plane, stage.facts(), outputs(), reports()) == (), f"{shown_key} {name}"
            seen += 1
        mended = existing_of(stage, key).template
        assert text_of(mended, "NOTE") == FOREIGN["NOTE"]
        assert vector_of(mended, "THEIRS") == FOREIGN["THEIRS"]
    assert seen >= 33


def test_drift_of_every_attribute_of_a_range_is_shown_and_reverted(stage: Stage) -> None:
    plane = stage.applied()
    number = existing_of(stage, "public-network").id
    wanted = address_range.desired(eip(1)).attributes
    mendable = {name: value for name, value in wanted.items() if name not in ("TYPE", "IP")}
    assert set(mendable) == {"SIZE", "GATEWAY", "NETWORK_MASK", "EXTERNAL_IP", "AWS_ALLOCATION_ID", "EDGEWRAP_KEY"}
    for name in mendable:
        by_hand = {**wanted, "AR_ID": "1", "NOTE": "of someone else", name: OTHER_VALUES.get(name, "changed")}
        stage.one.call("vn.update_ar", number, {"AR": {key: str(value) for key, value in by_hand.items()}})
        changes = changes_in(plane, stage.facts(), outputs(), reports())
        assert [(change.kind, change.key, change.action) for change in changes] == [
            ("address range", "eip-1", Action.UPDATE)
        ], name
        assert list(changes[0].after) == [name]
        apply(plane, stage.facts(), outputs(), reports())
        facts = stage.facts()
        assert changes_in(plane, facts, outputs(), reports()) == (), name
        network = next(one for one in facts.networks if one.id == number)
        assert text_of(network.ranges[1].attributes, "NOTE") == "of someone else"


def test_all_attributes_of_a_range_lost_at_once(stage: Stage) -> None:
    plane = stage.applied()
    number = existing_of(stage, "public-network").id
    stage.one.call("vn.update_ar", number, {"AR": {"AR_ID": "0"}})
    (change,) = changes_in(plane, stage.facts(), outputs(), reports())
    assert (change.key, change.action, change.after["EDGEWRAP_KEY"]) == ("eip-0", Action.UPDATE, "eip-0")
    apply(plane, stage.facts(), outputs(), reports())
    assert changes_in(plane, stage.facts(), outputs(), reports()) == ()


def test_a_range_with_another_address_is_replaced(stage: Stage) -> None:
    plane = stage.applied()
    number = existing_of(stage, "public-network").id
    stage.one.call("vn.rm_ar", number, 1)
    stage.one.call(
        "vn.add_ar", number, {"AR": {"TYPE": "IP4", "IP": "10.0.128.80", "SIZE": "1", "EDGEWRAP_KEY": "eip-1"}}
    )
    (change,) = changes_in(plane, stage.facts(), outputs(), reports())
    assert (change.key, change.action, change.before["IP"], change.after["IP"]) == (
        "eip-1", Action.REPLACE, "10.0.128.80", "10.0.128.4",
    )  # fmt: skip
    apply(plane, stage.facts(), outputs(), reports())
    assert changes_in(plane, stage.facts(), outputs(), reports()) == ()


@pytest.mark.parametrize("key", KEYS)
def test_a_renamed_object_gets_its_name_back(newer: Stage, key: str) -> None:
    plane = newer.applied(of=everything())
    existing = existing_of(newer, key)
    newer.one.call(f"{existing.api}.rename", existing.id, "renamed-by-hand")
    (change,) = changes_in(plane, newer.facts(), outputs(), reports())
    assert (change.before["NAME"], change.after["NAME"]) == ("renamed-by-hand", existing.name)
    apply(plane, newer.facts(), outputs(), reports())
    mended = existing_of(newer, key)
    assert (mended.id, mended.name) == (existing.id, existing.name)


@pytest.mark.parametrize("key", [kind.key for kind in KINDS if isinstance(kind, SingleObject) and kind.facts.leave])
def test_an_object_removed_from_the_cluster_is_added_again(newer: Stage, key: str) -> None:
    plane = newer.applied()
    existing = existing_of(newer, key)
    newer.one.call(existing.leave, existing.clusters[0], existing.id)
    (change,) = changes_in(plane, newer.facts(), outputs(), reports())
    assert "CLUSTER_ID" in change.after
    apply(plane, newer.facts(), outputs(), reports())
    assert existing_of(newer, key) == existing


def test_a_host_moved_to_another_cluster_is_moved_back(newer: Stage) -> None:
    plane = newer.applied()
    existing = existing_of(newer, "host-1")
    newer.one.call("cluster.addhost", 0, existing.id)
    (change,) = changes_in(plane, newer.facts(), outputs(), reports())
    assert (change.before["CLUSTER_ID"], change.after["CLUSTER_ID"]) == ("0", str(existing.clusters[0]))
    apply(plane, newer.facts(), outputs(), reports())
    assert existing_of(newer, "host-1").clusters == existing.clusters


@pytest.mark.parametrize(("number", "word"), [(1, "disabled"), (2, "offline")])
def test_a_disabled_host_is_enabled(newer: Stage, number: int, word: str) -> None:
    plane = newer.applied()
    existing = existing_of(newer, "host-1")
    newer.one.call("host.status", existing.id, number)
    assert changes_in(plane, newer.facts(), outputs(), {"host-1": report(1, ready=False)}) == ()
    (change,) = changes_in(plane, newer.facts(), outputs(), reports())
    assert (dict(change.before), dict(change.after)) == ({"STATUS": word}, {"STATUS": "enabled"})
    apply(plane, newer.facts(), outputs(), reports())
    assert plane.hosts(newer.facts())["host-1"].status == "enabled"


def test_a_host_under_maintenance_is_left(newer: Stage) -> None:
    plane = newer.applied()
    existing = existing_of(newer, "host-1")
    newer.one.call("host.status", existing.id, 1)
    newer.one.call("host.update", existing.id, {"EDGEWRAP_MAINTENANCE": "YES"}, 1)
    assert changes_in(plane, newer.facts(), outputs(), reports()) == ()
    plane.wait_monitored({"host-1"}, 0)


def test_an_object_deleted_by_hand_is_created_again(newer: Stage) -> None:
    plane = newer.applied()
    for key in ("private-template", "host-1", "image-datastore"):
        existing = existing_of(newer, key)
        newer.one.call(f"{existing.api}.delete", existing.id)
    changes = changes_in(plane, newer.facts(), outputs(), reports())
    assert sorted((change.key, change.action.value) for change in changes) == [
        ("edge-paris-image", "create"), ("edge-paris-private", "create"), ("host-1", "create"),
    ]  # fmt: skip
    apply(plane, newer.facts(), outputs(), reports())
    assert changes_in(plane, newer.facts(), outputs(), reports()) == ()


def test_a_cluster_deleted_by_hand_is_created_again_with_its_existing_members(newer: Stage) -> None:
    plane = newer.applied()
    before = existing_of(newer, "cluster")
    for kind in ("hosts", "datastores", "networks"):
        method = {"hosts": "cluster.delhost", "datastores": "cluster.deldatastore", "networks": "cluster.delvnet"}[kind]
        for number in getattr(before, kind):
            newer.one.call(method, before.id, number)
    newer.one.call("cluster.delete", before.id)
    apply(plane, newer.facts(), outputs(), reports())
    after = existing_of(newer, "cluster")
    assert changes_in(plane, newer.facts(), outputs(), reports()) == ()
    assert after.id != before.id
    assert text_of(existing_of(newer, "private-template").template, "CLUSTER_IDS") == str(after.id)
