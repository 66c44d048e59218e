"""The image datastore on the front-end, and the system datastore on the hosts' own disks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgewrap.change import Action
from edgewrap.errors import OpenNebulaError
from edgewrap.opennebula.kinds.base import MARK_ATTRIBUTE, Existing, Kind, common, ids
from edgewrap.opennebula.kinds.operation import Call, Operation, Ref, Step, change, filled, shown
from edgewrap.opennebula.kinds.ownership import IMAGE_KEY, SYSTEM_KEY, Identity
from edgewrap.opennebula.kinds.template import Template, Value
from edgewrap.opennebula.kinds.update import ObjectUpdate, id_or_ref
from edgewrap.outputs import HostOutput

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

SAFE_DIRS = "/var/tmp /tmp"  # noqa: S108  where the front-end may take image files from, as OneProvision had it


@dataclass(frozen=True, slots=True)
class DatastoreFacts(Existing):
    """A datastore, with the ids of the images in it."""

    images: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class DesiredDatastore:
    """A datastore as it should be."""

    key: str
    name: str
    attributes: Template


def parse(pool: Element) -> tuple[DatastoreFacts, ...]:
    """The answer of one.datastorepool.info."""
    return tuple(
        DatastoreFacts(*common(Kind.DATASTORE, element), images=ids(element, "IMAGES"))
        for element in pool.findall("DATASTORE")
    )


def desired_image(identity: Identity) -> DesiredDatastore:
    """Images are files on the front-end, copied to the hosts over SSH."""
    attributes: dict[str, Value] = {
        "TYPE": "IMAGE_DS",
        "DS_MAD": "fs",
        "TM_MAD": "ssh",
        "SAFE_DIRS": SAFE_DIRS,
        MARK_ATTRIBUTE: identity.mark(IMAGE_KEY).attributes(),
    }
    return DesiredDatastore(IMAGE_KEY, f"{identity.cluster}-image", attributes)


def desired_system(identity: Identity, replica: str, hosts: Mapping[str, HostOutput]) -> DesiredDatastore:
    """VMs' disks are on the hosts; one host keeps copies of the images for the others."""
    attributes: dict[str, Value] = {
        "TYPE": "SYSTEM_DS",
        "TM_MAD": "ssh",
        "REPLICA_HOST": replica_host(replica, hosts),
        MARK_ATTRIBUTE: identity.mark(SYSTEM_KEY).attributes(),
    }
    return DesiredDatastore(SYSTEM_KEY, f"{identity.cluster}-system", attributes)


def replica_host(replica: str, hosts: Mapping[str, HostOutput]) -> str:
    """The name of the host that keeps the replicas: `auto` is the first host that is not dead, `none` is empty (no
    replica), else a host's key. Raises OpenNebulaError for anything else."""
    if replica == "none":
        return ""
    if replica == "auto":
        return next((host.name for host in sorted(hosts.values(), key=lambda host: host.is_dead)), "")
    if replica in hosts:
        return hosts[replica].name
    raise OpenNebulaError(
        f"opennebula.replica: {replica} is no host of this cluster",
        cause=f"the hosts are {', '.join(hosts) or 'none'}",
        advice="set it to auto (the first host), to none, or to one of these hosts",
    )


def find_shared(
    wanted: Sequence[int | str], datastores: Sequence[DatastoreFacts]
) -> tuple[tuple[DatastoreFacts, ...], tuple[int | str, ...]]:
    """The datastores of `opennebula.shared_datastores`, by id or name, each once; and what of it is not there."""
    found: dict[int, DatastoreFacts] = {}
    missing: list[int | str] = []
    for one in wanted:
        existing = next((there for there in datastores if one in (there.id, there.name)), None)
        if existing is None:
            missing.append(one)
        else:
            found[existing.id] = existing
    return tuple(found.values()), tuple(missing)


def shared(wanted: Sequence[int | str], datastores: Sequence[DatastoreFacts]) -> tuple[DatastoreFacts, ...]:
    """The same. Raises OpenNebulaError if one is not there."""
    found, missing = find_shared(wanted, datastores)
    if missing:
        raise missing_shared(missing, datastores)
    return found


def missing_shared(missing: Sequence[int | str], datastores: Sequence[DatastoreFacts]) -> OpenNebulaError:
    """The error for shared datastores that are not there."""
    present = ", ".join(f"{one.id} ({one.name})" for one in sorted(datastores, key=lambda one: one.id))
    return OpenNebulaError(
        f"opennebula.shared_datastores: the front-end has no datastore {' and no '.join(map(str, missing))}",
        cause=f"the datastores there are: {present or 'none'}",
        advice="correct the list: ids or names of datastores, `[]` for none",
    )


def diff(
    existing: DatastoreFacts | None, wanted: DesiredDatastore, identity: Identity, cluster_id: int | None
) -> list[Operation]:
    """What makes the datastore as it should be."""
    if existing is None:
        return [_creation(wanted, identity, cluster_id)]
    update = ObjectUpdate(existing)
    update.attributes(wanted.attributes)
    update.name(wanted.name)
    update.owner(identity.owner_uid)
    update.membership(cluster_id)
    return update.operation(wanted.key, wanted.name)


def _creation(wanted: DesiredDatastore, identity: Identity, cluster_id: int | None) -> Operation:
    template: dict[str, Value] = {"NAME": wanted.name, **filled(wanted.attributes)}
    steps: list[Step] = [Call("datastore.allocate", (template, id_or_ref(cluster_id)))]
    if identity.owner_uid != identity.user_uid:
        steps.append(Call("datastore.chown", (Ref(wanted.key), identity.owner_uid, -1)))
    created = change(Kind.DATASTORE.word, wanted.name, Action.CREATE, after=shown(wanted.attributes))
    return Operation(wanted.key, created, tuple(steps))
