"""One address range for each Elastic IP, of one address, with its own gateway."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from xml.etree.ElementTree import Element

from edgewrap.change import Action
from edgewrap.opennebula.kinds.operation import Call, Operation, Ref, change, differences, shown
from edgewrap.opennebula.kinds.template import Template, Value, read, text_of
from edgewrap.opennebula.kinds.values import integer, natural, parsed, parsed_address
from edgewrap.outputs import BY_DRIVER, EipOutput

KIND = "address range"
KEY_ATTRIBUTE = "EDGEWRAP_KEY"
ON_HOLD = "-1"
MOST_COUNTED = 4096  # addresses of one range: more than a cluster has
_NEVER_CHANGES = ("TYPE", "IP")  # the front-end ignores these in an update
_ITS_OWN = frozenset({"ALLOCATED", "AR_ID", "IP_END", "LEASES", "MAC_END", "NEXT_INDEX", "USED_LEASES"})


@dataclass(frozen=True, slots=True)
class Lease:
    """One address in use. `holder` is `VM`, `virtual router` or `network` (a reservation), `id` its id; an address
    on hold has no holder."""

    address: str
    holder: str
    id: int


@dataclass(frozen=True, slots=True)
class RangeFacts:
    """A range; `leases` are empty in the answer for the whole pool."""

    id: int
    attributes: Template
    leases: tuple[Lease, ...] = ()

    @property
    def key(self) -> str:
        """The Elastic IP's key; empty if the range is not ours."""
        return text_of(self.attributes, KEY_ATTRIBUTE)

    @property
    def by_driver(self) -> bool:
        """Whether someone requested it through the IPAM driver: it is theirs, and never surplus. Its owner cannot
        change this attribute."""
        return text_of(self.attributes, "IPAM_MAD") == "edgewrap"

    @property
    def address(self) -> str:
        """The first address."""
        return text_of(self.attributes, "IP")

    @property
    def addresses(self) -> frozenset[str]:
        """All of its IPv4 addresses."""
        first = parsed_address(self.address)
        if first is None:
            return frozenset()
        size = parsed(text_of(self.attributes, "SIZE"))
        most = min(MOST_COUNTED, int(IPv4Address("255.255.255.255")) - int(first) + 1)
        return frozenset(str(first + offset) for offset in range(1 if size is None else min(size, most)))

    def __str__(self) -> str:
        place = self.address or text_of(self.attributes, "MAC")
        return f"address range {self.id} ({place}, size {text_of(self.attributes, 'SIZE')})"


@dataclass(frozen=True, slots=True)
class DesiredRange:
    """A range as it should be."""

    key: str
    attributes: Mapping[str, str]


def parse(network: Element) -> tuple[RangeFacts, ...]:
    """The ranges of one VNET element."""
    return tuple(
        RangeFacts(integer(one, "AR_ID", -1), read(one), tuple(map(_lease, one.findall("LEASES/LEASE"))))
        for one in network.findall("AR_POOL/AR")
    )


def desired(eip: EipOutput) -> DesiredRange:
    """The range of one Elastic IP."""
    attributes = {
        "TYPE": "IP4",
        "IP": eip.private_address,
        "SIZE": "1",
        "GATEWAY": eip.gateway,
        "NETWORK_MASK": "255.255.255.254",
        "EXTERNAL_IP": eip.public_address,
        "AWS_ALLOCATION_ID": eip.allocation_id,
        KEY_ATTRIBUTE: eip.key,
    }
    return DesiredRange(eip.key, attributes)


def matched(ranges: Sequence[RangeFacts], wanted: Sequence[DesiredRange]) -> dict[str, RangeFacts]:
    """The range of each Elastic IP: by its key, else by its address, which never belongs to another Elastic IP. Of two
    with one key, the older one. That of one which the IPAM driver requested: by its address only, the newer one."""
    oldest_first = sorted(ranges, key=lambda existing: existing.id)
    driver_keys = {one.attributes["IP"]: one.key for one in wanted if one.key.startswith(BY_DRIVER)}
    by_key = {existing.key: existing for existing in reversed(oldest_first) if not existing.by_driver}
    by_key |= {driver_keys.get(one.address, ""): one for one in oldest_first if one.by_driver}
    found = {one.key: by_key[one.key] for one in wanted if one.key in by_key}
    taken = {existing.id for existing in found.values()}
    free = {existing.address: existing for existing in reversed(ranges) if existing.id not in taken}
    for one in wanted:
        if one.key not in found and (same_address := free.pop(one.attributes["IP"], None)) is not None:
            found[one.key] = same_address
    return found


def surplus(ranges: Sequence[RangeFacts], wanted: Sequence[DesiredRange]) -> tuple[RangeFacts, ...]:
    """Ranges of ours to remove: their Elastic IP is being removed, or has another address now."""
    addresses = {one.key: one.attributes["IP"] for one in wanted}
    kept = {existing.id for key, existing in matched(ranges, wanted).items() if existing.address == addresses[key]}
    return tuple(one for one in ranges if one.key and not one.by_driver and one.id not in kept)


def diff(ranges: Sequence[RangeFacts], wanted: Sequence[DesiredRange], network: int | Ref) -> list[Operation]:
    """The operations for the ranges of our network: first removals, then new ranges and updates."""
    found, gone = matched(ranges, wanted), surplus(ranges, wanted)
    numbers = {existing.id for existing in gone}
    replaced = {key for key, existing in found.items() if existing.id in numbers}
    operations = [removal(existing, network) for existing in gone if existing.key not in replaced]
    for one in wanted:
        addition = Call("vn.add_ar", (network, {"AR": one.attributes}))
        existing = found.get(one.key)
        if existing is None:
            created = change(KIND, one.key, Action.CREATE, after=shown(one.attributes))
            operations.append(Operation(one.key, created, (addition,)))
            continue
        before, after, update = differences(existing.attributes, one.attributes)
        if one.key in replaced:
            why = f"{' and '.join(name for name in _NEVER_CHANGES if name in after)} cannot be changed in place"
            steps = (Call("vn.rm_ar", (network, existing.id)), addition)
            operations.append(Operation(one.key, change(KIND, one.key, Action.REPLACE, before, after, why), steps))
        elif update:
            # the call replaces all attributes that are not the front-end's own, so those of others must be in it
            whole = {"AR_ID": str(existing.id), **_own(existing), **update}
            vector = {name: value for name, value in whole.items() if isinstance(value, str)}
            updated = change(KIND, one.key, Action.UPDATE, before, after)
            operations.append(Operation(one.key, updated, (Call("vn.update_ar", (network, {"AR": vector})),)))
    return operations


def removal(existing: RangeFacts, network: int | Ref) -> Operation:
    """Removes a range. The front-end refuses that while an address is leased."""
    gone = change(KIND, existing.key, Action.DELETE, shown(_own(existing)))
    return Operation(existing.key, gone, (Call("vn.rm_ar", (network, existing.id)),))


def leases_in(ranges: Sequence[RangeFacts], network_names: Mapping[int, str]) -> list[str]:
    """The leases and who holds them, for people."""
    return [
        f"{existing.key or 'an address of another range'} "
        f"({text_of(existing.attributes, 'EXTERNAL_IP') or lease.address}) {_leased(lease, network_names)}"
        for existing in ranges
        for lease in existing.leases
    ]


def _own(existing: RangeFacts) -> dict[str, Value]:
    return {name: value for name, value in existing.attributes.items() if name not in _ITS_OWN}


def _lease(element: Element) -> Lease:
    address = element.findtext("IP") or element.findtext("MAC") or ""
    for tag, word in (("VM", "VM"), ("VNET", "network"), ("VROUTER", "virtual router")):
        holder = element.findtext(tag)
        if holder is not None and holder != ON_HOLD:
            return Lease(address, word, natural(element, tag))
    return Lease(address, "", int(ON_HOLD))


def _leased(lease: Lease, network_names: Mapping[int, str]) -> str:
    if not lease.holder:
        return "is on hold"
    if lease.holder == "network":
        return f"is reserved by the network {network_names.get(lease.id, '')} (id {lease.id})"
    return f"is leased to {lease.holder} {lease.id}"
