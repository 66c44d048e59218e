"""The steps that create and update an object of ours: attributes, name, owner, cluster."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from edgewrap.change import Action
from edgewrap.opennebula.kinds.base import CLUSTER_KEY, Existing, Identity
from edgewrap.opennebula.kinds.object_kind import Desired
from edgewrap.opennebula.kinds.operation import (
    MERGE,
    Call,
    Operation,
    Ref,
    Step,
    WriteOwnId,
    change,
    differences,
    shown,
)
from edgewrap.opennebula.kinds.template import Template
from edgewrap.outputs import UNKNOWN

LEAVE_GROUP = -1


class ObjectUpdate:
    """Collects what differs in one existing object, and the steps that correct it."""

    def __init__(self, existing: Existing) -> None:
        self._existing = existing
        self._before: dict[str, str] = {}
        self._after: dict[str, str] = {}
        self.steps: list[Step] = []
        self.deferred_steps: list[Step] = []

    def contents(self, wanted: Desired, identity: Identity) -> None:
        """Attributes, name and owner. Attributes that others set stay. Objects are found by their mark, whatever their
        name is. If two operators share a cluster, all of its objects belong to the owner."""
        existing = self._existing
        before, after, update = differences(existing.template, wanted.attributes)
        if update:
            self._before |= before
            self._after |= after
            self._call("update", update, MERGE)
        if existing.name != wanted.name:
            self.differs("NAME", existing.name, wanted.name)
            self._call("rename", wanted.name)
        if existing.uid is not None and existing.uid != identity.owner_uid:
            self.differs("UID", str(existing.uid), str(identity.owner_uid))
            self._call("chown", identity.owner_uid, LEAVE_GROUP)

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

    def operation(self, wanted: Desired, why: str = "") -> list[Operation]:
        """One operation, or none if nothing differs."""
        if not (self.steps or self.deferred_steps):
            return []
        updated = change(self._existing.kind, wanted.label, Action.UPDATE, self._before, self._after, why)
        return [Operation(wanted.key, updated, tuple(self.steps), tuple(self.deferred_steps))]

    def differs(self, name: str, before: str, after: str) -> None:
        """One more difference for people."""
        self._before[name], self._after[name] = before, after

    def _call(self, action: str, *arguments: int | str | Template) -> None:
        self.steps.append(Call(f"{self._existing.api}.{action}", (self._existing.id, *arguments)))


def creation(facts: type[Existing], wanted: Desired, identity: Identity, *cluster: int | Ref) -> Operation:
    """Creates an object with all of its attributes, in the `cluster` if its kind is created in one."""
    created = change(facts.kind, wanted.label, Action.CREATE, after=shown(wanted.attributes))
    steps = (allocation(facts, wanted, *cluster), *given_to_owner(facts, wanted.key, identity))
    return Operation(wanted.key, created, steps)


def copyable_creation(facts: type[Existing], wanted: Desired, identity: Identity) -> Operation:
    """`creation` of an object that users can copy, mark included: the mark gets the object's own id."""
    operation = creation(facts, wanted, identity)
    return replace(operation, steps=(*operation.steps, WriteOwnId(facts.api, identity.mark(wanted.key))))


def allocation(facts: type[Existing], wanted: Desired, *cluster: int | Ref) -> Call:
    """The call that creates an object, with the attributes that are not empty."""
    filled = {name: value for name, value in wanted.attributes.items() if value}
    return Call(f"{facts.api}.allocate", ({"NAME": wanted.name, **filled}, *cluster))


def given_to_owner(facts: type[Existing], key: str, identity: Identity) -> tuple[Call, ...]:
    """Gives a new object to the owner of the cluster, if another user runs."""
    if identity.owner_uid == identity.user_uid:
        return ()
    return (Call(f"{facts.api}.chown", (Ref(key), identity.owner_uid, LEAVE_GROUP)),)


def marked_and_renamed(facts: type[Existing], wanted: Desired) -> tuple[Call, ...]:
    """Gives a new object with a temporary name its attributes, the mark among them, and only then its name."""
    made = Ref(wanted.key)
    return (
        Call(f"{facts.api}.update", (made, wanted.attributes, MERGE)),
        Call(f"{facts.api}.rename", (made, wanted.name)),
    )


def id_or_ref(cluster_id: int | None) -> int | Ref:
    """Our cluster in a call: its id, or a reference if this run creates it."""
    return Ref(CLUSTER_KEY) if cluster_id is None else cluster_id


def id_text(cluster_id: int | None) -> str:
    """Our cluster's id for people."""
    return UNKNOWN if cluster_id is None else str(cluster_id)
