"""Ours and not ours: the mark that every object of ours carries, `EDGEWRAP = [ CLUSTER, KEY, UUID, OWNER_UID ]`.

A mark alone proves nothing: a network that a tenant makes from our template inherits it, and so does a copy of the
template. An object is ours where the mark fits its kind and it belongs to who owns the cluster, or to us.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from edgewrap.errors import ForeignObjectError
from edgewrap.opennebula.kinds.base import MARK_ATTRIBUTE, Existing, Kind
from edgewrap.opennebula.kinds.template import vector_of

CLUSTER_KEY = "cluster"
IMAGE_KEY = "image-datastore"
SYSTEM_KEY = "system-datastore"
NETWORK_KEY = "public-network"
TEMPLATE_KEY = "private-template"
_HOST_KEY = re.compile(r"host-\d+")
_KINDS = {
    CLUSTER_KEY: Kind.CLUSTER,
    IMAGE_KEY: Kind.DATASTORE,
    SYSTEM_KEY: Kind.DATASTORE,
    NETWORK_KEY: Kind.NETWORK,
    TEMPLATE_KEY: Kind.TEMPLATE,
}


@dataclass(frozen=True, slots=True)
class Mark:
    """Whose an object is: the cluster's name, what the object is in it, the UUID of the cluster's Terraform state,
    and the id of the user who owns the cluster."""

    cluster: str
    key: str
    uuid: str
    owner_uid: str

    def attributes(self) -> dict[str, str]:
        """The parts of the vector attribute."""
        return {"CLUSTER": self.cluster, "KEY": self.key, "UUID": self.uuid, "OWNER_UID": self.owner_uid}


@dataclass(frozen=True, slots=True)
class Identity:
    """The cluster that a run is about: its name and UUID, who owns it, and who runs."""

    cluster: str
    uuid: str
    owner_uid: int
    user_uid: int

    def mark(self, key: str) -> Mark:
        """The mark of our object `key`."""
        return Mark(self.cluster, key, self.uuid, str(self.owner_uid))


def mark_of(existing: Existing) -> Mark | None:
    """The object's mark, where it has one that fits its kind."""
    parts = vector_of(existing.template, MARK_ATTRIBUTE)
    mark = Mark(parts.get("CLUSTER", ""), parts.get("KEY", ""), parts.get("UUID", ""), parts.get("OWNER_UID", ""))
    return mark if mark.cluster and kind_of(mark.key) is existing.kind else None


def kind_of(key: str) -> Kind | None:
    """The kind that a key stands for."""
    return Kind.HOST if _HOST_KEY.fullmatch(key) else _KINDS.get(key)


def temporary_name(uuid: str, key: str) -> str:
    """The name under which a cluster or host is made, before it is marked and gets its own.

    Neither can be made with a mark: without this name, a run that dies in between would leave an object that nobody
    could tell from somebody else's.
    """
    return f"edgewrap-{uuid}-{key}"


Kept = TypeVar("Kept", bound=Existing)


def ours(identity: Identity, objects: Iterable[Kept]) -> dict[str, Kept]:
    """Our objects among `objects`, by key. Of two with one key, the older one is ours."""
    found: dict[str, Kept] = {}
    for existing in sorted(objects, key=lambda existing: existing.id):
        key = our_key(identity, existing)
        if key:
            found.setdefault(key, existing)
    return found


def our_key(identity: Identity, existing: Existing) -> str:
    """The key of an object of ours; empty for others' objects."""
    if existing.derived:
        return ""
    if existing.uid is not None and existing.uid not in (identity.owner_uid, identity.user_uid):
        return ""
    mark = mark_of(existing)
    if mark is not None:
        return mark.key if (mark.cluster, mark.uuid) == (identity.cluster, identity.uuid) else ""
    prefix = temporary_name(identity.uuid, "")
    key = existing.name.removeprefix(prefix)
    return key if existing.name.startswith(prefix) and kind_of(key) is existing.kind else ""


def refuse_foreign(identity: Identity, name: str, mine: Existing | None, objects: Sequence[Existing]) -> None:
    """Raises ForeignObjectError where an object that is not ours has the name that ours is to get."""
    if mine is not None and mine.name == name:
        return
    for existing in objects:
        if existing.name == name and not our_key(identity, existing):
            raise foreign(identity, existing)


def foreign(identity: Identity, existing: Existing) -> ForeignObjectError:
    """The error for an object in our way: what it is, and whose."""
    mark = mark_of(existing)
    owner = f"it belongs to the user {existing.owner}" if existing.owner else "this kind of object has no owner"
    if existing.kind is Kind.HOST:
        advice = (
            f"it has the address of an instance of this cluster, after which hosts are named: if it is out of date, "
            f"`onehost delete {existing.id}`"
        )
    else:
        advice = f"rename or delete it if it is not needed, or give this cluster another name than {identity.cluster}"
    if mark is None or existing.derived:
        return ForeignObjectError(
            f"{existing} is in the way", cause=f"{owner}, and edgewrap did not make it", advice=advice
        )
    if (mark.cluster, mark.uuid) == (identity.cluster, identity.uuid):
        return ForeignObjectError(
            f"{existing} is in the way",
            cause=f"it carries this cluster's mark, but {owner}",
            advice=f"give it back (`{existing.kind.command} chown {existing.id} {identity.owner_uid}`), or rename it",
        )
    return ForeignObjectError(
        f"{existing} is in the way",
        cause=(
            f"it is part of the edgewrap cluster {mark.cluster} of another Terraform state (UUID {mark.uuid}), "
            f"owned by the user with id {mark.owner_uid}"
        ),
        advice=f"{advice}; if that cluster is this one, run where its Terraform state is",
    )
