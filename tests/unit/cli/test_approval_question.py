"""What the prompt of `apply` and `replace` asks."""

from __future__ import annotations

import pytest

from edgewrap.cli.apply import _question


@pytest.mark.parametrize(
    ("ended_first", "question"),
    [
        ((), "Apply these changes to edge-1?"),
        (
            ("host-1",),
            "The instance of host-1 ends before AWS has one in its place. Apply these changes to edge-1?",
        ),
    ],
)
def test_a_replacement_is_named_before_it_is_approved(ended_first: tuple[str, ...], question: str) -> None:
    assert _question("edge-1", ended_first) == question
