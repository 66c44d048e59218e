"""Removing single hosts and Elastic IPs before AWS removes them, or the whole cluster. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from edgewrap.counted import counted
from edgewrap.errors import ForeignObjectError
from edgewrap.opennebula.diff import OpenNebulaPlan
from edgewrap.opennebula.facts import OneFacts
from edgewrap.opennebula.kinds import KINDS, address_range, host
from edgewrap.opennebula.kinds.address_range import RangeFacts
from edgewrap.opennebula.kinds.base import Existing
from edgewrap.opennebula.kinds.datastore import SYSTEM_DATASTORE
from edgewrap.opennebula.kinds.host import HOSTS
from edgewrap.opennebula.kinds.object_kind import OwnedObjects
from edgewrap.opennebula.kinds.operation import Operation
from edgewrap.opennebula.kinds.ownership import mark_of
from edgewrap.opennebula.kinds.virtual_network import PUBLIC_NETWORK
from edgewrap.outputs import Outputs


def to_remove(
    ours: OwnedObjects, outputs: Outputs, replaced: Collection[str]
) -> tuple[tuple[str, ...], tuple[RangeFacts, ...]]:
    """The hosts (by key) and address ranges to remove while the cluster stays: those that are not in `outputs`, and the
    hosts `replaced`, whose instance is replaced: they are enabled again later. Nothing that only changes."""
    hosts = tuple(key for key in ours.of(HOSTS) if key not in outputs.hosts or key in replaced)
    wanted = [address_range.desired(eip) for eip in outputs.eips.values()]
    network = ours.one(PUBLIC_NETWORK)
    ranges = address_range.surplus(network.ranges, wanted) if network else ()
    return hosts, tuple(existing for existing in ranges if existing.key not in outputs.eips)


def releases(
    ours: OwnedObjects, hosts: Collection[str], ranges: Collection[RangeFacts], replica: str, outputs: Outputs
) -> tuple[Operation, ...]:
    """Disables the hosts, removes the ranges, and moves the replicas to a host that stays."""
    operations = _disabled(ours, hosts)
    network = ours.one(PUBLIC_NETWORK)
    if network is not None and ranges:
        operations += PUBLIC_NETWORK.range_releases(network, ranges)
    return (*operations, *SYSTEM_DATASTORE.move_replicas(ours, hosts, replica, outputs.hosts))


def with_disabled(facts: OneFacts, ours: OwnedObjects, keys: Collection[str]) -> OneFacts:
    """The facts as they are once the hosts of these keys are disabled."""
    numbers = {one.id for key, one in ours.of(HOSTS).items() if key in keys and one.status == "enabled"}
    hosts = tuple(replace(one, state=host.DISABLED) if one.id in numbers else one for one in facts.hosts)
    return replace(facts, pools={**facts.pools, host.HostFacts: hosts})


def destroy_plan(ours: OwnedObjects, shared: Sequence[int]) -> OpenNebulaPlan:
    """Removes the whole cluster: first its hosts get no new VMs, then all is deleted in reverse order of creation.
    `shared` are datastores of others in it, which are kept."""
    removals = tuple(operation for kind in reversed(KINDS) for operation in kind.removals(ours, shared))
    return OpenNebulaPlan(tuple(_disabled(ours, ours.by_key)), removals, destroy=True)


def uuid_of(facts: OneFacts, name: str) -> str:
    """The UUID in the marks of the cluster `name`; empty if there are none.

    Raises ForeignObjectError if there are two clusters of that name, of two Terraform states.
    """
    by_uuid: dict[str, Existing] = {}
    for existing in facts.everything:
        mark = mark_of(existing)
        if mark is None or mark.cluster != name or existing.derived:
            continue
        if existing.uid is None or mark.owner_uid == str(existing.uid):
            by_uuid.setdefault(mark.uuid, existing)
    if len(by_uuid) > 1:
        listed = ", ".join(f"{existing} with UUID {uuid}" for uuid, existing in by_uuid.items())
        raise ForeignObjectError(
            f"there are {counted(len(by_uuid), 'edgewrap cluster')} named {name}: {listed}",
            cause="they were made from different Terraform states, and this run has none",
            advice="run where the Terraform state of the right one is",
        )
    return next(iter(by_uuid), "")


def _disabled(ours: OwnedObjects, keys: Collection[str]) -> list[Operation]:
    return [host.disabling(one, key) for key, one in ours.of(HOSTS).items() if key in keys and one.status == "enabled"]
