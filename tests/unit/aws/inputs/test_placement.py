"""Placement: every group has a host, moves only when it must, and the load is even."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from edgewrap.aws.inputs.placement import place

GROUPS = st.integers(1, 14).map(lambda count: [f"group-{index}" for index in range(count)])
HOSTS = st.sets(st.integers(0, 40), min_size=1, max_size=12).map(
    lambda indexes: [f"host-{index}" for index in sorted(indexes)]
)


def test_a_first_placement_is_round_robin() -> None:
    placement = place([f"group-{index}" for index in range(4)], ["host-0", "host-2", "host-5"], {})
    assert placement == {"group-0": "host-0", "group-1": "host-2", "group-2": "host-5", "group-3": "host-0"}


def test_groups_of_a_removed_host_go_to_the_least_loaded_hosts() -> None:
    before = {"group-0": "host-0", "group-1": "host-1", "group-2": "host-2", "group-3": "host-0"}
    after = place(sorted(before), ["host-1", "host-2", "host-3"], before)
    assert after == {"group-0": "host-3", "group-1": "host-1", "group-2": "host-2", "group-3": "host-1"}


def test_a_group_moves_to_an_existing_host_rather_than_to_a_new_one() -> None:
    before = {"group-0": "host-0", "group-1": "host-1"}
    assert place(sorted(before), ["host-1", "host-2"], before, new_hosts={"host-2"}) == {
        "group-0": "host-1",
        "group-1": "host-1",
    }
    assert set(place(sorted(before), ["host-2"], before, new_hosts={"host-2"}).values()) == {"host-2"}
    assert place(sorted(before), ["host-0", "host-1"], before, new_hosts={"host-0"}) == before


@given(groups=GROUPS, hosts=HOSTS)
def test_a_first_placement_is_even_and_complete(groups: list[str], hosts: list[str]) -> None:
    placement = place(groups, hosts, {})
    load = Counter(dict.fromkeys(hosts, 0))
    load.update(placement.values())
    assert list(placement) == groups
    assert set(placement.values()) <= set(hosts)
    assert max(load.values()) - min(load.values()) <= 1


@given(groups=GROUPS, before=HOSTS, after=HOSTS)
def test_a_group_moves_only_when_its_host_is_removed(groups: list[str], before: list[str], after: list[str]) -> None:
    old = place(groups, before, {})
    new = place(groups, after, old)
    for group in groups:
        assert new[group] in after
        if old[group] in after:
            assert new[group] == old[group]
    assert place(groups, after, new) == new
