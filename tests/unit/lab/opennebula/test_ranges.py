"""Address ranges: MACs, free addresses, what an update keeps, what is shown."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewrap.lab.opennebula import ranges
from edgewrap.lab.opennebula.records import AddressRange, Lease
from tests.support.lab_opennebula import tree


def made(size: int = 4, ip: str = "10.0.128.0", **custom: str) -> AddressRange:
    return ranges.made(2, {"TYPE": "IP4", "IP": ip, "SIZE": str(size), **custom}, cursor=False)


@given(st.integers(0, 2**32 - 1))
def test_the_mac_is_the_prefix_and_the_address(number: int) -> None:
    address = IPv4Address(number)
    found = made(size=1, ip=str(address))
    assert found.attributes["MAC"] == "02:00:" + ":".join(f"{octet:02x}" for octet in address.packed)
    assert ranges.index_of(found, ip=str(address)) == 0
    assert ranges.index_of(found, mac=found.attributes["MAC"]) == 0


WRONG = [
    ({}, "Unknown or missing address range TYPE."),
    ({"TYPE": "IP4", "IP": "10.0.0.1"}, "Wrong SIZE for address range"),
    ({"TYPE": "IP4", "IP": "10.0.0.1", "SIZE": "0"}, "Wrong SIZE for address range"),
    ({"TYPE": "IP4", "IP": "10.0.0.1", "SIZE": "4294967295"}, "Wrong SIZE for address range"),
    ({"TYPE": "IP4", "SIZE": "1"}, "Wrong or empty IP attribute"),
    ({"TYPE": "IP4", "IP": "10.0.0.256", "SIZE": "1"}, "Wrong or empty IP attribute"),
    ({"TYPE": "ETHER", "SIZE": "1", "MAC": "02:00:xx:00:00:00"}, "Wrong MAC attribute"),
]


@pytest.mark.parametrize(("given_attributes", "message"), WRONG)
def test_invalid_ranges_are_refused(given_attributes: dict[str, str], message: str) -> None:
    with pytest.raises(ranges.RangeError) as caught:
        ranges.made(0, given_attributes, cursor=False)
    assert str(caught.value) == message


def test_computed_attributes_of_a_range_cannot_be_set() -> None:
    found = made(AR_ID="77", USED_LEASES="9", ALLOCATED="0 1", EDGEWRAP_KEY="eip-1")
    assert found.attributes == {
        "AR_ID": "2", "EDGEWRAP_KEY": "eip-1", "IP": "10.0.128.0", "MAC": "02:00:0a:00:80:00", "SIZE": "4",
        "TYPE": "IP4",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("used", "cursor", "count", "index"),
    [
        ([], 0, 1, 0),
        ([0, 1], 0, 1, 2),
        ([0, 1, 2, 3], 0, 1, None),
        ([1], 0, 2, 2),
        ([1, 2], 0, 2, None),
        ([], 3, 1, 3),
        ([3], 3, 1, 0),
        ([], 3, 2, 0),
        ([], 0, 5, None),
    ],
)
def test_the_first_free_addresses(used: list[int], cursor: int, count: int, index: int | None) -> None:
    found = ranges.leased(made(), [Lease(index=number) for number in used], cursor=cursor)
    assert ranges.free_index(found, count) == index


def test_an_update_replaces_the_custom_attributes_and_nothing_else() -> None:
    found = ranges.updated(
        made(GATEWAY="10.0.128.9", EDGEWRAP_KEY="eip-1"), {"IP": "1.1.1.1", "EXTERNAL_IP": "203.0.113.9"}
    )
    assert found.attributes == {
        "AR_ID": "2", "EXTERNAL_IP": "203.0.113.9", "IP": "10.0.128.0", "MAC": "02:00:0a:00:80:00", "SIZE": "4",
        "TYPE": "IP4",
    }  # fmt: skip


def test_a_range_does_not_shrink_below_its_leases() -> None:
    found = ranges.leased(made(), [Lease(index=3)])
    assert ranges.updated(found, {"SIZE": "5"}).size == 5
    with pytest.raises(ranges.RangeError, match="leases in use"):
        ranges.updated(found, {"SIZE": "3"})


def test_leases_are_shown_in_full_and_as_allocated_in_a_pool() -> None:
    found = ranges.leased(
        made(), [Lease(index=2, holder_id=7), Lease(index=0), Lease(index=1, holder="VNET", holder_id=3)]
    )
    full = tree(ranges.render(found, full=True, cursor=False))
    assert [[(item.tag, item.text) for item in lease] for lease in full.iter("LEASE")] == [
        [("IP", "10.0.128.0"), ("MAC", "02:00:0a:00:80:00"), ("VM", "-1")],
        [("IP", "10.0.128.1"), ("MAC", "02:00:0a:00:80:01"), ("VNET", "3")],
        [("IP", "10.0.128.2"), ("MAC", "02:00:0a:00:80:02"), ("VM", "7")],
    ]
    assert full.findtext("USED_LEASES") == "3"
    assert full.findtext("IP_END") == "10.0.128.3"
    pool = tree(ranges.render(found, full=False, cursor=True))
    held, reserved, used = 0x10_FFFFFFFF, 0x4_00000003, 0x10_00000007
    assert pool.findtext("ALLOCATED") == f" 0 {held} 1 {reserved} 2 {used}"
    assert pool.findtext("NEXT_INDEX") == "0"
    assert pool.find("LEASES") is None


def test_a_range_without_addresses_has_macs() -> None:
    found = ranges.made(1, {"TYPE": "ETHER", "SIZE": "2", "MAC": "02:00:00:00:00:ff"}, cursor=True)
    full = tree(ranges.render(found, full=True, cursor=True))
    assert (full.findtext("MAC_END"), full.find("IP_END")) == ("02:00:00:00:01:00", None)
    assert full.findtext("SHARED") == "NO"
