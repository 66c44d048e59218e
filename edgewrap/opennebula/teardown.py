"""Removing single hosts and Elastic IPs before AWS removes them, or the whole cluster. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from edgewrap.errors import ForeignObjectError, InUseError
from edgewrap.opennebula.facts import OneFacts, OwnedObjects
from edgewrap.opennebula.kinds import KINDS, address_range, host
from edgewrap.opennebula.kinds.address_range import RangeFacts
from edgewrap.opennebula.kinds.base import Existing
from edgewrap.opennebula.kinds.operation import Operation
from edgewrap.opennebula.kinds.ownership import mark_of
from edgewrap.opennebula.kinds.system_datastore import SYSTEM_DATASTORE
from edgewrap.opennebula.kinds.virtual_network import PUBLIC_NETWORK
from edgewrap.outputs import Outputs


@dataclass(frozen=True, slots=True)
class Removal:
    """The hosts (by key) and address ranges to remove while the cluster stays. A host whose instance is replaced is one
    of them: it is enabled again later."""

    hosts: tuple[str, ...]
    ranges: tuple[RangeFacts, ...]


def to_remove(ours: OwnedObjects, outputs: Outputs, replaced: Collection[str] = ()) -> Removal:
    """Existing hosts and ranges that are not in `outputs`, and the hosts `replaced`; nothing that only changes."""
    hosts = tuple(key for key in ours.hosts if key not in outputs.hosts or key in replaced)
    wanted = [address_range.desired(eip) for eip in outputs.eips.values()]
    ranges = address_range.surplus(ours.network.ranges, wanted) if ours.network else ()
    return Removal(hosts, tuple(existing for existing in ranges if existing.key not in outputs.eips))


def releases(ours: OwnedObjects, removal: Removal, replica: str, outputs: Outputs) -> list[Operation]:
    """Disables the hosts, removes the ranges, and moves the replicas to a host that stays."""
    operations = _disabled(ours, removal.hosts)
    if ours.network is not None and removal.ranges:
        operations += PUBLIC_NETWORK.range_releases(ours.network, removal.ranges)
    return operations + SYSTEM_DATASTORE.move_replicas(ours, removal.hosts, replica, outputs.hosts)


def with_disabled(facts: OneFacts, ours: OwnedObjects, keys: Collection[str]) -> OneFacts:
    """The facts as they are once the hosts of these keys are disabled."""
    numbers = {ours.hosts[key].id for key in keys if ours.hosts[key].status == "enabled"}
    hosts = tuple(replace(one, state=host.DISABLED) if one.id in numbers else one for one in facts.hosts)
    return replace(facts, pools={**facts.pools, host.HostFacts: hosts})


def in_use(what: str, reasons: list[str]) -> InUseError:
    """The error that lists every reason at once."""
    return InUseError(
        f"{what}: {'; '.join(reasons)}",
        cause="VMs, leases, images, locks or objects of others are in the way",
        advice="move, delete or unlock the objects named above, then re-run",
    )


def uuid_of(facts: OneFacts, name: str) -> str:
    """The UUID in the marks of the cluster `name`; empty if there are none.

    Raises ForeignObjectError if there are two clusters of that name, of two Terraform states.
    """
    by_uuid: dict[str, Existing] = {}
    for existing in facts.everything:
        mark = mark_of(existing)
        trusted = existing.uid is None or (mark is not None and mark.owner_uid == str(existing.uid))
        if mark is not None and mark.cluster == name and trusted and not existing.derived:
            by_uuid.setdefault(mark.uuid, existing)
    if len(by_uuid) > 1:
        listed = ", ".join(f"{existing} with UUID {uuid}" for uuid, existing in by_uuid.items())
        raise ForeignObjectError(
            f"there are {len(by_uuid)} edgewrap clusters named {name}: {listed}",
            cause="they were made from different Terraform states, and this run has none",
            advice="run where the Terraform state of the right one is",
        )
    return next(iter(by_uuid), "")


def disable_operations(ours: OwnedObjects) -> list[Operation]:
    """First of all: the hosts of the cluster get no new VMs."""
    return _disabled(ours, ours.hosts)


def removals(ours: OwnedObjects, shared: Sequence[int] = ()) -> Iterator[Operation]:
    """The whole cluster, in reverse order of creation. `shared` are datastores of others in it, which are kept."""
    for kind in reversed(KINDS):
        yield from kind.removals(ours, shared)


def _disabled(ours: OwnedObjects, keys: Collection[str]) -> list[Operation]:
    return [host.disabling(ours.hosts[key], key) for key in keys if ours.hosts[key].status == "enabled"]
