"""The steps that update an object of ours: attributes, name, owner, cluster."""

from __future__ import annotations

from collections.abc import Collection

from edgewrap.change import Action
from edgewrap.opennebula.kinds.base import Existing
from edgewrap.opennebula.kinds.identity import CLUSTER_KEY
from edgewrap.opennebula.kinds.object_kind import Desired
from edgewrap.opennebula.kinds.operation import MERGE, Call, Operation, Ref, Step, change, differences
from edgewrap.opennebula.kinds.template import Template
from edgewrap.outputs import UNKNOWN

LEAVE_GROUP = -1


class ObjectUpdate:
    """Collects what differs in one existing object, and the steps that correct it."""

    def __init__(self, existing: Existing) -> None:
        self._existing = existing
        self.before: dict[str, str] = {}
        self.after: dict[str, str] = {}
        self.steps: list[Step] = []
        self.deferred_steps: list[Step] = []

    def attributes(self, wanted: Template) -> None:
        """Attributes that others set stay."""
        difference = differences(self._existing.template, wanted)
        if difference.update:
            self.before |= difference.before
            self.after |= difference.after
            self._call("update", difference.update, MERGE)

    def name(self, wanted: str) -> None:
        """Objects are found by their mark, whatever their name is."""
        if self._existing.name != wanted:
            self.differs("NAME", self._existing.name, wanted)
            self._call("rename", wanted)

    def owner(self, uid: int) -> None:
        """If two operators share a cluster, all of its objects belong to the owner."""
        if self._existing.uid != uid:
            self.differs("UID", str(self._existing.uid), str(uid))
            self._call("chown", uid, LEAVE_GROUP)

    def membership(self, cluster_id: int | None, leaving: Collection[int] = ()) -> None:
        """In our cluster, and no longer in the clusters `leaving`. Other clusters are left alone."""
        existing = self._existing
        joins = cluster_id is None or cluster_id not in existing.clusters
        if not (joins or leaving):
            return
        moves = not existing.leave  # an object of this kind is in one cluster only
        kept = () if moves else (one for one in existing.clusters if one not in leaving and one != cluster_id)
        present = ",".join(str(cluster) for cluster in existing.clusters)
        self.differs("CLUSTER_ID", present, ",".join([*map(str, kept), id_text(cluster_id)]))
        if joins:
            self.steps.append(Call(existing.join, (id_or_ref(cluster_id), existing.id)))
        self.steps += [Call(existing.leave, (cluster, existing.id)) for cluster in leaving]

    def status(self, was: str, wanted: str, number: int) -> None:
        """A host is enabled after all other operations."""
        self.differs("STATUS", was, wanted)
        self.deferred_steps.append(Call("host.status", (self._existing.id, number)))

    def operation(self, wanted: Desired, why: str = "") -> list[Operation]:
        """One operation, or none if nothing differs."""
        if not (self.steps or self.deferred_steps):
            return []
        updated = change(self._existing.kind, wanted.label, Action.UPDATE, self.before, self.after, why)
        return [Operation(wanted.key, updated, tuple(self.steps), tuple(self.deferred_steps))]

    def differs(self, name: str, before: str, after: str) -> None:
        """One more difference for people."""
        self.before[name], self.after[name] = before, after

    def _call(self, action: str, *arguments: int | str | Template) -> None:
        self.steps.append(Call(f"{self._existing.api}.{action}", (self._existing.id, *arguments)))


def id_or_ref(cluster_id: int | None) -> int | Ref:
    """Our cluster in a call: its id, or a reference if this run creates it."""
    return Ref(CLUSTER_KEY) if cluster_id is None else cluster_id


def id_text(cluster_id: int | None) -> str:
    """Our cluster's id for people."""
    return UNKNOWN if cluster_id is None else str(cluster_id)
