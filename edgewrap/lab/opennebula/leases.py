"""Calls on the address ranges of a network: add, update, remove, hold, release and reserve."""

from __future__ import annotations

from edgewrap.lab.opennebula import ranges
from edgewrap.lab.opennebula.calls import Calls, Code, Refusal
from edgewrap.lab.opennebula.common import check_name, parse
from edgewrap.lab.opennebula.frontend import FrontEnd
from edgewrap.lab.opennebula.networks import KIND, add_range, replace_range
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


def _range_of(network: Network, number: int) -> AddressRange | None:
    return next((found for found in network.ranges if found.id == number), None)


@calls.method("one.vn.add_ar")
def add_ar(one: FrontEnd, user: User, number: int, text: str) -> int:
    """Add a range."""
    network = _ready(one, user, number, "one.vn.add_ar", _right_to_ranges(one, number))
    try:
        one.store.put(add_range(one, network, _range_vector(text)))
    except ranges.RangeError as error:
        raise Refusal(Code.INTERNAL, str(error)) from error
    return number


@calls.method("one.vn.update_ar")
def update_ar(one: FrontEnd, user: User, number: int, text: str) -> int:
    """Replace all custom attributes of a range."""
    network = _ready(one, user, number, "one.vn.update_ar")
    given = _range_vector(text)
    wanted = given.get("AR_ID", "")
    found = _range_of(network, int(wanted)) if wanted.isdecimal() else None
    if found is None:
        raise Refusal(Code.INTERNAL, f"Address Range with ID {wanted or -1} was not found.")
    try:
        one.store.put(replace_range(network, ranges.updated(found, given)))
    except ranges.RangeError as error:
        raise Refusal(Code.INTERNAL, str(error)) from error
    return number


@calls.method("one.vn.rm_ar")
def rm_ar(one: FrontEnd, user: User, number: int, range_id: int) -> int:
    """Remove a range without leases."""
    network = _ready(one, user, number, "one.vn.rm_ar", _right_to_ranges(one, number))
    found = _range_of(network, range_id)
    if found is None:
        raise Refusal(Code.INTERNAL, "Address Range does not exist")
    if found.leases:
        raise Refusal(Code.INTERNAL, "Address Range has leases in use")
    left = tuple(kept for kept in network.ranges if kept.id != range_id)
    one.store.put(network.model_copy(update={"ranges": left}))
    return number


@calls.method("one.vn.hold")
def hold(one: FrontEnd, user: User, number: int, text: str) -> int:
    """Hold an address, so that it cannot be leased."""
    network = _ready(one, user, number, "one.vn.hold")
    for found, index in _addresses(network, text):
        if any(lease.index == index for lease in found.leases):
            raise Refusal(Code.INTERNAL, "Address already in use")
        network = one.store.put(replace_range(network, ranges.leased(found, [Lease(index=index)])))
    return number


@calls.method("one.vn.release")
def release_held(one: FrontEnd, user: User, number: int, text: str) -> int:
    """Release a held address."""
    network = _ready(one, user, number, "one.vn.release")
    for found, index in _addresses(network, text):
        if Lease(index=index) not in found.leases:
            raise Refusal(Code.INTERNAL, "Address is not on hold")
        network = one.store.put(replace_range(network, ranges.freed(found, "VM", -1, index)))
    return number


def _addresses(network: Network, text: str) -> list[tuple[AddressRange, int]]:
    """The range and the index of each address that LEASES vectors name. Raises Refusal."""
    vectors = parse(text).vectors("LEASES")
    if not vectors:
        raise Refusal(Code.INTERNAL, "Wrong Lease format. LEASES vector attribute is missing.")
    places: list[tuple[AddressRange, int]] = []
    for wanted in vectors:
        for found in network.ranges:
            index = ranges.index_of(found, ip=wanted.get("IP", ""), mac=wanted.get("MAC", ""))
            if index is not None and wanted.get("AR_ID", str(found.id)) == str(found.id):
                places.append((found, index))
                break
        else:
            raise Refusal(Code.INTERNAL, "Address is not part of the address ranges")
    return places


@calls.method("one.vn.reserve")
def reserve(one: FrontEnd, user: User, number: int, text: str) -> int:
    """Reserve consecutive addresses in a new network, or in the reservation that NETWORK_ID names."""
    parent = KIND.owned(one, user, number, "USE")
    _ready_to_reserve(parent)
    wanted = parse(text)
    size = wanted.get("SIZE")
    if not size.isdecimal() or int(size) == 0:
        raise Refusal(Code.ACTION, "Reservation SIZE must be greater than 0")
    source, index = _reservable(parent, wanted, int(size))
    into = wanted.get("NETWORK_ID")
    child = KIND.owned(one, user, int(into), "MANAGE") if into.isdecimal() else _child(one, user, parent, wanted)
    if child.parent_id != parent.id:
        raise Refusal(Code.ACTION, f"Network {child.id} is not a reservation of network {parent.id}")
    attributes = source.attributes | {
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
    cursor = (index + int(size)) % source.size if one.release.range_cursor else None
    one.store.put(replace_range(parent, ranges.leased(source, taken, cursor=cursor)))
    return child.id


def _ready_to_reserve(parent: Network) -> None:
    if parent.parent_id is not None:
        raise Refusal(Code.ACTION, "Cannot reserve addresses from a reserved network")
    if parent.state != NetworkState.READY:
        state = NetworkState.NAMES[parent.state]
        raise Refusal(Code.ACTION, f"Could not execute one.vn.reserveVirtual Network is in wrong state: {state}")


def _reservable(parent: Network, wanted: Template, size: int) -> tuple[AddressRange, int]:
    ip, mac, range_id = wanted.get("IP"), wanted.get("MAC"), wanted.get("AR_ID")
    for found in parent.ranges:
        if range_id not in ("", str(found.id)):
            continue
        index = ranges.index_of(found, ip=ip, mac=mac) if ip or mac else ranges.free_index(found, size)
        if index is None or index + size > found.size:
            continue
        if {lease.index for lease in found.leases}.isdisjoint(range(index, index + size)):
            return found, index
    raise Refusal(Code.ACTION, "Not enough free addresses in an address range")


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
    found = _range_of(network, range_id)
    if network.parent_id is None or found is None:
        raise Refusal(Code.ACTION, "Address Range does not exist")
    if found.leases:
        raise Refusal(Code.ACTION, "Address Range has leases in use")
    parent = one.store.get(Network, network.parent_id)
    origin = _range_of(parent, int(found.attributes["PARENT_NETWORK_AR_ID"])) if parent else None
    if parent is not None and origin is not None:
        first = ranges.index_of(origin, mac=found.attributes["MAC"]) or 0
        for index in range(first, first + found.size):
            origin = ranges.freed(origin, "VNET", number, index)
        one.store.put(replace_range(parent, origin))
    left = tuple(kept for kept in network.ranges if kept.id != range_id)
    one.store.put(network.model_copy(update={"ranges": left}))
    return number
