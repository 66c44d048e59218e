"""How YAML is read: by its 1.2 core schema, with anchors, without surprises."""

from __future__ import annotations

import pytest

from edgewrap.errors import SpecError
from edgewrap.spec.document import MOST_NODES, NotYamlError, read_document

from .conftest import Load


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("22:30", "22:30"),
        ("2026-01-01", "2026-01-01"),
        ("010", "010"),
        ("1_000", "1_000"),
        ("0x10", "0x10"),
        ("=", "="),
        ("<<", "<<"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("null", None),
        ("7", 7),
        ("-7", -7),
        ("0", 0),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("'7'", "7"),
        ("!!str 7", "7"),
        ("!!int '7'", 7),
        ("[a, {b: 1}]", ["a", {"b": 1}]),
        ("|\n  two\n  lines\n", "two\nlines\n"),
    ],
)
def test_scalars(text: str, value: object) -> None:
    document = read_document(f"key: {text}\n")
    assert document.data == {"key": value}
    assert document.problems == []


def test_anchors_and_merge_keys() -> None:
    text = "a: &a { x: 1, y: 2 }\nb: &b { y: 3, z: 4 }\nc: { <<: [*a, *b], x: 0 }\nd: { <<: *c }\ne: *b\n"
    document = read_document(text.replace("c: {", "c: &c {"))
    assert document.problems == []
    assert document.data["c"] == {"x": 0, "y": 2, "z": 4}
    assert document.data["d"] == document.data["c"]
    assert document.data["e"] == document.data["b"]


def test_a_merged_value_has_its_own_line() -> None:
    document = read_document("a: &a { x: 1 }\nb: { <<: *a }\n")
    place = document.values[("b", "x")]
    assert (place.line, place.column, place.text) == (1, 12, "1")


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x, x, x, x, x, x, x, x, x]\n"
        + "".join(f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(8)),
        "a: &a { x: 1 }\n"
        + "".join(
            f"{chr(98 + i)}: &{chr(98 + i)} {{ <<: [{', '.join(['*' + chr(97 + i)] * 9)}] }}\n" for i in range(12)
        ),
        "a: &a { <<: *a }\n",
        "a: " + "[" * 90 + "]" * 90 + "\n",
    ],
    ids=["lists", "merges", "merge of itself", "deep"],
)
def test_a_document_that_grows_without_bounds_is_refused(text: str) -> None:
    document = read_document(text)
    assert 1 <= len(document.problems) <= 20
    assert len(document.values) <= MOST_NODES + 1000


def test_a_document_too_deep_for_the_reader() -> None:
    with pytest.raises(NotYamlError, match="must not be nested deeper than"):
        read_document("[" * 1_000)


def test_a_byte_order_mark_is_accepted(load: Load) -> None:
    assert (
        load(b"\xef\xbb\xbfapiVersion: edgewrap/v1\nname: edge-1\naws: {region: eu-west-3}\n", whole=True).name
        == "edge-1"
    )


def test_windows_line_ends_count_as_one(load: Load) -> None:
    with pytest.raises(SpecError) as error:
        load("hosts:\r\n  count: 3\r\n  cout: 3\r\n")
    assert (error.value.problems[0].line, error.value.problems[0].column) == (6, 3)
