"""The template language: reading, rendering, and the parser's messages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewrap.lab.opennebula.template import Template, TemplateError, Value

NAMES = st.from_regex(r"[A-Z_][A-Z0-9_]{0,8}", fullmatch=True)
PRINTED = st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff", include_characters="\n\t")
TEXTS = st.text(PRINTED, max_size=30)

READ: list[tuple[str, list[tuple[str, Value]]]] = [
    ('A = "b"', [("A", "b")]),
    ('a="b"', [("A", "b")]),
    ('A = ""', [("A", "")]),
    ("A = b c d \nB = 1", [("A", "b c d"), ("B", "1")]),
    ("A =\nB = 1", [("A", ""), ("B", "1")]),
    ('B = "2"\nA = "1"', [("A", "1"), ("B", "2")]),
    ('A = "1" B = "2"', [("A", "1"), ("B", "2")]),
    ('# a note\nA = "1"\n# another', [("A", "1")]),
    ('A = "# no note"', [("A", "# no note")]),
    ('A = "two\nlines"', [("A", "two\nlines")]),
    (r'A = "a \"quoted\" word, [brackets] and = sign"', [("A", 'a "quoted" word, [brackets] and = sign')]),
    (r'A = "C:\\dir\n"', [("A", r"C:\\dir\n")]),
    ('A = [ K = "v" ]', [("A", {"K": "v"})]),
    ('A=[k="v",B="w"]', [("A", {"B": "w", "K": "v"})]),
    ('A = [\n  K = "v",\n  L = "w"\n]\n', [("A", {"K": "v", "L": "w"})]),
    ('A = [ K = "1", K = "2" ]', [("A", {"K": "2"})]),
    ("A = [ K = v w, L = x ]", [("A", {"K": "v w", "L": "x"})]),
    ('A = [ K = "], [" ]', [("A", {"K": "], ["})]),
    ('AR = [ IP = "b" ]\nAR = [ IP = "a" ]', [("AR", {"IP": "b"}), ("AR", {"IP": "a"})]),
    ('A = "${x} %{y} é 漢"', [("A", "${x} %{y} é 漢")]),
    ("<TEMPLATE><a>1</a><B/></TEMPLATE>", [("A", "1"), ("B", "")]),
    ("<T><V><K><![CDATA[a\"b\\\"c]]></K><E></E></V></T>", [("V", {"E": "", "K": 'a"b\\"c'})]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "attributes"), READ)
def test_reading_templates(text: str, attributes: list[tuple[str, Value]]) -> None:
    assert [tuple(attribute) for attribute in Template.parse(text).attributes] == attributes


WRONG = [
    # As recorded, but for the line's number.
    ("EDGEWRAP = [ CLUSTER = ", "unexpected $end, expecting STRING at line 1, columns 21:24"),
    ("", "unexpected $end, expecting VARIABLE at line 1, columns 1:1"),
    ("A", "unexpected $end, expecting EQUAL or EQUAL_EMPTY at line 1, columns 1:2"),
    ("A = ", "unexpected $end, expecting OBRACKET or STRING at line 1, columns 2:5"),
    ('A = "b', "unexpected $end, expecting OBRACKET or STRING at line 1, columns 2:5"),
    ('A = "b" ]', "unexpected CBRACKET, expecting $end or VARIABLE at line 1, columns 9:10"),
    ('A = [ K "v" ]', "unexpected STRING, expecting EQUAL or EQUAL_EMPTY at line 1, columns 9:10"),
    ('A = [ K = "v"', "unexpected $end, expecting COMMA or CBRACKET at line 1, columns 11:14"),
    ('A = "1"\nB = [ K = "v" L = "w" ]', "unexpected VARIABLE, expecting COMMA or CBRACKET at line 2, columns 15:16"),
    ("A = [ ]", "unexpected CBRACKET, expecting VARIABLE at line 1, columns 7:8"),
    ('1A = "b"', "unexpected STRING, expecting VARIABLE at line 1, columns 1:2"),
]


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_invalid_templates_are_refused(text: str, message: str) -> None:
    with pytest.raises(TemplateError) as caught:
        Template.parse(text)
    assert str(caught.value) == f"Parse error: syntax error, {message}"


def test_invalid_xml_is_refused() -> None:
    with pytest.raises(TemplateError, match=r"^Parse error: "):
        Template.parse("<TEMPLATE><A></TEMPLATE>")


@given(st.dictionaries(NAMES, TEXTS, min_size=1), NAMES, st.dictionaries(NAMES, TEXTS, min_size=1))
def test_a_shown_template_parses_to_itself(single: dict[str, str], name: str, items: dict[str, str]) -> None:
    template = Template.of([*single.items(), (name, items)])
    assert Template.parse(template.xml()) == template


@given(NAMES, TEXTS.filter(lambda text: "\\" not in text))
def test_quoted_text_is_read_literally(name: str, text: str) -> None:
    quoted = text.replace('"', '\\"')
    assert Template.parse(f'{name} = "{quoted}"\nV = [ {name} = "{quoted}" ]').vectors("V") == ({name: text},)


def test_a_template_is_stored_as_json() -> None:
    template = Template.parse('A = "1"\nAR = [ IP = "a" ]\nAR = [ IP = "b" ]')
    assert Template.model_validate_json(template.model_dump_json()) == template


def test_a_merge_replaces_every_attribute_of_a_name_and_keeps_the_others() -> None:
    template = Template.parse('A = "1"\nB = "2"\nAR = [ IP = "a" ]\nAR = [ IP = "b" ]')
    merged = template.merged(Template.parse('B = "3"\nAR = [ IP = "c" ]'))
    assert merged == Template.parse('A = "1"\nB = "3"\nAR = [ IP = "c" ]')


def test_a_cdata_end_marker_in_a_value_is_escaped() -> None:
    template = Template.of([("A", "x]]>y")])
    assert template.xml() == "<TEMPLATE><A><![CDATA[x]]]]><![CDATA[>y]]></A></TEMPLATE>"
