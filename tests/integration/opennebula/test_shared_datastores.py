"""Datastores of others in our cluster: `default` and `files`, as OneProvision had them."""

from __future__ import annotations

import pytest

from edgewrap.errors import OpenNebulaError
from edgewrap.finding import Verdict
from edgewrap.opennebula.kinds.datastore import DatastoreFacts
from edgewrap.plane import Context
from tests.support.front_end import Stage, apply, changes_in, destroy, outputs, reports, spec

DEFAULT, FILES = 1, 2
THEIRS = {"NAME": "theirs", "TYPE": "IMAGE_DS", "DS_MAD": "fs", "TM_MAD": "ssh"}


def datastore(stage: Stage, number: int) -> DatastoreFacts:
    return next(one for one in stage.facts().datastores if one.id == number)


def shared(stage: Stage) -> tuple[int, ...]:
    """What is in our cluster and not ours."""
    edge = next(one for one in stage.facts().clusters if one.name == "edge-paris")
    own = {one.id for one in stage.facts().datastores if one.name.startswith("edge-paris-")}
    return tuple(one for one in edge.datastores if one not in own)


def test_a_vm_can_use_an_image_of_the_shared_datastore_and_our_network(stage: Stage) -> None:
    image = stage.one.call("image.allocate", {"NAME": "disk", "TYPE": "DATABLOCK", "SIZE": "8"}, DEFAULT, False)
    stage.applied()
    vm = f'CPU = "1"\nMEMORY = "64"\nNIC = [ NETWORK = "edge-paris-public" ]\nDISK = [ IMAGE_ID = "{image}" ]'
    number = int(stage.one.call("vm.allocate", vm, False))
    assert stage.one.read("vm.info", number, False, root="VM").findtext("TEMPLATE/DISK/DATASTORE") == "default"


def test_shared_datastores_are_added_and_otherwise_unchanged(stage: Stage) -> None:
    before = datastore(stage, DEFAULT), datastore(stage, FILES)
    plane = stage.plane()
    change = changes_in(plane, plane.observe(), outputs(), reports())[0]
    assert (change.kind, change.after["SHARED_DATASTORES"]) == ("cluster", "default, files")
    plane = stage.applied()
    assert shared(stage) == (DEFAULT, FILES)
    for was in before:
        now = datastore(stage, was.id)
        assert (now.name, now.uid, now.template, now.clusters) == (was.name, was.uid, was.template, (0, 100))
    assert changes_in(plane, plane.observe(), outputs(), reports()) == ()


def test_shared_datastores_do_not_stop_destroy_and_keep_their_clusters(stage: Stage) -> None:
    before = datastore(stage, DEFAULT), datastore(stage, FILES)
    plane = stage.applied()
    stage.one.call("image.allocate", {"NAME": "disk", "TYPE": "DATABLOCK", "SIZE": "8"}, FILES, False)
    assert {change.key for change in plane.destroy(plane.observe(), Context()).changes}.isdisjoint({"default", "files"})
    destroy(plane, plane.observe())
    assert [one.name for one in stage.facts().clusters] == ["default"]
    assert (datastore(stage, DEFAULT), datastore(stage, FILES).clusters) == (before[0], before[1].clusters)


def test_a_removed_shared_datastore_is_added_again(newer: Stage) -> None:
    plane = newer.applied()
    newer.one.call("cluster.deldatastore", 100, DEFAULT)
    (change,) = changes_in(plane, plane.observe(), outputs(), reports())
    assert (change.before["SHARED_DATASTORES"], change.after["SHARED_DATASTORES"]) == ("files", "default, files")
    apply(plane, plane.observe(), outputs(), reports())
    assert shared(newer) == (DEFAULT, FILES)


def test_shared_datastores_by_id_by_name_and_none(newer: Stage) -> None:
    number = newer.one.call("datastore.allocate", THEIRS)
    named = newer.applied(of=spec(opennebula={"shared_datastores": ["theirs", DEFAULT, "default"]}))
    assert shared(newer) == (DEFAULT, number)
    assert changes_in(named, named.observe(), outputs(), reports()) == ()
    none = newer.plane(spec(opennebula={"shared_datastores": []}))
    apply(none, none.observe(), outputs(), reports())
    assert shared(newer) == ()
    assert changes_in(none, none.observe(), outputs(), reports()) == ()


def test_a_datastore_dropped_from_the_spec_does_not_stop_destroy(newer: Stage) -> None:
    """The cluster itself says what was added to it."""
    newer.applied()
    plane = newer.plane(spec(opennebula={"shared_datastores": []}))
    destroy(plane, plane.observe())
    assert [one.name for one in newer.facts().clusters] == ["default"]


def test_a_datastore_added_by_hand_and_named_in_the_spec_is_accepted(newer: Stage) -> None:
    """As was the way around the missing datastores before there was a field for them."""
    without = newer.applied(of=spec(opennebula={"shared_datastores": []}))
    newer.one.call("cluster.adddatastore", 100, DEFAULT)
    assert changes_in(without, without.observe(), outputs(), reports()) == ()
    plane = newer.plane()
    destroy(plane, plane.observe())
    assert [one.name for one in newer.facts().clusters] == ["default"]


def test_a_missing_shared_datastore_is_reported_before_any_change(newer: Stage) -> None:
    plane = newer.plane(spec(opennebula={"shared_datastores": ["absent", 7]}))
    text = "opennebula.shared_datastores: the front-end has no datastore absent and no 7"
    finding = next(one for one in plane.preflight() if one.check == "shared datastores")
    assert (finding.verdict, finding.text) == (
        Verdict.FAILURE,
        f"{text}; the datastores there are: 0 (system), 1 (default), 2 (files)",
    )
    newer.wire.methods.clear()
    with pytest.raises(OpenNebulaError, match=text):
        changes_in(plane, plane.observe(), outputs(), reports())
    assert not [method for method in newer.wire.methods if not method.endswith((".info", ".version"))]
    assert plane.destroy(plane.observe(), Context()).changes == ()
