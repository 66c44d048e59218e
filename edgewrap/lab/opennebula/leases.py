"""Calls on the address ranges of a network: add, update, remove, hold, release and reserve."""

from __future__ import annotations

from edgewrap.lab.opennebula import addresses, ranges
from edgewrap.lab.opennebula.addresses import range_of, replace_range, without_range
from edgewrap.lab.opennebula.calls import Calls, Code, Refusal
from edgewrap.lab.opennebula.common import check_name, parse
from edgewrap.lab.opennebula.driver_calls import driver_of
from edgewrap.lab.opennebula.frontend import FrontEnd
from edgewrap.lab.opennebula.networks import KIND
from edgewrap.lab.opennebula.records import AddressRange, Lease, Network, NetworkState, User
from edgewrap.lab.opennebula.template import Template

calls = Calls()


def _ready(one: FrontEnd, user: User, number: int, method: str, right: str = "MANAGE") -> Network:
    """The network, which must be READY and manageable by the user. Raises Refusal."""
    network = KIND.owned(one, user, number, right)
    if network.state not in (NetworkState.READY, NetworkState.UPDATE_FAILURE):
        state = NetworkState.NAMES[network.state]
        raise Refusal(Code.ACTION, f"Could not execute {method}Virtual Network is in wrong state: {state}")
    return network


def _right_to_ranges(one: FrontEnd, number: int) -> str:
    """Adding and removing ranges needs the right ADMIN, except in a network made from a template
    (VirtualNetworkAPI.cc of 7.4)."""
    network = KIND.find(one, number)
    return "MANAGE" if network.template_id is not None or network.template.has("TEMPLATE_ID") else "ADMIN"


def _range_vector(text: str) -> dict[str, str]:
    vectors = parse(text).vectors("AR")
    if not vectors:
        raise Refusal(Code.INTERNAL, "Wrong AR definition. AR vector attribute is missing.")
    return vectors[0]


@calls.method("one.vn.add_ar")
def add_ar(one: FrontEnd, user: User, number: int, text: str) -> int:
    """Add a range."""
    network = _ready(one, user, number, "one.vn.add_ar", _right_to_ranges(one, number))
    try:
        one.store.put(addresses.add_range(one, network, _range_vector(text)))
    except ranges.RangeError as error:
        raise Refusal(Code.INTERNAL, str(error)) from error
    return number


@calls.method("one.vn.update_ar")
def update_ar(one: FrontEnd, user: User, number: int, text: str) -> int:
    """Replace all custom attributes of a range."""
    network = _ready(one, user, number, "one.vn.update_ar")
    given = _range_vector(text)
    wanted = given.get("AR_ID", "")
    found = range_of(network, int(wanted)) if wanted.isdecimal() else None
    if found is None:
        raise Refusal(Code.INTERNAL, f"Address Range with ID {wanted or -1} was not found.")
    try:
        one.store.put(replace_range(network, ranges.updated(found, given)))
    except ranges.RangeError as error:
        raise Refusal(Code.INTERNAL, str(error)) from error
    return number


@calls.method("one.vn.rm_ar")
def rm_ar(one: FrontEnd, user: User, number: int, range_id: int, force: bool = False) -> int:
    """Remove a range without leases. `force`: even if it has some, or if its driver fails."""
    network = _ready(one, user, number, "one.vn.rm_ar", _right_to_ranges(one, number))
    found = range_of(network, range_id)
    if found is None:
        raise Refusal(Code.INTERNAL, "Address Range does not exist")
    if found.leases and not force:
        raise Refusal(Code.INTERNAL, "Address Range has leases in use")
    reply = addresses.unregister(one, network, found)
    if not reply.ok and not force:
        raise Refusal(Code.INTERNAL, reply.text)
    one.store.put(without_range(network, range_id))
    return number


@calls.method("one.vn.hold")
def hold(one: FrontEnd, user: User, number: int, text: str) -> int:
    """Hold an address, so that it cannot be leased."""
    network = _ready(one, user, number, "one.vn.hold")
    place = _place(network, text)
    if place is None or not addresses.allocate(one, network, *place):
        raise Refusal(Code.INTERNAL, "Address is not part of the address range or in use.")
    found, index = place
    one.store.put(replace_range(network, ranges.leased(found, [Lease(index=index)])))
    return number


@calls.method("one.vn.release")
def release_held(one: FrontEnd, user: User, number: int, text: str) -> int:
    """Release a held address. One that is not held, or whose driver fails, is as it was; the answer is the same."""
    network = _ready(one, user, number, "one.vn.release")
    place = _place(network, text)
    if place is not None and addresses.free(one, network, *place):
        found, index = place
        one.store.put(replace_range(network, ranges.freed(found, "VM", -1, index)))
    return number


def _place(network: Network, text: str) -> tuple[AddressRange, int] | None:
    """The range and the index of the address that the first LEASES vector names. Raises Refusal."""
    vectors = parse(text).vectors("LEASES")
    if not vectors:
        raise Refusal(Code.INTERNAL, "Empty lease description.")
    wanted = vectors[0]
    named = sum(bool(wanted.get(name)) for name in ("MAC", "IP", "IP6"))
    if named != 1:
        text = "Only one attribute MAC, IP or IP6 can be set." if named else "Missing MAC, IP or IP6."
        raise Refusal(Code.INTERNAL, text)
    for found in network.ranges:
        index = ranges.index_of(found, ip=wanted.get("IP", ""), mac=wanted.get("MAC", ""))
        if index is not None and wanted.get("AR_ID", str(found.id)) == str(found.id):
            return found, index
    return None


@calls.method("one.vn.reserve")
def reserve(one: FrontEnd, user: User, number: int, text: str) -> int:
    """Reserve consecutive addresses in a new network, or in the reservation that NETWORK_ID names."""
    parent = KIND.owned(one, user, number, "USE")
    _ready_to_reserve(parent)
    wanted = parse(text)
    size = wanted.get("SIZE")
    if not size.isdecimal() or int(size) == 0:
        raise Refusal(Code.ACTION, "Reservation SIZE must be a greater than 0")
    into = wanted.get("NETWORK_ID")
    existing = _reservation(one, user, int(into), parent) if into.isdecimal() else None
    if existing is None and not wanted.get("NAME"):
        raise Refusal(Code.ACTION, "NAME for reservation has to be set")
    if not wanted.get("AR_ID") and (wanted.get("IP") or wanted.get("MAC")):
        raise Refusal(Code.ACTION, "AR_ID must be specified for IP/MAC based reservations")
    if parent.parent_id is not None:
        raise Refusal(Code.ACTION, "Cannot reserve addresses from a reserved VNET")
    source, index = _reservable(one, parent, wanted, int(size))
    child = existing or _child(one, user, parent, wanted)
    attributes = {key: value for key, value in source.attributes.items() if key != "IPAM_MAD" or value == "dummy"}
    attributes |= {
        "AR_ID": str(child.next_range_id),
        "MAC": ranges.mac_at(source, index),
        "PARENT_NETWORK_AR_ID": str(source.id),
        "SIZE": size,
    }
    if "IP" in source.attributes:
        attributes["IP"] = ranges.ip_at(source, index)
    made = AddressRange(id=child.next_range_id, attributes=dict(sorted(attributes.items())))
    one.store.put(child.model_copy(update={"ranges": (*child.ranges, made), "next_range_id": child.next_range_id + 1}))
    taken = [Lease(index=index + step, holder="VNET", holder_id=child.id) for step in range(int(size))]
    moves = one.release.range_cursor and not driver_of(source.attributes)
    cursor = (index + int(size)) % source.size if moves else None
    one.store.put(replace_range(parent, ranges.leased(source, taken, cursor=cursor)))
    return child.id


def _reservation(one: FrontEnd, user: User, number: int, parent: Network) -> Network:
    """The existing reservation that gets more addresses. Raises Refusal."""
    if number == parent.id:
        raise Refusal(Code.ACTION, "Cannot add a reservation from the same network")
    found = KIND.owned(one, user, number, "MANAGE")
    if found.parent_id is None:
        raise Refusal(Code.ACTION, "Cannot add reservations to a non-reservation VNET")
    if found.parent_id != parent.id:
        text = f"New reservations for virtual network {number} have to be from network {found.parent_id}"
        raise Refusal(Code.ACTION, text)
    return found


def _ready_to_reserve(parent: Network) -> None:
    if parent.state != NetworkState.READY:
        state = NetworkState.NAMES[parent.state]
        raise Refusal(Code.ACTION, f"Could not execute one.vn.reserveVirtual Network is in wrong state: {state}")


def _reservable(one: FrontEnd, parent: Network, wanted: Template, size: int) -> tuple[AddressRange, int]:
    ip, mac, range_id = wanted.get("IP"), wanted.get("MAC"), wanted.get("AR_ID")
    for found in parent.ranges:
        if range_id not in ("", str(found.id)):
            continue
        if not (ip or mac):
            index = addresses.get(one, parent, found, size)
        else:
            index = ranges.index_of(found, ip=ip, mac=mac)
            if index is not None and not addresses.allocate(one, parent, found, index, size):
                index = None
        if index is not None:
            return found, index
    where = f"address range {range_id}, or it does not exist" if range_id else "an address range"
    raise Refusal(Code.ACTION, f"Not enough free addresses in {where}")


def _child(one: FrontEnd, user: User, parent: Network, wanted: Template) -> Network:
    """A network for a reservation: all as in its parent, marks included, except for the name and the ranges."""
    check_name(wanted.get("NAME"))
    name = KIND.check_name(one, wanted.get("NAME"), user.id)
    return parent.model_copy(
        update={
            "id": one.store.next_id(Network),
            "name": name,
            "uid": user.id,
            "gid": user.gid,
            "parent_id": parent.id,
            "template_id": None,
            "ranges": (),
            "next_range_id": 0,
            "due": 0.0,
        }
    )


@calls.method("one.vn.free_ar")
def free_ar(one: FrontEnd, user: User, number: int, range_id: int) -> int:
    """Return a range of a reservation to its parent."""
    network = _ready(one, user, number, "one.vn.free_ar")
    found = range_of(network, range_id)
    if network.parent_id is None or found is None:
        raise Refusal(Code.ACTION, "Address Range does not exist")
    if found.leases:
        raise Refusal(Code.ACTION, "Address Range has leases in use")
    parent = one.store.get(Network, network.parent_id)
    origin = range_of(parent, int(found.attributes["PARENT_NETWORK_AR_ID"])) if parent else None
    if parent is not None and origin is not None:
        first = ranges.index_of(origin, mac=found.attributes["MAC"]) or 0
        held = range(first, first + found.size)
        one.store.put(replace_range(parent, addresses.released(one, parent, origin, "VNET", number, held)))
    one.store.put(without_range(network, range_id))
    return number
