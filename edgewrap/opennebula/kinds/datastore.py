"""What both kinds of datastores have in common, and the datastores of others that a cluster shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from edgewrap.errors import OpenNebulaError
from edgewrap.opennebula.kinds.base import Existing, common, ids
from edgewrap.opennebula.kinds.creation import creation
from edgewrap.opennebula.kinds.object_kind import Desired, DiffContext, SingleObject
from edgewrap.opennebula.kinds.operation import Operation
from edgewrap.opennebula.kinds.update import ObjectUpdate, id_or_ref

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element


@dataclass(frozen=True, slots=True)
class DatastoreFacts(Existing):
    """A datastore, with the ids of the images in it."""

    kind = "datastore"
    api = "datastore"
    command = "onedatastore"
    tag = "DATASTORE"
    pool = "datastorepool.info"
    join = "cluster.adddatastore"
    leave = "cluster.deldatastore"

    images: tuple[int, ...] = ()

    @classmethod
    def from_element(cls, element: Element) -> Self:
        return cls(*common(element), images=ids(element, "IMAGES"))


class Datastore(SingleObject[DatastoreFacts, Desired]):
    """A datastore of ours."""

    facts = DatastoreFacts

    def diff_object(self, context: DiffContext, existing: DatastoreFacts | None, wanted: Desired) -> list[Operation]:
        if existing is None:
            return [creation(DatastoreFacts, wanted, context.identity, id_or_ref(context.cluster_id))]
        update = ObjectUpdate(existing)
        update.attributes(wanted.attributes)
        update.name(wanted.name)
        update.owner(context.identity.owner_uid)
        update.membership(context.cluster_id)
        return update.operation(wanted)


def find_shared(
    wanted: Sequence[int | str], datastores: Sequence[DatastoreFacts]
) -> tuple[tuple[DatastoreFacts, ...], tuple[int | str, ...]]:
    """The datastores of `opennebula.shared_datastores`, by id or name, each once; and the ids and names that the
    front-end does not have."""
    found: dict[int, DatastoreFacts] = {}
    missing: list[int | str] = []
    for one in wanted:
        existing = next((present for present in datastores if one in (present.id, present.name)), None)
        if existing is None:
            missing.append(one)
        else:
            found[existing.id] = existing
    return tuple(found.values()), tuple(missing)


def shared(wanted: Sequence[int | str], datastores: Sequence[DatastoreFacts]) -> tuple[DatastoreFacts, ...]:
    """The datastores of `opennebula.shared_datastores`. Raises OpenNebulaError if one does not exist."""
    found, missing = find_shared(wanted, datastores)
    if missing:
        raise missing_shared(missing, datastores)
    return found


def missing_shared(missing: Sequence[int | str], datastores: Sequence[DatastoreFacts]) -> OpenNebulaError:
    """The error for shared datastores that do not exist."""
    present = ", ".join(f"{one.id} ({one.name})" for one in sorted(datastores, key=lambda one: one.id))
    return OpenNebulaError(
        f"opennebula.shared_datastores: the front-end has no datastore {' and no '.join(map(str, missing))}",
        cause=f"the datastores there are: {present or 'none'}",
        advice="correct the list: ids or names of datastores, `[]` for none",
    )
