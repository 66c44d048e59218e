"""Counts in messages: the helper, and that messages use it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgewrap.counted import counted
from tests.support.checkout import REPOSITORY

PACKAGE = REPOSITORY / "edgewrap"
NOUNS = (
    *("addresses", "changes", "characters", "checks", "clusters", "files", "findings", "groups", "hosts", "interfaces"),
    *("keys", "lines", "networks", "operations", "pairs", "problems", "ranges", "rules", "runs", "specs", "VMs"),
)


@pytest.mark.parametrize(
    ("count", "thing", "text"),
    [
        (0, "host", "0 hosts"),
        (1, "host", "1 host"),
        (18, "file", "18 files"),
        (1, "Elastic IP", "1 Elastic IP"),
        (2, "interface group", "2 interface groups"),
        (3, "address", "3 addresses"),
        (3, "switch", "3 switches"),
        (2, "entry", "2 entries"),
        (2, "key", "2 keys"),
        (3, "nftables", "3 nftables"),
        (3, "more line", "3 more lines"),
    ],
)
def test_a_count_and_its_noun(count: int, thing: str, text: str) -> None:
    assert counted(count, thing) == text


def counts_by_hand(file: Path) -> Iterator[str]:
    """A count as `{len(…)}` or `{…count}`, with a plural right after it."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        for value, text in zip(getattr(node, "values", ()), getattr(node, "values", ())[1:], strict=False):
            if isinstance(value, ast.FormattedValue) and isinstance(text, ast.Constant):
                count = ast.unparse(value.value)
                words = str(text.value).strip(" ").split()[:2]
                noun = next((word.strip(".,;:") for word in words if word.strip(".,;:") in NOUNS), "")
                if (
                    noun
                    and str(text.value).startswith(" ")
                    and count.startswith(("len(", "sum("))
                    and " or " not in count
                ):
                    yield f"{file.relative_to(PACKAGE)}:{value.lineno}: {{{count}}} {noun}"


def test_no_message_counts_by_hand() -> None:
    found = [text for file in sorted(PACKAGE.rglob("*.py")) for text in counts_by_hand(file)]
    assert found == []
