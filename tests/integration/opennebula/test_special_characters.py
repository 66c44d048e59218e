"""Hostile values: they come out of the front-end as they went in, or are refused before they are sent."""

from __future__ import annotations

import string

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgewrap.errors import OpenNebulaError
from edgewrap.opennebula.kinds.template import Value, read, write
from edgewrap.outputs import UNKNOWN
from tests.support.front_end import Stage

UNHARMED = [
    'a "quoted" word, [brackets] and = sign',
    "${NOT_A_VARIABLE} %{nor} $VM_ID this",
    "two\nlines and\ta tab",
    "  blanks at both ends  ",
    "# not a comment",
    "back\\slash and \\\\two\\\\.",
    "<xml attr='1'>&amp;</xml>",
    "Ünïcödé 東京 \U0001f30d",
    "]] >",
    '"',
    ",",
    "]",
]
REFUSED = [
    "ends in a \\",
    'before a \\" quote',
    "cdata ]]> end",
    "null \0",
    "bell \a",
    "carriage\rreturn",
    "half a pair \ud83c",
    UNKNOWN,
]
SETTINGS = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def sent_and_read(stage: Stage, template: dict[str, Value]) -> dict[str, Value]:
    """What the front-end gives back of an object made with these attributes."""
    number = stage.one.call("vntemplate.allocate", {"NAME": "hostile", "VN_MAD": "bridge", **template})
    attributes = read(stage.one.read("vntemplate.info", number, False, root="VNTEMPLATE").find("TEMPLATE"))
    stage.one.call("vntemplate.delete", number)
    return {name: attributes[name] for name in template}


@pytest.mark.parametrize("value", UNHARMED)
def test_special_characters_in_values_survive(stage: Stage, value: str) -> None:
    template: dict[str, Value] = {"SINGLE": value, "VECTOR": {"A": value, "B": value}, "AFTER": "untouched"}
    assert sent_and_read(stage, template) == template


@pytest.mark.parametrize("value", REFUSED)
def test_a_value_that_cannot_travel_is_refused(stage: Stage, value: str) -> None:
    with pytest.raises(OpenNebulaError, match=r"the value of VECTOR\.A cannot be kept in OpenNebula") as raised:
        stage.one.call("vntemplate.allocate", {"NAME": "hostile", "VN_MAD": "bridge", "VECTOR": {"A": value}})
    assert raised.value.cause.startswith("a value there cannot ")
    assert stage.wire.methods == []


@SETTINGS
@given(
    st.dictionaries(
        st.text(string.ascii_uppercase, min_size=6, max_size=9),
        st.text(max_size=30) | st.dictionaries(st.text(string.ascii_uppercase, min_size=1), st.text(), min_size=1),
        min_size=1,
    )
)
def test_any_template_survives_or_is_refused(newer: Stage, template: dict[str, Value]) -> None:
    try:
        write(template)
    except OpenNebulaError:
        return  # refused before it is sent
    assert sent_and_read(newer, template) == template
