"""Places in a spec: the path of a value, how it is written, and a problem found there."""

from __future__ import annotations

import re
from dataclasses import dataclass

from edgewrap.safe_text import one_line

KeyPath = tuple[str | int, ...]
"""The keys and list positions (from 0) that lead to a value."""


def dotted(path: KeyPath) -> str:
    """A path for a person: `hosts.retired[0]`, `aws.tags["cost centre"]`; the whole file is `spec`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif re.fullmatch(r"[A-Za-z0-9_-]+", part):
            text += f".{part}" if text else part
        else:
            text += f"[{quoted(part)}]"
    return text or "spec"


def quoted(text: str) -> str:
    """The text in quotes on one line, whatever it holds."""
    return '"' + one_line(text.replace("\\", "\\\\")).replace('"', '\\"') + '"'


def code_point(character: str) -> str:
    """A character by its number, such as U+2028."""
    return f"U+{ord(character):04X}"


LINE_BREAK = re.compile("[\n\v\f\r\x1c-\x1e\x85\u2028\u2029]")
"""Every character that some program treats as the end of a line, as `str.splitlines` does."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is written: line and column count from 1; `text` is it, on one line."""

    line: int
    column: int
    text: str


@dataclass(frozen=True, slots=True)
class SpecProblem:
    """What is wrong with the value at `path`: the rule it breaks. `at_key` means its key rather than its value;
    `place` is for what the path alone does not lead to, such as a key written twice."""

    path: KeyPath
    rule: str
    at_key: bool = False
    place: Place | None = None
