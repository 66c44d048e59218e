"""The cluster, named as the spec is, and the datastores of others that are shared with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgewrap.change import Action
from edgewrap.opennebula.kinds.base import MARK_ATTRIBUTE, Existing, Kind, common, ids
from edgewrap.opennebula.kinds.datastore import DatastoreFacts
from edgewrap.opennebula.kinds.operation import MERGE, Call, DeleteCluster, Operation, Ref, change, shown
from edgewrap.opennebula.kinds.ownership import CLUSTER_KEY, Identity, temporary_name
from edgewrap.opennebula.kinds.template import Template, text_of
from edgewrap.opennebula.kinds.update import ObjectUpdate

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

SHARED_ATTRIBUTE = "EDGEWRAP_DATASTORES"  # the ids of the shared datastores that edgewrap has added
_SHARED = "SHARED_DATASTORES"  # how a plan shows them


@dataclass(frozen=True, slots=True)
class ClusterFacts(Existing):
    """A cluster, with the ids of what is in it."""

    hosts: tuple[int, ...] = ()
    datastores: tuple[int, ...] = ()
    networks: tuple[int, ...] = ()

    @property
    def shared(self) -> tuple[int, ...]:
        """The ids of the shared datastores that edgewrap has added."""
        listed = text_of(self.template, SHARED_ATTRIBUTE).split(",")
        return tuple(int(one) for one in listed if one.isdecimal())


@dataclass(frozen=True, slots=True)
class DesiredCluster:
    """The cluster as it should be. `shared` are datastores of others that should be in it."""

    name: str
    attributes: Template
    shared: tuple[DatastoreFacts, ...] = ()


def parse(pool: Element) -> tuple[ClusterFacts, ...]:
    """The answer of one.clusterpool.info."""
    return tuple(
        ClusterFacts(
            *common(Kind.CLUSTER, element),
            hosts=ids(element, "HOSTS"),
            datastores=ids(element, "DATASTORES"),
            networks=ids(element, "VNETS"),
        )
        for element in pool.findall("CLUSTER")
    )


def desired(identity: Identity, shared: Sequence[DatastoreFacts] = ()) -> DesiredCluster:
    """The cluster carries its mark, and which datastores were added to it: a later run takes those out again that the
    spec no longer names."""
    listed = ",".join(str(one.id) for one in sorted(shared, key=lambda one: one.id))
    attributes: Template = {MARK_ATTRIBUTE: identity.mark(CLUSTER_KEY).attributes(), SHARED_ATTRIBUTE: listed}
    return DesiredCluster(identity.cluster, attributes, tuple(shared))


def diff(
    existing: ClusterFacts | None, wanted: DesiredCluster, uuid: str, names: Mapping[int, str] | None = None
) -> list[Operation]:
    """What makes the cluster as it should be. `names` are those of all datastores, by id."""
    if existing is None:
        return [_creation(wanted, uuid)]
    update = ObjectUpdate(existing)
    added = [one for one in wanted.shared if one.id not in existing.datastores]
    kept = {one.id for one in wanted.shared}
    removed = [one for one in existing.shared if one not in kept and one in existing.datastores]
    if added or removed:
        known = names or {}
        present = [known.get(one, str(one)) for one in existing.datastores if one in kept or one in removed]
        update.differs(_SHARED, ", ".join(present), ", ".join(one.name for one in wanted.shared))
    update.steps += [Call("cluster.deldatastore", (existing.id, one)) for one in removed]
    update.attributes(wanted.attributes)
    update.name(wanted.name)
    update.steps += [Call("cluster.adddatastore", (existing.id, one.id)) for one in added]
    return update.operation(CLUSTER_KEY, wanted.name)


def removal(existing: ClusterFacts, shared: Sequence[int]) -> Operation:
    """Deletes the cluster. The front-end refuses that while datastores are in it: the shared ones leave it first."""
    gone = change(Kind.CLUSTER.word, existing.name, Action.DELETE, {"ID": str(existing.id)})
    leaving = (Call("cluster.deldatastore", (existing.id, one)) for one in shared)
    return Operation(CLUSTER_KEY, gone, (*leaving, DeleteCluster(existing.id)))


def _creation(wanted: DesiredCluster, uuid: str) -> Operation:
    made = Ref(CLUSTER_KEY)
    after = {name: text for name, text in shown(wanted.attributes).items() if name != SHARED_ATTRIBUTE}
    if wanted.shared:
        after[_SHARED] = ", ".join(one.name for one in wanted.shared)
    return Operation(
        CLUSTER_KEY,
        change(Kind.CLUSTER.word, wanted.name, Action.CREATE, after=after),
        (
            Call("cluster.allocate", (temporary_name(uuid, CLUSTER_KEY),)),
            Call("cluster.update", (made, wanted.attributes, MERGE)),
            Call("cluster.rename", (made, wanted.name)),
            *(Call("cluster.adddatastore", (made, one.id)) for one in wanted.shared),
        ),
    )
