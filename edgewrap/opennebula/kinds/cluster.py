"""The cluster, named as the spec is, and the datastores of others that are shared with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self
from xml.etree.ElementTree import Element

from edgewrap.change import Action
from edgewrap.opennebula.kinds import datastore
from edgewrap.opennebula.kinds.base import CLUSTER_KEY, MARK_ATTRIBUTE, Existing, common
from edgewrap.opennebula.kinds.datastore import DatastoreFacts
from edgewrap.opennebula.kinds.object_kind import Desired, DiffContext, OwnedObjects, SingleObject
from edgewrap.opennebula.kinds.operation import Call, DeleteCluster, Operation, Ref, change, deletion, shown
from edgewrap.opennebula.kinds.template import Template, text_of
from edgewrap.opennebula.kinds.update import ObjectUpdate, marked_and_renamed
from edgewrap.opennebula.kinds.values import ids, parsed

SHARED_ATTRIBUTE = "EDGEWRAP_DATASTORES"  # the ids of the shared datastores that edgewrap has added
_SHARED = "SHARED_DATASTORES"  # how a plan shows them


@dataclass(frozen=True, slots=True)
class ClusterFacts(Existing):
    """A cluster, with the ids of what is in it."""

    kind = "cluster"
    api = "cluster"
    tag = "CLUSTER"

    hosts: tuple[int, ...] = ()
    datastores: tuple[int, ...] = ()
    networks: tuple[int, ...] = ()

    @classmethod
    def from_element(cls, element: Element) -> Self:
        return cls(*common(element), *(ids(element, path) for path in ("HOSTS", "DATASTORES", "VNETS")))

    @property
    def shared(self) -> tuple[int, ...]:
        """The ids of the shared datastores that edgewrap has added."""
        listed = map(parsed, text_of(self.template, SHARED_ATTRIBUTE).split(","))
        return tuple(one for one in listed if one is not None)

    @property
    def members(self) -> Mapping[str, tuple[int, ...]]:
        """The ids of what is in it, by `api` of their kind. A cluster can hold no other kinds."""
        return {"host": self.hosts, "datastore": self.datastores, "vn": self.networks}


@dataclass(frozen=True, slots=True)
class DesiredCluster(Desired):
    """The cluster as it should be. `shared` are datastores of others that should be in it."""

    shared: tuple[DatastoreFacts, ...] = ()


class Cluster(SingleObject[ClusterFacts, DesiredCluster]):
    facts = ClusterFacts
    key = CLUSTER_KEY

    def desired_object(self, context: DiffContext) -> DesiredCluster:
        """The cluster has its mark, and the ids of the datastores that were added to it: a later run removes those
        from it that the spec no longer names."""
        shared = datastore.shared(context.spec.opennebula.shared_datastores, context.facts.datastores)
        listed = ",".join(map(str, sorted(one.id for one in shared)))
        attributes: Template = {MARK_ATTRIBUTE: context.identity.mark(self.key), SHARED_ATTRIBUTE: listed}
        return DesiredCluster(self.key, context.identity.cluster, attributes, shared)

    def diff_object(
        self, context: DiffContext, existing: ClusterFacts | None, wanted: DesiredCluster
    ) -> list[Operation]:
        if existing is None:
            return [_creation(wanted, context.identity.temporary_name(self.key))]
        update = ObjectUpdate(existing)
        added = [one for one in wanted.shared if one.id not in existing.datastores]
        kept = {one.id for one in wanted.shared}
        removed = [one for one in existing.shared if one not in kept and one in existing.datastores]
        if added or removed:
            names = {one.id: one.name for one in context.facts.datastores}
            present = [names.get(one, str(one)) for one in existing.datastores if one in kept or one in removed]
            update.differs(_SHARED, ", ".join(present), ", ".join(one.name for one in wanted.shared))
        update.steps += [Call(DatastoreFacts.leave, (existing.id, one)) for one in removed]
        update.contents(wanted, context.identity)
        update.steps += [Call(DatastoreFacts.join, (existing.id, one.id)) for one in added]
        return update.operation(wanted)

    def removals(self, ours: OwnedObjects, shared: Sequence[int]) -> Iterable[Operation]:
        """The front-end deletes no cluster with datastores in it, so the shared ones are removed from it first."""
        existing = ours.one(self)
        if existing is not None:
            leaving = (Call(DatastoreFacts.leave, (existing.id, one)) for one in shared)
            yield deletion(existing, self.key, (*leaving, DeleteCluster(existing.id)))


CLUSTER = Cluster()


def _creation(wanted: DesiredCluster, first_name: str) -> Operation:
    after = {name: text for name, text in shown(wanted.attributes).items() if name != SHARED_ATTRIBUTE}
    if wanted.shared:
        after[_SHARED] = ", ".join(one.name for one in wanted.shared)
    steps = (
        Call("cluster.allocate", (first_name,)),
        *marked_and_renamed(ClusterFacts, wanted),
        *(Call(DatastoreFacts.join, (Ref(wanted.key), one.id)) for one in wanted.shared),
    )
    return Operation(wanted.key, change(ClusterFacts.kind, wanted.label, Action.CREATE, after=after), steps)
