"""The user's own Elastic IPs: what is wrong with them, and which pairs they get."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewrap.aws.adoption import Places
from edgewrap.aws.existing.addresses import Allocation
from edgewrap.aws.inputs.decide import decide_inputs
from edgewrap.aws.inputs.model import Inputs
from edgewrap.aws.render.variables import make_variables
from edgewrap.errors import RefusedChangeError
from tests.support.aws_plane import OFFICE, FixedLookups, make_spec

SPARE = replace(OFFICE, allocation_id="eipalloc-0123456789abcdef1", public_address="203.0.113.201")
BOTH = {one.allocation_id: one for one in (OFFICE, SPARE)}
UUID = "7e5a1c9e-0000-4000-8000-000000000001"


def decide(
    existing: dict[str, Allocation], previous: Inputs | None = None, lookups: FixedLookups | None = None, **more: Any
) -> Inputs:
    """The inputs of a spec with these; `more` may have `groups`, `count` and `unassociated`."""
    public = {"groups": more.get("groups", 2), "elastic_ips": {"count": more.get("count", 2)}}
    ids = {key: one.allocation_id for key, one in existing.items()}
    spec = make_spec(public_network={**public, "existing": ids})
    lookups = lookups or FixedLookups(elastic_ips=BOTH)
    return decide_inputs(spec, previous, lookups, unassociated=more.get("unassociated", ()))


def places(inputs: Inputs) -> dict[str, str]:
    return {key: one.place for key, one in inputs.existing.items()}


WRONG = [
    pytest.param({}, "the account has no Elastic IP eipalloc-0123456789abcdef0 in eu-west-3", id="of another account"),
    pytest.param({"border_group": "eu-west-3-x-1"}, "belongs to the network border group eu-west-3-x-1", id="border"),
    pytest.param({"special": "belongs to the AWS service nlb"}, "belongs to the AWS service nlb", id="of a service"),
    pytest.param({"cluster": "edge-lyon"}, "was allocated by edgewrap for the cluster edge-lyon", id="of a cluster"),
    pytest.param(
        {"interface_id": "eni-1", "private_address": "10.9.9.9"}, "is associated with 10.9.9.9 on eni-1", id="in use"
    ),
]


@pytest.mark.parametrize(("change", "message"), WRONG)
def test_one_that_cannot_be_used_is_refused(change: dict[str, str], message: str) -> None:
    lookups = FixedLookups(elastic_ips={OFFICE.allocation_id: replace(OFFICE, **change)} if change else {})
    with pytest.raises(RefusedChangeError, match=message) as caught:
        decide({"office": OFFICE}, lookups=lookups)
    assert caught.value.refusals[0].startswith("public_network.existing.office: ")


def test_each_keeps_its_pair() -> None:
    first = decide({"office": OFFICE})
    assert places(first) == {"office": "eip-x-0"}
    both = decide({"branch": SPARE, "office": OFFICE}, first)
    assert places(both) == {"branch": "eip-x-1", "office": "eip-x-0"}
    assert both.existing["branch"].public_address == SPARE.public_address
    assert places(decide({"branch": SPARE}, both)) == {"branch": "eip-x-1"}


def test_nothing_is_asked_about_one_that_is_associated() -> None:
    first = decide({"office": OFFICE})
    assert decide({"office": OFFICE}, first, lookups := FixedLookups(elastic_ips={})) == first
    assert lookups.asked == []


def test_the_drivers_pairs_are_left_alone() -> None:
    first = decide({}).model_copy(update={"ipam_eips": ("eip-x-0", "eip-x-2")})
    assert places(decide({"office": OFFICE, "branch": SPARE}, first)) == {"office": "eip-x-1", "branch": "eip-x-3"}
    assert next(Places(decide({"office": OFFICE}, first)).free({"eip-x-0", "eip-x-2"})) == "eip-x-3"


def test_one_whose_pair_the_driver_took_before_it_was_associated_gets_another() -> None:
    first = decide({"office": OFFICE}).model_copy(update={"ipam_eips": ("eip-x-0",)})
    assert places(decide({"office": OFFICE}, first, unassociated={"office"})) == {"office": "eip-x-1"}
    with pytest.raises(RefusedChangeError, match="office needs the addresses of eip-x-0: remove its address range"):
        decide({"office": OFFICE}, first)


def test_one_that_a_killed_run_associated_is_accepted_in_its_place_only() -> None:
    first = decide({"office": OFFICE})
    place = Places(first).address("eip-x-0")
    for private, holder, right in ((place, UUID, True), (place, "", False), ("10.0.128.2", UUID, False)):
        held = replace(
            OFFICE, interface_id="eni-1", private_address=private, association_id="eipassoc-1", holder=holder
        )
        lookups = FixedLookups(elastic_ips={OFFICE.allocation_id: held})
        if right:
            assert decide({"office": OFFICE}, first, lookups, unassociated={"office"}) == first
        else:
            with pytest.raises(RefusedChangeError, match="is associated with"):
                decide({"office": OFFICE}, first, lookups, unassociated={"office"})


def test_a_key_keeps_its_elastic_ip_and_an_elastic_ip_its_key() -> None:
    first = decide({"office": OFFICE})
    with pytest.raises(
        RefusedChangeError, match="a key keeps its Elastic IP; write `office: eipalloc-0123456789abcdef0`"
    ):
        decide({"office": SPARE}, first)
    with pytest.raises(RefusedChangeError, match="eipalloc-0123456789abcdef0 has the key office"):
        decide({"branch": OFFICE}, first)
    assert (
        decide({"office": SPARE}, first, unassociated={"office"}).existing["office"].public_address == "203.0.113.201"
    )


def test_they_are_refused_if_no_pair_is_free() -> None:
    full = decide({}, count=97)
    assert places(decide({"office": OFFICE}, full, count=97)) == {"office": "eip-x-1"}
    with pytest.raises(RefusedChangeError, match="existing: no pair of addresses is free for office"):
        decide({"office": OFFICE}, count=98)


def test_more_elastic_ips_of_the_spec_never_take_their_pair() -> None:
    full = decide({"office": OFFICE}, count=97)
    with pytest.raises(RefusedChangeError, match="eip-97 needs the addresses of office"):
        decide({"office": OFFICE}, full, count=98)


@given(
    st.integers(1, 6),
    st.integers(0, 60),
    st.sets(st.integers(0, 40), max_size=8),
    st.lists(st.sampled_from("abcdefghij"), unique=True, max_size=8),
)
def test_no_two_elastic_ips_share_a_pair(groups: int, count: int, driver: set[int], keys: list[str]) -> None:
    count = min(count, 49 * groups - len(keys) - 41)
    if count < 0:
        return
    known = {
        f"eipalloc-{number:017x}": replace(OFFICE, allocation_id=f"eipalloc-{number:017x}") for number in range(10)
    }
    before = decide({}, groups=groups, count=count)
    before = before.model_copy(update={"ipam_eips": tuple(f"eip-x-{number}" for number in sorted(driver))})
    wanted = dict(zip(keys, known.values(), strict=False))
    after = decide(wanted, before, FixedLookups(elastic_ips=known), groups=groups, count=count)
    variables = make_variables(make_spec(), after, "")
    addresses = [one.private_address for one in (*variables.eips.values(), *variables.existing.values())]
    assert len(addresses) == len({*addresses}) == count + len(driver) + len(keys)
