"""The IPAM driver's Elastic IPs as the next plan sees them: adopted, kept, forgotten or released. Pure.

AWS, the state and OpenNebula's address ranges are compared. A key stands for a place (group and pair): an associated
address has the key of its place, one that a killed driver left without an association gets a free one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv4Network

from edgewrap.aws.elastic_ips import TIME_FORMAT, ElasticIp, driver_number
from edgewrap.aws.inputs.model import Inputs, index_of
from edgewrap.aws.terraform.resources import EIP, EIP_ASSOCIATION
from edgewrap.outputs import BY_DRIVER
from edgewrap.spec.addressing import block, eip_place, ipam_number, ipam_place, pair, pair_capacity

GRACE = timedelta(minutes=10)
"""How long an Elastic IP may have no address range: the front-end waits at most 105 s for the driver."""

Place = tuple[int, int]
"""A group and a pair number."""


@dataclass(frozen=True, slots=True)
class Adoption:
    """`keys` are those that the cluster has from now on, in order; `imports` the ids of what AWS has of them, by
    Terraform address. `released`: the keys of those that no address range names. `forgotten`: the allocation ids of
    those that AWS no longer has, by key. `unfinished`: those that the driver has not associated yet."""

    keys: tuple[str, ...] = ()
    imports: Mapping[str, str] = field(default_factory=dict)
    released: tuple[str, ...] = ()
    forgotten: Mapping[str, str] = field(default_factory=dict)
    unfinished: tuple[ElasticIp, ...] = ()


def adopt(
    requested: Iterable[ElasticIp],
    tracked: Mapping[str, str],
    inputs: Inputs,
    used: Collection[str] | None,
    now: datetime | None,
) -> Adoption:
    """What becomes of the driver's Elastic IPs.

    `requested` are those in AWS, `tracked` the allocation ids in the state by key. `used` are the private addresses
    that address ranges have, None if that is not known: then none is released. (Other attributes of a range are its
    owner's to change.) One is released only if an earlier run has adopted it, and not within GRACE of its request.
    `now` is None for a destroy, which waits for no driver.
    """
    by_id = {one.allocation_id: one for one in requested}
    keys = {key: by_id[number] for key, number in tracked.items() if number in by_id}
    known = {one.allocation_id for one in keys.values()}
    places = Places(inputs)
    unfinished = []
    # those with a place first: their keys are not free
    for one in sorted(by_id.values(), key=lambda one: (not one.association_id, one.key, one.allocation_id)):
        if one.allocation_id in known:
            continue
        if not one.association_id and _is_recent(one, now):
            unfinished.append(one)
            continue
        wanted = places.key_at(one.private_address) if one.association_id else one.key
        key = wanted if places.has(wanted) and wanted not in keys else next(places.free(keys), "")
        if key:
            keys[key] = one
    released = tuple(
        key
        for key, one in keys.items()
        if used is not None and places.address(key) not in used and key in tracked and not _is_recent(one, now)
    )
    kept = sorted(keys.keys() - {*released}, key=index_of)
    imports = {EIP.address(key): keys[key].allocation_id for key in kept}
    imports |= {EIP_ASSOCIATION.address(key): keys[key].association_id for key in kept if keys[key].association_id}
    forgotten = {key: number for key, number in tracked.items() if key not in keys}
    return Adoption(tuple(kept), imports, released, forgotten, tuple(unfinished))


def collisions(
    eips: Iterable[str], ipam_eips: Collection[str], inputs: Inputs, existing: Mapping[str, str]
) -> dict[str, str]:
    """The Elastic IPs of the spec whose place another has, and that one, by key. `existing` are the places of the
    user's own, as keys of the driver's."""
    places = Places(inputs)
    taken = {places.of(place): key for key, place in existing.items()} | {places.of(key): key for key in ipam_eips}
    wanted = {key: eip_place(index_of(key), places.groups) for key in eips}
    wanted |= {key: places.of(place) for key, place in existing.items()}
    return {key: taken[place] for key, place in wanted.items() if taken.get(place, key) != key}


class Places:
    """Which key has which place in this cluster."""

    def __init__(self, inputs: Inputs) -> None:
        self._subnet = IPv4Network(inputs.foundation.subnet_cidr)
        self._eips, self._existing = inputs.eips, inputs.existing.values()
        self.groups = inputs.foundation.groups
        self.pairs = pair_capacity(self._subnet, self.groups, inputs.limits.addresses_per_interface)

    def of(self, key: str) -> Place:
        """The place of a key of the driver's."""
        return ipam_place(index_of(key), self.groups, self.pairs)

    def has(self, key: str) -> bool:
        """Whether this is the key of a place of the cluster."""
        number = driver_number(key)
        return number is not None and number < self.groups * self.pairs

    def address(self, key: str) -> str:
        """The VM's private address in the place of a key of the driver's."""
        group, number = self.of(key)
        return str(pair(block(self._subnet, self.groups, group), number).address)

    def key_at(self, address: str) -> str:
        """The key that belongs to a VM's private address; empty if the address is in no block."""
        for group in range(self.groups):
            own = block(self._subnet, self.groups, group)
            if IPv4Address(address) in own:
                number = (int(IPv4Address(address)) - int(pair(own, 0).address)) // 2
                return f"{BY_DRIVER}{ipam_number(group, number, self.groups, self.pairs)}" if number >= 0 else ""
        return ""

    def free(self, keys: Collection[str]) -> Iterator[str]:
        """The keys whose place neither the spec nor one of `keys` has."""
        taken = {eip_place(index_of(key), self.groups) for key in self._eips}
        taken |= {self.of(one.place) for one in self._existing}
        for number in range(self.groups * self.pairs):
            key = f"{BY_DRIVER}{number}"
            if key not in keys and self.of(key) not in taken:
                yield key


def _is_recent(one: ElasticIp, now: datetime | None) -> bool:
    """Whether its request is not long ago; one whose time cannot be read is never released."""
    if now is None:
        return False
    try:
        requested = datetime.strptime(one.requested, TIME_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return True
    return now - requested < GRACE
