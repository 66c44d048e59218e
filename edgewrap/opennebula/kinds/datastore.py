"""The two datastores of ours, and those of others that the cluster shares."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Self
from xml.etree.ElementTree import Element

from edgewrap.change import Action
from edgewrap.errors import OpenNebulaError
from edgewrap.opennebula.kinds.base import MARK_ATTRIBUTE, Existing, common
from edgewrap.opennebula.kinds.object_kind import Desired, DiffContext, OwnedObjects, SingleObject
from edgewrap.opennebula.kinds.operation import MERGE, Call, Operation, change
from edgewrap.opennebula.kinds.template import Template, text_of
from edgewrap.opennebula.kinds.update import ObjectUpdate, creation, id_or_ref
from edgewrap.opennebula.kinds.values import ids
from edgewrap.outputs import UNKNOWN, HostOutput

SAFE_DIRS = "/var/tmp /tmp"  # noqa: S108  the front-end may take image files from here, as with OneProvision
REPLICA = "REPLICA_HOST"


@dataclass(frozen=True, slots=True)
class DatastoreFacts(Existing):
    """A datastore, with the ids of the images in it."""

    kind = "datastore"
    api = "datastore"
    tag = "DATASTORE"
    join = "cluster.adddatastore"
    leave = "cluster.deldatastore"

    images: tuple[int, ...] = ()

    @classmethod
    def from_element(cls, element: Element) -> Self:
        return cls(*common(element), images=ids(element, "IMAGES"))


class _Datastore(SingleObject[DatastoreFacts, Desired]):
    facts = DatastoreFacts

    def diff_object(self, context: DiffContext, existing: DatastoreFacts | None, wanted: Desired) -> list[Operation]:
        if existing is None:
            return [creation(DatastoreFacts, wanted, context.identity, id_or_ref(context.cluster_id))]
        update = ObjectUpdate(existing)
        update.contents(wanted, context.identity)
        update.membership(context.cluster_id)
        return update.operation(wanted)


class ImageDatastore(_Datastore):
    """Images are files on the front-end, copied to the hosts over SSH."""

    key = "image-datastore"

    def desired_object(self, context: DiffContext) -> Desired:
        attributes: Template = {
            "TYPE": "IMAGE_DS",
            "DS_MAD": "fs",
            "TM_MAD": "ssh",
            "SAFE_DIRS": SAFE_DIRS,
            MARK_ATTRIBUTE: context.identity.mark(self.key),
        }
        return Desired(self.key, f"{context.identity.cluster}-image", attributes)

    def contents(self, ours: OwnedObjects) -> list[str]:
        existing = ours.one(self)
        if existing is None or not existing.images:
            return []
        return [f"the datastore {existing.name} has the images {', '.join(map(str, existing.images))}"]


class SystemDatastore(_Datastore):
    """VMs' disks are on the hosts; one host keeps copies of the images for the others."""

    key = "system-datastore"

    def desired_object(self, context: DiffContext) -> Desired:
        attributes: Template = {
            "TYPE": "SYSTEM_DS",
            "TM_MAD": "ssh",
            REPLICA: _replica_host(context.spec.opennebula.replica, context.outputs.hosts),
            MARK_ATTRIBUTE: context.identity.mark(self.key),
        }
        return Desired(self.key, f"{context.identity.cluster}-system", attributes)

    def move_replicas(
        self, ours: OwnedObjects, removed: Collection[str], replica: str, hosts: Mapping[str, HostOutput]
    ) -> list[Operation]:
        """Before the hosts `removed` (keys) are: if one of them keeps the replicas, a host that stays keeps them."""
        existing = ours.one(self)
        if existing is None or replica in removed:
            return []
        present = text_of(existing.template, REPLICA)
        wanted = _replica_host(replica, {key: host for key, host in hosts.items() if key not in removed})
        if wanted == UNKNOWN or present not in {ours.by_key[key].name for key in removed}:
            return []
        before, after = {REPLICA: present}, {REPLICA: wanted}
        moved = change(existing.kind, existing.name, Action.UPDATE, before, after, "its host will be removed")
        return [Operation(self.key, moved, (Call("datastore.update", (existing.id, after, MERGE)),))]


IMAGE_DATASTORE = ImageDatastore()
SYSTEM_DATASTORE = SystemDatastore()


def _replica_host(replica: str, hosts: Mapping[str, HostOutput]) -> str:
    """The name of the host that keeps the replicas: `auto` is the first host that works, `none` is empty (no
    replica), else a host's key. Raises OpenNebulaError for anything else."""
    if replica == "none":
        return ""
    if replica == "auto":
        return next(
            (host.name for host in sorted(hosts.values(), key=lambda host: (host.is_dead, host.lost_address))), ""
        )
    if replica in hosts:
        return hosts[replica].name
    raise OpenNebulaError(
        f"opennebula.replica: this cluster has no host {replica}",
        cause=f"the hosts are {', '.join(hosts) or 'none'}",
        advice="set it to auto (the first host), to none, or to one of these hosts",
    )


def find_shared(
    wanted: Sequence[int | str], datastores: Sequence[DatastoreFacts]
) -> tuple[tuple[DatastoreFacts, ...], list[int | str]]:
    """The datastores of `opennebula.shared_datastores`, by id or name, each once; and the ids and names that the
    front-end does not have."""
    by_word: dict[int | str, DatastoreFacts] = {}
    for one in reversed(datastores):
        by_word |= {one.id: one, one.name: one}
    found = {by_word[one].id: by_word[one] for one in wanted if one in by_word}
    return tuple(found.values()), [one for one in wanted if one not in by_word]


def shared(wanted: Sequence[int | str], datastores: Sequence[DatastoreFacts]) -> tuple[DatastoreFacts, ...]:
    """The datastores of `opennebula.shared_datastores`. Raises OpenNebulaError if one does not exist."""
    found, missing = find_shared(wanted, datastores)
    if missing:
        present = ", ".join(f"{one.id} ({one.name})" for one in sorted(datastores, key=lambda one: one.id))
        raise OpenNebulaError(
            f"opennebula.shared_datastores: the front-end has no datastore {' and no '.join(map(str, missing))}",
            cause=f"the datastores there are: {present or 'none'}",
            advice="correct the list: ids or names of datastores, `[]` for none",
        )
    return found
