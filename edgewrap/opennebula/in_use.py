"""What must not be removed: VMs, leases, images, and objects of others in the cluster."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from edgewrap.errors import InUseError
from edgewrap.opennebula.api.client import FrontEnd
from edgewrap.opennebula.facts import OneFacts
from edgewrap.opennebula.kinds import address_range, datastore
from edgewrap.opennebula.kinds.address_range import RangeFacts
from edgewrap.opennebula.kinds.base import EVERY_OBJECT, Existing
from edgewrap.opennebula.kinds.cluster import CLUSTER
from edgewrap.opennebula.kinds.datastore import SYSTEM_DATASTORE, DatastoreFacts
from edgewrap.opennebula.kinds.host import HOSTS, HostFacts
from edgewrap.opennebula.kinds.object_kind import OwnedObjects
from edgewrap.opennebula.kinds.values import integer, natural
from edgewrap.opennebula.kinds.virtual_network import PUBLIC_NETWORK, NetworkFacts
from edgewrap.opennebula.kinds.vn_template import TemplateFacts

_NOT_DONE = -1


@dataclass(frozen=True, slots=True)
class Vm:
    """A VM and where it last was: the ids of its host, cluster and system datastore, -1 if it never ran. `state` is
    OpenNebula's word (`running`, `poweroff`, `boot failure`)."""

    id: int
    name: str
    host: int
    cluster: int
    datastore: int
    state: str = ""


def refuse(name: str, reasons: Sequence[str], refused: str = "cannot be changed as planned") -> None:
    """Raises InUseError with every reason at once, if there is one."""
    if reasons:
        raise InUseError(
            f"{name} {refused}: {'; '.join(reasons)}",
            cause="VMs, leases, images, locks or objects of others are in the way",
            advice="move, delete, release or unlock the objects named above, then re-run",
        )


def read_vms(front_end: FrontEnd) -> tuple[Vm, ...]:
    """All VMs that are not done."""
    return parse_vms(front_end.read("vmpool.info", *EVERY_OBJECT, _NOT_DONE, root="VM_POOL"))


def parse_vms(pool: Element) -> tuple[Vm, ...]:
    """The answer of one.vmpool.info."""
    return tuple(_vm(element) for element in pool.findall("VM"))


def _vm(element: Element) -> Vm:
    history = element.findall("HISTORY_RECORDS/HISTORY")
    last = max(history, key=lambda record: natural(record, "SEQ", 0), default=None)
    host, cluster, store = (-1 if last is None else integer(last, path, -1) for path in ("HID", "CID", "DS_ID"))
    return Vm(natural(element, "ID"), element.findtext("NAME") or "", host, cluster, store, _state_word(element))


def _state_word(element: Element) -> str:
    """Of an active VM the state of its life cycle, as OpenNebula's own tools show it."""
    import pyone

    state, active = natural(element, "STATE", 0), natural(element, "LCM_STATE", 0)
    words, number = (pyone.LCM_STATE, active) if state == pyone.VM_STATE.ACTIVE else (pyone.VM_STATE, state)
    return words(number).name.lower().replace("_", " ") if number in set(words) else f"state {number}"


def leases(
    front_end: FrontEnd, network: NetworkFacts | None, ranges: Collection[RangeFacts], others: Iterable[Existing]
) -> list[str]:
    """The leases of these ranges of our network, for people. Reads the network only if it has any."""
    numbers = {existing.id for existing in ranges}
    names = {existing.id: existing.name for existing in others}
    fresh = _with_leases(front_end, network) if numbers else ()
    return address_range.leases_in([existing for existing in fresh if existing.id in numbers], names)


def leases_by_eip(front_end: FrontEnd, networks: Iterable[NetworkFacts], eips: Mapping[str, str]) -> dict[str, str]:
    """Who has each leased Elastic IP, by its key. `eips` are the keys by private address. Reads only networks with
    leases."""
    return {
        eips.get(one.address, one.key): ", ".join(
            f"{lease.holder} {lease.id}" if lease.holder else "on hold" for lease in one.leases
        )
        for network in networks
        for one in _with_leases(front_end, network)
        if (one.key or one.address in eips) and one.leases
    }


def vms_in(ours: OwnedObjects, vms: Sequence[Vm], present: Iterable[HostFacts]) -> list[str]:
    """VMs that are in our cluster, or were there last, for people. The pool of VMs leaves out those that the user may
    not use; the hosts in `present` list them."""
    cluster, system = ours.one(CLUSTER), ours.one(SYSTEM_DATASTORE)
    clusters = {cluster.id} if cluster else set()
    hosts = {existing.id: existing.name for existing in ours.of(HOSTS).values()}
    datastores = {system.id} if system else set()
    shown = {vm.id for vm in vms}
    listed = [
        f"VM {vm.id} ({vm.name}) is on {f'host {hosts[vm.host]}' if vm.host in hosts else 'its system datastore'}"
        for vm in vms
        if vm.cluster in clusters or vm.host in hosts or vm.datastore in datastores
    ]
    hidden = [(vm, one) for one in present if one.id in hosts for vm in one.vms if vm not in shown]
    return listed + [f"VM {vm}, which this user may not see, is on host {one.name}" for vm, one in hidden]


def shared_datastores(facts: OneFacts, ours: OwnedObjects, wanted: Sequence[int | str]) -> tuple[int, ...]:
    """The ids of datastores of others in our cluster that edgewrap has added, or would add."""
    cluster = ours.one(CLUSTER)
    if cluster is None:
        return ()
    found, _missing = datastore.find_shared(wanted, facts.datastores)
    own = {one.id for one in ours.by_key.values() if isinstance(one, DatastoreFacts)}
    shared = ({one.id for one in found} | {*cluster.shared}) - own
    return tuple(one for one in cluster.datastores if one in shared)


def foreign_objects(facts: OneFacts, ours: OwnedObjects, shared: Collection[int]) -> list[str]:
    """Networks made from our template, reservations from our network, and other objects of others in our cluster, for
    people; without the `shared` datastores."""
    cluster, public = ours.one(CLUSTER), ours.one(PUBLIC_NETWORK)
    templates = {one.id for one in ours.by_key.values() if isinstance(one, TemplateFacts)}
    known = {(existing.api, existing.id) for existing in ours.by_key.values()}
    known |= {(DatastoreFacts.api, number) for number in shared}
    listed = []
    for network in facts.networks:
        reserved = public is not None and network.parent == public.id
        if reserved or network.from_template in templates:
            origin = "made from its template" if network.parent is None else "reserved from its network"
            listed.append(f"the {network} of {network.owner} is {origin}")
            known.add((network.api, network.id))
    members = cluster.members if cluster else {}
    inside = {(api, number) for api, numbers in members.items() for number in numbers} - known
    return listed + [f"the {one} is in the cluster" for one in facts.everything if (one.api, one.id) in inside]


def _with_leases(front_end: FrontEnd, network: NetworkFacts | None) -> tuple[RangeFacts, ...]:
    """The network's ranges with their leases; none, without a call, if it has no leases."""
    if network is None or not network.used_leases:
        return ()
    return NetworkFacts.from_element(front_end.read("vn.info", network.id, False, root="VNET")).ranges
