"""Addresses: no two keys share one, hosts and groups keep to their halves, and growth moves nothing."""

from __future__ import annotations

from ipaddress import IPv4Network
from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from edgewrap.spec.addressing import (
    active_indexes,
    block,
    eip_place,
    groups_half,
    host_address,
    host_capacity,
    hosts_half,
    pair,
    pair_capacity,
)

prefixes = st.integers(16, 28)
subnets = st.tuples(st.integers(0, 2**32 - 1), prefixes).map(lambda made: IPv4Network(made, strict=False))
groups_in_all = st.integers(1, 63)


def pairs_that_fit(subnet: IPv4Network, groups: int) -> int:
    try:
        return pair_capacity(subnet, groups)
    except ValueError:
        return 0


@given(subnets, groups_in_all)
def test_blocks_are_apart_and_in_the_upper_half(subnet: IPv4Network, groups: int) -> None:
    assume(pairs_that_fit(subnet, groups))
    blocks = [block(subnet, groups, group) for group in range(groups)]
    assert all(one.subnet_of(groups_half(subnet)) for one in blocks)
    assert all(one.broadcast_address < other.network_address for one, other in pairwise(blocks))


@given(subnets, st.data())
def test_hosts_are_in_the_lower_half_above_what_aws_keeps(subnet: IPv4Network, data: st.DataObject) -> None:
    assume(host_capacity(subnet))
    index = data.draw(st.integers(0, host_capacity(subnet) - 1))
    assert host_address(subnet, index) in hosts_half(subnet)
    assert host_address(subnet, index) >= subnet.network_address + 4
    assert host_address(subnet, host_capacity(subnet)) not in hosts_half(subnet)


@settings(max_examples=30)
@given(subnets, groups_in_all)
def test_no_two_keys_share_an_address(subnet: IPv4Network, groups: int) -> None:
    capacity = pairs_that_fit(subnet, groups)
    assume(capacity)
    blocks = [block(subnet, groups, group) for group in range(groups)]
    taken = [one.network_address for one in blocks]
    for index in range(groups * capacity):
        group, number = eip_place(index, groups)
        place = pair(blocks[group], number)
        assert place.address in blocks[group]
        assert int(place.address) % 2 == 0
        assert place.gateway == place.address + 1
        taken += [place.address, place.gateway]
    taken += [host_address(subnet, index) for index in range(min(50, host_capacity(subnet)))]
    assert len(set(taken)) == len(taken)
    assert subnet.broadcast_address not in taken


@given(st.integers(0, 40), st.sets(st.integers(0, 40)))
def test_keys_are_never_reused_and_growth_keeps_existing_ones(count: int, retired: set[int]) -> None:
    now = active_indexes(count, tuple(retired))
    assert len(now) == count
    assert not retired & set(now)
    assert active_indexes(count + 1, tuple(retired))[:count] == now
    if now:
        assert active_indexes(count - 1, (*retired, now[0])) == now[1:]


@pytest.mark.parametrize(
    ("subnet", "groups", "pairs"),
    [
        ("10.0.0.0/16", 4, 63),
        ("10.0.0.0/16", 63, 63),
        ("10.0.0.0/22", 4, 62),  # the last block ends where the subnet does: its last gateway would be the broadcast
        ("10.0.0.0/22", 3, 63),
        ("10.0.0.0/26", 4, 2),
        ("10.0.0.0/27", 4, 0),
        ("10.0.0.0/28", 1, 2),
    ],
)
def test_how_many_pairs_a_block_holds(subnet: str, groups: int, pairs: int) -> None:
    assert pair_capacity(IPv4Network(subnet), groups) == pairs
    assert pair_capacity(IPv4Network(subnet), groups, 10) == min(pairs, 9)


def test_a_half_too_small_for_its_blocks() -> None:
    with pytest.raises(ValueError, match=r"10\.0\.0\.8/29 is too small for 3 groups"):
        block(IPv4Network("10.0.0.0/28"), 3, 0)
