"""The gate for text that is shown: secrets, control characters, line breaks, bidi controls, commands to CI systems."""

from __future__ import annotations

import ast
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewrap.change import PlaneName
from edgewrap.events import Event, EventKind
from edgewrap.safe_text import safe, safe_line, safe_lines
from edgewrap.secrets import remember
from tests.support.checkout import REPOSITORY

PRINTS = {"echo", "print", "secho", "write", "writelines"}


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("9.9.9.9\nopennebula: nothing to do\n::error::x", r"9.9.9.9\nopennebula: nothing to do\n::error::x"),
        ("\x1b[2J\x1b]0;title\x07", r"\x1b[2J\x1b]0;title\x07"),
        ("\x9b2J \x85 \x7f \r", r"\x9b2J \x85 \x7f \r"),
        ("a\u2028b\u2029c\u202ed\u2066e\u200bf\ufeff", r"a\u2028b\u2029c\u202ed\u2066e\u200bf\ufeff"),
        ("half \ud800", r"half \ud800"),
        ("\U000e0041", r"\U000e0041"),
        ("::error file=x::y", r"\x3a:error file=x::y"),
        ("  ::set-output name=x::y", r"  \x3a:set-output name=x::y"),
        ("##vso[task.complete] and ##[error]x", r"\x23#vso[task.complete] and \x23#[error]x"),
        ("::1 fe80::1 AWS::EC2::Instance # [x] ##", "::1 fe80::1 AWS::EC2::Instance # [x] ##"),
        ("Zürich → 東京 [red]", "Zürich → 東京 [red]"),
    ],
)
def test_what_a_terminal_or_a_pipeline_obeys_is_escaped(said: str, shown: str) -> None:
    assert safe_line(said) == shown


@given(st.text())
def test_any_text_becomes_one_printable_line_and_stays_it(text: str) -> None:
    shown = safe_line(text)
    assert shown.isprintable()
    assert safe_line(shown) == shown


@pytest.mark.parametrize("part", ["://", "://a@", "://a?", " ::a", "##a", "-----BEGIN PRIVATE KEY", "\x1b", "s3cr3t"])
def test_a_long_text_takes_no_longer_than_its_length(part: str) -> None:
    remember("s3cr3t-1")
    began = time.monotonic()
    safe_line(part * (200_000 // len(part)))
    assert time.monotonic() - began < 10


def test_a_secret_is_hidden_before_it_is_escaped() -> None:
    remember("two\tparts and more")
    assert safe_line("x two\tparts and more") == "x ***"


def test_only_a_line_feed_ends_a_line_of_ours() -> None:
    remember("s3cr3t-1")
    assert safe_lines("a\r\nb\u2028s3cr3t-1\n") == [r"a\r", r"b\u2028***", ""]


def test_texts_within_values_are_found() -> None:
    @dataclass(frozen=True)
    class Inner:
        path: Path
        many: tuple[str, ...]

    event = Event(EventKind.INFO, PlaneName.AWS, "a\n", "b\x1b", 1.5)
    assert safe(event) == Event(EventKind.INFO, PlaneName.AWS, r"a\n", r"b\x1b", 1.5)
    assert safe({"a\n": [Inner(Path("/x\n"), ("\r",)), None, 3]}) == {r"a\n": [Inner(Path(r"/x\n"), (r"\r",)), None, 3]}


def calls(file: Path) -> Iterator[str]:
    """`LINE NAME` for each call in a file that could print."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name in PRINTS and "known_hosts" not in ast.unparse(node):
                yield f"{node.lineno} {ast.unparse(node.func)}"


def test_commands_print_through_the_views_only() -> None:
    """The views are the gate."""
    files = [file for file in (REPOSITORY / "edgewrap" / "cli").glob("*.py") if file.name != "streams.py"]
    own = {"file.write"}  # of a file that a command writes
    found = {f"{file.name}:{call}" for file in files for call in calls(file) if call.split()[1] not in own}
    assert found == set()
