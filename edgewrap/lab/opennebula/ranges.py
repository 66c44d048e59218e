"""Address ranges: their attributes, and which of their addresses are free. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import AddressValueError, IPv4Address
from itertools import chain

from edgewrap.lab.opennebula import xml
from edgewrap.lab.opennebula.records import AddressRange, Lease
from edgewrap.lab.opennebula.template import attribute_xml

MAC_PREFIX = 0x0200
_LARGEST = 4294967294
# Attributes that only the front-end sets, never the caller.
_INTERNAL = ("AR_ID", "ALLOCATED", "USED_LEASES", "LEASES", "IP_END", "MAC_END", "PARENT_NETWORK_AR_ID")
# Attributes that an update keeps; all others are replaced.
_KEPT = ("AR_ID", "IP", "MAC", "SIZE", "TYPE", "IPAM_MAD", "PARENT_NETWORK_AR_ID", "SHARED")
_HOLDER_BITS = {"VM": 0x10 << 32, "VNET": 0x4 << 32}


class RangeError(ValueError):
    """The requested range is invalid; the message is the front-end's."""


def made(number: int, given: dict[str, str], *, cursor: bool) -> AddressRange:
    """A range from a caller's AR vector. `cursor`: the release has SHARED and NEXT_INDEX. Raises RangeError."""
    attributes = {key: value for key, value in given.items() if key not in _INTERNAL}
    kind = attributes.get("TYPE", "")
    if kind not in ("IP4", "ETHER"):
        raise RangeError("Unknown or missing address range TYPE.")
    _check_size(attributes.get("SIZE", ""))
    if kind == "IP4":
        first = _address(attributes.get("IP", ""))
        attributes.setdefault("MAC", mac_text(MAC_PREFIX << 32 | int(first)))
    else:
        attributes.setdefault("MAC", mac_text(MAC_PREFIX << 32 | (number + 1) << 16))
    _mac(attributes["MAC"])
    if cursor:
        attributes.setdefault("SHARED", "NO")
    return AddressRange(id=number, attributes=_ordered(attributes | {"AR_ID": str(number)}))


def updated(old: AddressRange, given: dict[str, str]) -> AddressRange:
    """The range with its custom attributes replaced by the caller's. Raises RangeError."""
    custom = {key: value for key, value in given.items() if key not in (*_INTERNAL, *_KEPT)}
    attributes = {key: value for key, value in old.attributes.items() if key in _KEPT} | custom
    size = given.get("SIZE", "")
    if size and "PARENT_NETWORK_AR_ID" not in old.attributes:
        if _check_size(size) < old.size and any(lease.index >= int(size) for lease in old.leases):
            raise RangeError("Cannot reduce the size of the address range, there are leases in use")
        attributes["SIZE"] = size
    return old.model_copy(update={"attributes": _ordered(attributes), "touched": True})


def _check_size(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= _LARGEST:
        raise RangeError("Wrong SIZE for address range")
    return int(text)


def _address(text: str) -> IPv4Address:
    try:
        return IPv4Address(text)
    except AddressValueError:
        raise RangeError("Wrong or empty IP attribute") from None


def _mac(text: str) -> int:
    parts = text.split(":")
    try:
        octets = [int(part, 16) for part in parts]
    except ValueError:
        octets = []
    if len(octets) != 6 or any(not 0 <= octet <= 255 for octet in octets):
        raise RangeError("Wrong MAC attribute")
    number: int = int.from_bytes(bytes(octets), "big")
    return number


def mac_text(number: int) -> str:
    """A MAC address as the front-end writes it."""
    return ":".join(f"{octet:02x}" for octet in number.to_bytes(6, "big"))


def ip_at(found: AddressRange, index: int) -> str:
    """The IP address at an index; empty in a range that has none."""
    first = found.attributes.get("IP")
    return str(IPv4Address(first) + index) if first else ""


def mac_at(found: AddressRange, index: int) -> str:
    """The MAC address at an index."""
    return mac_text(_mac(found.attributes["MAC"]) + index)


def index_of(found: AddressRange, *, ip: str = "", mac: str = "") -> int | None:
    """The index of an address in the range; None if it is not in it."""
    try:
        if ip:
            index = int(IPv4Address(ip)) - int(IPv4Address(found.attributes["IP"]))
        else:
            index = _mac(mac) - _mac(found.attributes["MAC"])
    except (KeyError, AddressValueError, RangeError):
        return None
    return index if 0 <= index < found.size else None


def free_index(found: AddressRange, count: int = 1) -> int | None:
    """The first of `count` consecutive free addresses, searched from the cursor on."""
    used = {lease.index for lease in found.leases}
    for start in chain(range(found.cursor, found.size), range(found.cursor)):
        if start + count <= found.size and used.isdisjoint(range(start, start + count)):
            return start
    return None


def leased(found: AddressRange, leases: Iterable[Lease], *, cursor: int | None = None) -> AddressRange:
    """The range with these additional leases, in the order of their addresses."""
    ordered = tuple(sorted((*found.leases, *leases), key=lambda lease: lease.index))
    change: dict[str, object] = {"leases": ordered, "touched": True}
    if cursor is not None:
        change["cursor"] = cursor
    return found.model_copy(update=change)


def freed(found: AddressRange, holder: str, holder_id: int, index: int | None = None) -> AddressRange:
    """The range without a holder's leases, or without the one at an index."""
    left = tuple(
        lease
        for lease in found.leases
        if (lease.holder, lease.holder_id) != (holder, holder_id) or index not in (None, lease.index)
    )
    return found if left == found.leases else found.model_copy(update={"leases": left, "touched": True})


def render(found: AddressRange, *, full: bool, cursor: bool) -> str:
    """The range as XML: in full with its ends and leases, in a pool with its attributes alone."""
    if not full:
        attributes = _shown(found, cursor)
        if found.touched:
            attributes["ALLOCATED"] = "".join(
                f" {lease.index} {_HOLDER_BITS[lease.holder] | lease.holder_id & 0xFFFFFFFF}" for lease in found.leases
            )
        return attribute_xml("AR", _ordered(attributes))
    leases = "".join(_lease_xml(found, lease) for lease in found.leases)
    return f"{render_ends(found, cursor=cursor)}{f'<LEASES>{leases}</LEASES>' if leases else '<LEASES/>'}</AR>"


def render_ends(found: AddressRange, *, cursor: bool) -> str:
    """The range as XML, with its ends and the number of its leases, up to where they are listed."""
    last = found.size - 1
    attributes = _shown(found, cursor)
    ends = {"MAC_END": mac_at(found, last)}
    if "IP" in attributes:
        ends["IP_END"] = ip_at(found, last)
    text = attribute_xml("AR", _ordered(attributes) | ends).removesuffix("</AR>")
    return f"{text}<USED_LEASES>{len(found.leases)}</USED_LEASES>"


def _shown(found: AddressRange, cursor: bool) -> dict[str, str]:
    return found.attributes | ({"NEXT_INDEX": str(found.cursor)} if cursor else {})


def _lease_xml(found: AddressRange, lease: Lease) -> str:
    ip = ip_at(found, lease.index)
    address = xml.cdata("IP", ip) if ip else ""
    return (
        f"<LEASE>{address}{xml.cdata('MAC', mac_at(found, lease.index))}"
        f"{xml.cdata(lease.holder, str(lease.holder_id))}</LEASE>"
    )


def _ordered(attributes: dict[str, str]) -> dict[str, str]:
    return dict(sorted(attributes.items()))
