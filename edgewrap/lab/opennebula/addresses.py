"""The ranges and leases of a network. A range with an IPAM driver asks it first; all others are managed here."""

from __future__ import annotations

from edgewrap.lab.opennebula import driver_calls, ranges
from edgewrap.lab.opennebula.calls import Code, Refusal
from edgewrap.lab.opennebula.driver_calls import DriverError, Reply, ask, driver_of
from edgewrap.lab.opennebula.frontend import FrontEnd
from edgewrap.lab.opennebula.records import AddressRange, Lease, Machine, Network


def with_driver(network: Network, given: dict[str, str]) -> dict[str, str]:
    """The attributes of a range as requested; its network's IPAM_MAD counts if it names none itself."""
    driver = network.template.get("IPAM_MAD")
    return given | {"IPAM_MAD": driver} if driver and not given.get("IPAM_MAD") else given


def add_range(one: FrontEnd, network: Network, given: dict[str, str]) -> Network:
    """The network with an additional range. Raises ranges.RangeError."""
    given = with_driver(network, given)
    if driver_of(given):
        reply = ask(one, driver_calls.register(network.id, given))
        if not reply.ok:
            raise ranges.RangeError(reply.text)
        try:
            given = driver_calls.range_in(reply.text)
        except DriverError as error:
            raise ranges.RangeError(str(error)) from error
    number = network.next_range_id
    made = ranges.made(number, given, cursor=one.release.range_cursor)
    return network.model_copy(update={"ranges": (*network.ranges, made), "next_range_id": number + 1})


def replace_range(network: Network, changed: AddressRange) -> Network:
    """The network with the range of this id replaced."""
    return network.model_copy(
        update={"ranges": tuple(changed if found.id == changed.id else found for found in network.ranges)}
    )


def without_range(network: Network, range_id: int) -> Network:
    """The network without the range of this id."""
    return network.model_copy(update={"ranges": tuple(found for found in network.ranges if found.id != range_id)})


def range_of(network: Network, number: int) -> AddressRange | None:
    """The network's range of this id."""
    return next((found for found in network.ranges if found.id == number), None)


def unregister(one: FrontEnd, network: Network, found: AddressRange, *, with_network: bool = False) -> Reply:
    """Report to the range's driver, if it has one, that the range is removed (`with_network`: with its network)."""
    if not driver_of(found.attributes):
        return Reply(ok=True)
    cursor = one.release.range_cursor
    return ask(one, driver_calls.unregister(network.id, found, cursor=cursor, with_network=with_network))


def allocate(one: FrontEnd, network: Network, found: AddressRange, index: int, size: int = 1) -> bool:
    """Whether the free addresses from an index on may be used."""
    if index + size > found.size or not _free(found, index, size):
        return False
    if not driver_of(found.attributes):
        return True
    return ask(one, driver_calls.allocate(network.id, found, index, size, cursor=one.release.range_cursor)).ok


def get(one: FrontEnd, network: Network, found: AddressRange, size: int = 1) -> int | None:
    """The index of a free address, the first of `size` consecutive ones; None if there is none."""
    if not driver_of(found.attributes):
        return ranges.free_index(found, size)
    if len(found.leases) + size > found.size:
        return None
    reply = ask(one, driver_calls.get(network.id, found, size, cursor=one.release.range_cursor))
    try:
        ip = driver_calls.address_in(reply.text) if reply.ok else ""
    except DriverError:
        return None
    index = ranges.index_of(found, ip=ip) if ip else None
    if index is None or index + size > found.size or not _free(found, index, size):
        return None
    return index


def free(one: FrontEnd, network: Network, found: AddressRange, index: int) -> bool:
    """Whether an address was freed; if its driver fails, the lease remains."""
    if not driver_of(found.attributes):
        return True
    return ask(one, driver_calls.free(network.id, found, index, cursor=one.release.range_cursor)).ok


def _free(found: AddressRange, index: int, size: int) -> bool:
    return {lease.index for lease in found.leases}.isdisjoint(range(index, index + size))


def lease(one: FrontEnd, network: Network, machine_id: int, ip: str = "", mac: str = "") -> tuple[AddressRange, int]:
    """Lease an address to a VM, the requested one or the first free one. Raises Refusal."""
    for found in network.ranges:
        cursor = None
        if ip or mac:
            index = ranges.index_of(found, ip=ip, mac=mac)
            if index is None or not allocate(one, network, found, index):
                continue
        else:
            index = get(one, network, found)
            if index is None:
                continue
            if one.release.range_cursor and not driver_of(found.attributes):
                cursor = (index + 1) % found.size
        changed = ranges.leased(found, [Lease(index=index, holder_id=machine_id)], cursor=cursor)
        one.store.put(replace_range(network, changed))
        return changed, index
    raise Refusal(Code.INTERNAL, f"Cannot get IP/MAC lease from virtual network {network.id}.")


def release(one: FrontEnd, number: int, holder: str, holder_id: int) -> None:
    """Free every lease that a holder has in a network."""
    network = one.store.get(Network, number)
    if network is None:
        return
    for found in network.ranges:
        network = replace_range(network, released(one, network, found, holder, holder_id))
    one.store.put(network)


def released(
    one: FrontEnd, network: Network, found: AddressRange, holder: str, holder_id: int, indexes: range | None = None
) -> AddressRange:
    """The range without a holder's leases (at these indexes), as far as its driver frees them."""
    for held in found.leases:
        fits = (held.holder, held.holder_id) == (holder, holder_id) and (indexes is None or held.index in indexes)
        if fits and free(one, network, found, held.index):
            found = ranges.freed(found, holder, holder_id, held.index)
    return found


def in_ranges_with_driver(one: FrontEnd, machine: Machine) -> bool:
    """Whether a VM has an address of a range with a driver."""
    for nic in machine.template.vectors("NIC"):
        network = one.store.get(Network, int(nic["NETWORK_ID"]))
        for found in network.ranges if network else ():
            if driver_of(found.attributes) and any(
                (held.holder, held.holder_id) == ("VM", machine.id) for held in found.leases
            ):
                return True
    return False
