"""Which address belongs to which key: pure arithmetic on the subnet, so it never changes.

The lower half of the subnet holds the hosts (host *i* at base + 10 + i). The upper half holds one block per
interface group, one after the other: the half divided by the next power of two of the number of groups, a /25
at most. A block's first address is the interface's own primary one; from the third on there are pairs, the VM's
address (even) and its gateway (odd), so that a VM's mask is /31.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address, IPv4Network
from itertools import islice

from edgewrap.counted import counted

FIRST_HOST = 10
LARGEST_BLOCK = 128  # addresses, a /25


def active_indexes(count: int, retired: tuple[int, ...]) -> tuple[int, ...]:
    """The first `count` indexes that are not retired, in order: `active_indexes(3, (1,))` is `(0, 2, 3)`."""
    removed = set(retired)
    return tuple(islice((index for index in itertools.count() if index not in removed), count))


def hosts_half(subnet: IPv4Network) -> IPv4Network:
    """The lower half of the subnet."""
    return next(subnet.subnets(prefixlen_diff=1))


def groups_half(subnet: IPv4Network) -> IPv4Network:
    """The upper half of the subnet."""
    return list(subnet.subnets(prefixlen_diff=1))[1]


def host_address(subnet: IPv4Network, index: int) -> IPv4Address:
    """The fixed primary private address of host `index`."""
    return subnet.network_address + FIRST_HOST + index


def host_capacity(subnet: IPv4Network) -> int:
    """How many host indexes have an address in the lower half."""
    return max(0, hosts_half(subnet).num_addresses - FIRST_HOST)


@dataclass(frozen=True, slots=True)
class Pair:
    """A VM's address and its gateway."""

    address: IPv4Address
    gateway: IPv4Address


@cache
def block(subnet: IPv4Network, groups: int, group: int) -> IPv4Network:
    """The block of interface group `group`, of `groups` in all.

    Raises ValueError if the half is too small for that many blocks of one pair each.
    """
    half = groups_half(subnet)
    slots = 1 << (groups - 1).bit_length()
    size = min(half.num_addresses // slots, LARGEST_BLOCK)
    if size < 4:
        raise ValueError(f"{half} is too small for {counted(groups, 'group')}")
    return IPv4Network((int(half.network_address) + group * size, 32 - (size.bit_length() - 1)))


def pair_capacity(subnet: IPv4Network, groups: int, addresses_per_interface: int = LARGEST_BLOCK) -> int:
    """How many pairs one block holds: bounded by its size and by the addresses an interface may have in all.

    The subnet's last address is its broadcast address: no host answers for it as a gateway. If the last block
    includes it, no block uses its last pair, so that all hold the same number.
    """
    last = block(subnet, groups, groups - 1)
    unusable = 1 if last.broadcast_address == subnet.broadcast_address else 0
    return min(last.num_addresses // 2 - 1 - unusable, addresses_per_interface - 1)


def pair(group_block: IPv4Network, number: int) -> Pair:
    """Pair `number` (from 0) of a block."""
    first = group_block.network_address + 2 + 2 * number
    return Pair(first, first + 1)


def eip_place(index: int, groups: int) -> tuple[int, int]:
    """The group and the pair number of Elastic IP `index`."""
    return index % groups, index // groups


def ipam_place(number: int, groups: int, pairs: int) -> tuple[int, int]:
    """The group and the pair number of the IPAM driver's Elastic IP `eip-x-NUMBER`: from the top pair down, while those
    of the spec come from the bottom up. `pairs` is how many a block holds."""
    return number % groups, pairs - 1 - number // groups


def ipam_number(group: int, pair_number: int, groups: int, pairs: int) -> int:
    """The number in the key of the IPAM driver's Elastic IP in this place: the reverse of `ipam_place`."""
    return (pairs - 1 - pair_number) * groups + group
