"""From a refusal to the right that is missing and the line that grants it."""

from __future__ import annotations

import pytest

from edgewrap.errors import AuthorizationError
from edgewrap.opennebula.api.client import FrontEnd
from edgewrap.opennebula.api.credentials import Session
from edgewrap.opennebula.api.errors import missing_rights
from tests.support.recordings import Recording

REFUSED = "[one.x.y] User [2] : Not authorized to perform "


@pytest.mark.parametrize(
    ("refusal", "named", "grants"),
    [
        ("CREATE CLUSTER.", ["CREATE on CLUSTER"], ['oneacl create "#2 CLUSTER/* CREATE"']),
        ("MANAGE HOST [5].", ["MANAGE on HOST 5"], ['oneacl create "#2 HOST/* MANAGE"']),
        ("USE VN TEMPLATE [0].", ["USE on VNTEMPLATE 0"], ['oneacl create "#2 VNTEMPLATE/* USE"']),
        (
            "ADMIN CLUSTER [100], MANAGE NET [1].",
            ["ADMIN on CLUSTER 100", "MANAGE on NET 1"],
            ['oneacl create "#2 CLUSTER/* ADMIN"', 'oneacl create "#2 NET/* MANAGE"'],
        ),
    ],
)
def test_a_missing_right(refusal: str, named: list[str], grants: list[str]) -> None:
    found = missing_rights(REFUSED + refusal)
    assert found == list(zip(named, grants, strict=True))


@pytest.mark.parametrize("text", ["", "no reason given", "Not authorized to perform CREATE CLUSTER."])
def test_an_unknown_wording_names_no_right(text: str) -> None:
    assert missing_rights(text) == []


def test_a_recorded_refusal_as_an_error(recording: Recording) -> None:
    front_end = FrontEnd("http://127.0.0.1:2633/RPC2", Session("guest:secret"), wire=recording.wire("unauthorized"))
    with pytest.raises(AuthorizationError) as raised:
        front_end.call("cluster.allocate", "nope")
    assert raised.value.cause == "the user guest does not have the right CREATE on CLUSTER"
    assert '`oneacl create "#2 CLUSTER/* CREATE"`' in raised.value.advice
