"""What goes: single hosts and Elastic IPs before AWS takes them away, or the whole cluster. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from edgewrap.change import Action
from edgewrap.errors import ForeignObjectError, InUseError
from edgewrap.opennebula.facts import OneFacts, OwnedObjects
from edgewrap.opennebula.kinds import address_range, cluster, host
from edgewrap.opennebula.kinds.address_range import RangeFacts
from edgewrap.opennebula.kinds.base import Existing
from edgewrap.opennebula.kinds.datastore import replica_host
from edgewrap.opennebula.kinds.operation import MERGE, Await, Call, Operation, Settled, Step, change
from edgewrap.opennebula.kinds.ownership import IMAGE_KEY, NETWORK_KEY, SYSTEM_KEY, TEMPLATE_KEY, mark_of
from edgewrap.opennebula.kinds.template import text_of
from edgewrap.opennebula.kinds.virtual_network import DONE, ERROR, LOCK_DELETE, NetworkFacts
from edgewrap.outputs import UNKNOWN, Outputs

GIVES_NO_RANGE = (LOCK_DELETE, DONE, ERROR)  # states in which the front-end refuses one.vn.rm_ar


@dataclass(frozen=True, slots=True)
class Removal:
    """The hosts (by key) and address ranges that go while the cluster stays; a host whose instance is made anew goes,
    too, for a while."""

    hosts: tuple[str, ...]
    ranges: tuple[RangeFacts, ...]


def to_remove(ours: OwnedObjects, outputs: Outputs, replaced: Collection[str] = ()) -> Removal:
    """What is there and will not be in `outputs`, and the hosts of `replaced`. What only changes stays where it is."""
    hosts = tuple(key for key in ours.hosts if key not in outputs.hosts or key in replaced)
    wanted = [address_range.desired(eip) for eip in outputs.eips.values()]
    ranges = address_range.surplus(ours.network.ranges, wanted) if ours.network else ()
    return Removal(hosts, tuple(existing for existing in ranges if existing.key not in outputs.eips))


def releases(ours: OwnedObjects, departure: Removal, replica: str, outputs: Outputs) -> list[Operation]:
    """Disables the hosts, removes the ranges, and lets a host that stays keep the replicas."""
    operations = [
        host.disabling(ours.hosts[key], key) for key in departure.hosts if ours.hosts[key].status == "enabled"
    ]
    if ours.network is not None and departure.ranges:
        operations += _range_releases(ours.network, departure.ranges)
    return operations + _replica_moves(ours, departure, replica, outputs)


def with_disabled(facts: OneFacts, ours: OwnedObjects, keys: Collection[str]) -> OneFacts:
    """The facts as they are once the hosts of these keys are disabled."""
    numbers = {ours.hosts[key].id for key in keys if ours.hosts[key].status == "enabled"}
    hosts = tuple(replace(one, state=host.DISABLED) if one.id in numbers else one for one in facts.hosts)
    return replace(facts, hosts=hosts)


def in_use(what: str, reasons: list[str]) -> InUseError:
    """The error that lists every reason at once."""
    return InUseError(
        f"{what}: {'; '.join(reasons)}",
        cause="VMs, leases, images, locks or objects of others are in the way",
        advice="move, delete or unlock what is named, then run again",
    )


def uuid_of(facts: OneFacts, name: str) -> str:
    """The UUID in the marks of the cluster `name`; empty where there are none.

    Raises ForeignObjectError where two clusters of that name, of two Terraform states, are there.
    """
    by_uuid: dict[str, Existing] = {}
    for existing in (*facts.clusters, *facts.hosts, *facts.datastores, *facts.networks, *facts.templates):
        mark = mark_of(existing)
        trusted = existing.uid is None or (mark is not None and mark.owner_uid == str(existing.uid))
        if mark is not None and mark.cluster == name and trusted and not existing.derived:
            by_uuid.setdefault(mark.uuid, existing)
    if len(by_uuid) > 1:
        listed = ", ".join(f"{existing} with UUID {uuid}" for uuid, existing in by_uuid.items())
        raise ForeignObjectError(
            f"there are {len(by_uuid)} edgewrap clusters named {name}: {listed}",
            cause="they were made from different Terraform states, and nothing says which one is meant",
            advice="run where the Terraform state of the one that is meant is",
        )
    return next(iter(by_uuid), "")


def disable_operations(ours: OwnedObjects) -> list[Operation]:
    """Before anything goes: no new VM comes to a host of the cluster."""
    return [host.disabling(existing, key) for key, existing in ours.hosts.items() if existing.status == "enabled"]


def removals(ours: OwnedObjects, shared: Sequence[int] = ()) -> Iterator[Operation]:
    """The whole cluster, in reverse. `shared` are datastores of others in it, which are left as they are."""
    if ours.network is not None:
        yield from _network_removals(ours.network)
    for whole, key in ((ours.template, TEMPLATE_KEY), (ours.system, SYSTEM_KEY), (ours.image, IMAGE_KEY)):
        if whole is not None:
            yield _removal(whole, key)
    for key, existing in ours.hosts.items():
        yield host.removal(existing, key)
    if ours.cluster is not None:
        yield cluster.removal(ours.cluster, shared)


def _range_releases(network: NetworkFacts, ranges: Iterable[RangeFacts]) -> list[Operation]:
    """A network that gives no single range back goes as a whole: `apply` makes it anew without these."""
    if network.state in GIVES_NO_RANGE:
        return [_network_removal(network)]
    return [address_range.removal(existing, network.id) for existing in ranges]


def _network_removals(network: NetworkFacts) -> Iterator[Operation]:
    """Range by range first: a range that cannot be given back says why only then."""
    if network.state not in GIVES_NO_RANGE:
        yield from (address_range.removal(existing, network.id) for existing in network.ranges if existing.key)
    yield _network_removal(network)


def _network_removal(network: NetworkFacts) -> Operation:
    delete = () if network.state == LOCK_DELETE else (Call("vn.delete", (network.id,)),)
    return _removal(network, NETWORK_KEY, (*delete, Await(network.id, Settled.GONE)))


def _removal(existing: Existing, key: str, steps: tuple[Step, ...] = ()) -> Operation:
    gone = change(existing.kind.word, existing.name, Action.DELETE, {"ID": str(existing.id)})
    return Operation(key, gone, steps or (Call(f"{existing.kind.api}.delete", (existing.id,)),))


def _replica_moves(ours: OwnedObjects, departure: Removal, replica: str, outputs: Outputs) -> list[Operation]:
    if ours.system is None or replica in departure.hosts:
        return []
    present = text_of(ours.system.template, "REPLICA_HOST")
    wanted = replica_host(replica, {key: host for key, host in outputs.hosts.items() if key not in departure.hosts})
    if wanted == UNKNOWN or present not in {ours.hosts[key].name for key in departure.hosts}:
        return []
    moved = change(
        ours.system.kind.word,
        ours.system.name,
        Action.UPDATE,
        {"REPLICA_HOST": present},
        {"REPLICA_HOST": wanted},
        "its host is about to go",
    )
    return [
        Operation(SYSTEM_KEY, moved, (Call("datastore.update", (ours.system.id, {"REPLICA_HOST": wanted}, MERGE)),))
    ]
