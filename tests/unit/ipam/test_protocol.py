"""Requests of real front-ends are read, everything else is refused; answers are templates that a front-end reads."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewrap.errors import IpamError
from edgewrap.ipam.protocol import range_text, read_range
from edgewrap.lab.opennebula.template import Template

RECORDED = [
    json.loads(line)
    for line in (Path(__file__).parents[2] / "data" / "opennebula" / "ipam-calls.jsonl").read_text().splitlines()
]


@pytest.mark.parametrize(
    "call", RECORDED, ids=lambda call: f"{call['front_end']}-{call['action']}-{call['request'][0]}"
)
def test_every_recorded_request_is_read(call: dict[str, str]) -> None:
    found = ElementTree.fromstring(call["stdin"]).find("AR")  # noqa: S314 - recorded
    assert found is not None
    attributes = read_range(base64.b64encode(call["stdin"].encode()))
    assert attributes == {one.tag: one.text for one in found}
    assert attributes["SIZE"] == "1"


@pytest.mark.parametrize("call", [call for call in RECORDED if call["action"].startswith("register")])
def test_the_answer_has_the_recorded_form(call: dict[str, str]) -> None:
    assert range_text(read_range(base64.b64encode(call["stdin"].encode()))) == call["stdout"]


@pytest.mark.parametrize(
    ("raw", "cause"),
    [
        (b"", "no element found"),
        (b"%%%", "no element found"),
        (base64.b64encode(b"<AR/>"), "it is not IPAM_DRIVER_ACTION_DATA with an AR"),
        (base64.b64encode(b"<IPAM_DRIVER_ACTION_DATA/>"), "it is not IPAM_DRIVER_ACTION_DATA with an AR"),
        (base64.b64encode(b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"), "it has a document type"),
        (base64.b64encode('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'.encode("utf-16")), "'utf-8' codec can't decode"),
        (base64.b64encode(b"a" * (1 << 20)), "it has 1048576 bytes or more"),
    ],
)
def test_anything_else_is_refused(raw: bytes, cause: str) -> None:
    with pytest.raises(IpamError) as caught:
        read_range(raw)
    assert caught.value.cause.startswith(cause)


@given(st.dictionaries(st.from_regex(r"[A-Z_]{1,10}", fullmatch=True), st.text("ab c=,]#'.:/", min_size=1), min_size=1))
def test_a_front_end_reads_back_what_is_answered(attributes: dict[str, str]) -> None:
    assert dict(Template.parse(range_text(attributes)).vectors("AR")[0]) == attributes


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=5), min_size=1))
def test_an_attribute_never_becomes_another_one(attributes: dict[str, str]) -> None:
    """Refused, or read back as it is."""
    try:
        text = range_text(attributes)
    except IpamError:
        return
    assert dict(Template.parse(text).vectors("AR")[0]) == attributes


def test_the_encoding_that_a_request_names_does_not_count() -> None:
    document = (
        "<?xml version='1.0' encoding='foo'?><IPAM_DRIVER_ACTION_DATA><AR><A>b</A></AR></IPAM_DRIVER_ACTION_DATA>"
    )
    assert read_range(base64.b64encode(document.encode())) == {"A": "b"}
