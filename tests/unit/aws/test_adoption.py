"""What becomes of the IPAM driver's Elastic IPs: adopted, kept, released, forgotten."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewrap.aws.adoption import GRACE, Places, adopt, collisions
from edgewrap.aws.elastic_ips import TIME_FORMAT, ElasticIp
from edgewrap.spec.addressing import ipam_number, ipam_place
from tests.support.aws_plane import first_inputs, make_spec

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
INPUTS = first_inputs(make_spec(public_network={"groups": 4, "elastic_ips": {"count": 5}}))
PLACES = Places(INPUTS)


def elastic_ip(key: str, number: str, *, age: timedelta = timedelta(hours=1), place: str = "") -> ElasticIp:
    """One in AWS, associated with the addresses of the key `place`; without an association if that is empty."""
    address = ""
    if place:
        address = PLACES.address(place)
    requested = (NOW - age).strftime(TIME_FORMAT)
    return ElasticIp(
        key, f"eipalloc-{number}", f"203.0.113.{number}", address, f"eipassoc-{number}" * bool(place), requested
    )


@pytest.mark.parametrize(
    ("found", "tracked", "used", "expected"),
    [
        pytest.param([elastic_ip("eip-x-0", "1", place="eip-x-0")], {}, None, (["eip-x-0"], [], []), id="new"),
        pytest.param(
            [elastic_ip("eip-x-0", "1", place="eip-x-0")], {}, set(), (["eip-x-0"], [], []), id="new-no-range"
        ),
        pytest.param(
            [elastic_ip("eip-x-0", "1", place="eip-x-0")],
            {"eip-x-0": "eipalloc-1"},
            {PLACES.address("eip-x-0")},
            (["eip-x-0"], [], []),
            id="kept",
        ),
        pytest.param(
            [elastic_ip("eip-x-0", "1", place="eip-x-0")],
            {"eip-x-0": "eipalloc-1"},
            set(),
            ([], ["eip-x-0"], []),
            id="no-range",
        ),
        pytest.param(
            [elastic_ip("eip-x-0", "1", place="eip-x-0")],
            {"eip-x-0": "eipalloc-1"},
            None,
            (["eip-x-0"], [], []),
            id="ranges-not-known",
        ),
        pytest.param(
            [elastic_ip("eip-x-0", "1", place="eip-x-0", age=GRACE - timedelta(seconds=1))],
            {"eip-x-0": "eipalloc-1"},
            set(),
            (["eip-x-0"], [], []),
            id="no-range-yet",
        ),
        pytest.param([], {"eip-x-0": "eipalloc-1"}, set(), ([], [], ["eip-x-0"]), id="gone"),
        pytest.param(
            [elastic_ip("eip-x-0", "2", place="eip-x-0")],
            {"eip-x-0": "eipalloc-1"},
            None,
            (["eip-x-0"], [], []),
            id="gone-and-requested-again",
        ),
        pytest.param(
            [elastic_ip("", "1")], {"eip-x-7": "eipalloc-1"}, None, (["eip-x-7"], [], []), id="its-tags-were-removed"
        ),
        pytest.param(
            [elastic_ip("eip-x-3", "1", place="eip-x-6")], {}, None, (["eip-x-6"], [], []), id="the-place-decides"
        ),
        pytest.param(
            [elastic_ip("eip-x-0", "1"), elastic_ip("eip-x-0", "2", place="eip-x-0")],
            {},
            None,
            (["eip-x-0", "eip-x-1"], [], []),
            id="two-with-one-key",
        ),
        pytest.param([elastic_ip("eip-x-0", "1", age=timedelta(seconds=9))], {}, None, ([], [], []), id="unfinished"),
        *(
            pytest.param([elastic_ip(key, "1")], {}, None, (["eip-x-0"], [], []), id=f"a-key-of-another-form-{key!a}")
            for key in ("nonsense", "eip-x-007", "eip-x-\u0663", "eip-x-", "eip-x-99999", "eip-0")
        ),
    ],
)
def test_what_becomes_of_it(
    found: list[ElasticIp],
    tracked: dict[str, str],
    used: set[str] | None,
    expected: tuple[list[str], list[str], list[str]],
) -> None:
    adoption = adopt(found, tracked, INPUTS, used, NOW)
    assert (list(adoption.keys), list(adoption.released), list(adoption.forgotten)) == expected


def test_the_ids_to_import() -> None:
    adoption = adopt([elastic_ip("eip-x-0", "1", place="eip-x-0"), elastic_ip("eip-x-1", "2")], {}, INPUTS, None, NOW)
    assert adoption.imports == {
        'module.eips.aws_eip.this["eip-x-0"]': "eipalloc-1",
        'module.eips.aws_eip_association.this["eip-x-0"]': "eipassoc-1",
        'module.eips.aws_eip.this["eip-x-1"]': "eipalloc-2",
    }


def test_collisions() -> None:
    last = PLACES.groups * PLACES.pairs - 1
    assert collisions(["eip-0", f"eip-{last}"], ["eip-x-0"], INPUTS, {"office": "eip-x-1"}) == {}
    group, number = PLACES.of("eip-x-0")
    assert collisions([f"eip-{number * PLACES.groups + group}"], ["eip-x-0"], INPUTS, {}) != {}
    assert collisions([f"eip-{number * PLACES.groups + group}"], [], INPUTS, {"office": "eip-x-0"}) != {}
    assert collisions([], ["eip-x-0"], INPUTS, {"office": "eip-x-0"}) == {"office": "eip-x-0"}


@given(st.integers(1, 63), st.integers(1, 63), st.data())
def test_a_number_is_a_place(groups: int, pairs: int, data: st.DataObject) -> None:
    number = data.draw(st.integers(0, groups * pairs - 1))
    group, pair_number = ipam_place(number, groups, pairs)
    assert (0 <= group < groups, 0 <= pair_number < pairs) == (True, True)
    assert ipam_number(group, pair_number, groups, pairs) == number


@given(
    st.lists(st.tuples(st.integers(0, 9), st.booleans(), st.integers(0, 20)), max_size=20), st.sets(st.integers(0, 9))
)
def test_each_has_one_key_and_no_key_two(found: list[tuple[int, bool, int]], tracked: set[int]) -> None:
    """Whatever is tagged and associated, nothing is adopted twice and no place is used twice."""
    places = {place: number for number, (place, associated, _) in enumerate(found) if associated}
    requested = [
        elastic_ip(f"eip-x-{key}", str(number), place=f"eip-x-{place}" if places.get(place) == number else "")
        for number, (place, _, key) in enumerate(found)
    ]
    known = {f"eip-x-{number}": f"eipalloc-{number}" for number in tracked}
    adoption = adopt(requested, known, INPUTS, None, NOW)
    assert len(set(adoption.keys)) == len(adoption.keys)
    assert len(set(adoption.imports.values())) == len(adoption.imports)
    assert {number for number in adoption.imports.values() if "alloc" in number} == {
        one.allocation_id for one in requested
    }
