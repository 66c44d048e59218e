"""Which objects are ours, and what to say of those that are not.

A mark alone proves nothing: a network that a tenant makes from our template inherits it, and so does a copy of the
template. An object is ours if the mark fits its kind, and it belongs to the owner of the cluster or the user of this
run.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from edgewrap.errors import ForeignObjectError
from edgewrap.opennebula.kinds import KINDS
from edgewrap.opennebula.kinds.base import MARK_ATTRIBUTE, Existing, Identity
from edgewrap.opennebula.kinds.host import HostFacts
from edgewrap.opennebula.kinds.object_kind import OwnedObjects
from edgewrap.opennebula.kinds.template import vector_of


@dataclass(frozen=True, slots=True)
class Mark:
    """The cluster's name, what the object is in it, the UUID of the cluster's Terraform state, the id of the user who
    owns the cluster, and the object's own id, empty if it was not written."""

    cluster: str
    key: str
    uuid: str
    owner_uid: str
    id: str


def mark_of(existing: Existing) -> Mark | None:
    """The object's mark, if it has one that fits its kind."""
    parts = vector_of(existing.template, MARK_ATTRIBUTE)
    mark = Mark(*(parts.get(part, "") for part in ("CLUSTER", "KEY", "UUID", "OWNER_UID", "ID")))
    return mark if mark.cluster and _fits(existing, mark.key) else None


def marked_hosts(cluster: str, hosts: Iterable[HostFacts]) -> dict[str, HostFacts]:
    """The hosts with the mark of a cluster of this name, by key. Of two with one key, the newer one."""
    marks = ((mark_of(one), one) for one in sorted(hosts, key=lambda one: one.id))
    return {mark.key: one for mark, one in marks if mark is not None and mark.cluster == cluster}


def ours(identity: Identity, objects: Iterable[Existing]) -> OwnedObjects:
    """Our objects among `objects`. Of two with one key, the older one is ours."""
    found = {our_key(identity, existing): existing for existing in sorted(objects, key=lambda one: -one.id)}
    return OwnedObjects({key: found[key] for key in sorted(found.keys() - {""}, key=_place)})


def our_key(identity: Identity, existing: Existing) -> str:
    """The key of an object of ours; empty for others' objects."""
    if existing.derived:
        return ""
    if existing.uid is not None and existing.uid not in (identity.owner_uid, identity.user_uid):
        return ""
    mark = mark_of(existing)
    if mark is not None:
        copied = mark.id not in ("", str(existing.id))
        return mark.key if (mark.cluster, mark.uuid) == (identity.cluster, identity.uuid) and not copied else ""
    key = existing.name.removeprefix(identity.temporary_name(""))
    return key if existing.name == identity.temporary_name(key) and _fits(existing, key) else ""


def refuse_foreign(identity: Identity, name: str, mine: Existing | None, same_name: Iterable[Existing]) -> None:
    """Raises ForeignObjectError if an object that is not ours is among those that have the name that ours will get."""
    if mine is not None and mine.name == name:
        return
    for existing in same_name:
        if not our_key(identity, existing):
            raise foreign(identity, existing)


def foreign(identity: Identity, existing: Existing) -> ForeignObjectError:
    """The error for an object in our way: what it is, and whose."""
    mark = mark_of(existing)
    owner = f"it belongs to the user {existing.owner}" if existing.owner else "this kind of object has no owner"
    advice = existing.advice_if_in_the_way(identity.cluster)
    if mark is None or existing.derived:
        cause = f"{owner}, and edgewrap did not make it"
    elif mark.id not in ("", str(existing.id)):
        cause = f"{owner}, and it is a copy of an object of the cluster {mark.cluster}, whose id is or was {mark.id}"
    elif (mark.cluster, mark.uuid) == (identity.cluster, identity.uuid):
        cause = f"it carries this cluster's mark, but {owner}"
        advice = f"give it back (`{existing.command} chown {existing.id} {identity.owner_uid}`), or rename it"
    else:
        cause = (
            f"it is part of the edgewrap cluster {mark.cluster} of another Terraform state (UUID {mark.uuid}), "
            f"owned by the user with id {mark.owner_uid}"
        )
        advice += "; if that cluster is this one, run where its Terraform state is"
    return ForeignObjectError(f"{existing} is in the way", cause=cause, advice=advice)


def _fits(existing: Existing, key: str) -> bool:
    """Whether an object of this class can have this key."""
    return any(isinstance(existing, kind.facts) and kind.has_key(key) for kind in KINDS)


def _place(key: str) -> tuple[int, int]:
    index = key.rpartition("-")[2]
    kind = next(number for number, kind in enumerate(KINDS) if kind.has_key(key))
    return kind, int(index) if index.isdecimal() else 0
