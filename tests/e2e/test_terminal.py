"""A run at a terminal: the live view, and the question before anything is changed."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import Edge
from tests.support.lab import EDGEWRAP
from tests.support.terminal import run_at_terminal


def at_a_terminal(edge: Edge, *arguments: str, answer: str) -> tuple[int, str]:
    """Run edgewrap at a pseudo-terminal inside the lab; gives its exit status and all that the terminal got."""
    command = [EDGEWRAP, "lab", "exec", "--", EDGEWRAP, *arguments, "--file", str(edge.spec)]
    return run_at_terminal(command, edge.lab.environ, answer=answer)


@pytest.mark.parametrize(
    ("answer", "status", "words"), [("y", 1, "Nothing was changed."), ("yes", 0, "is what the spec says.")]
)
def test_only_yes_approves(edge: Edge, answer: str, status: int, words: str) -> None:
    edge.lab.run("ip", "link", "set", "br-edge", "down", place="host-0")
    ended, shown = at_a_terminal(edge, "apply", "--only", "hosts", answer=answer)
    assert "~ host-0  (bridge br-edge)" in shown
    assert "\x1b[33m" in shown  # what changes is yellow
    assert words in shown
    assert ended == status
    after = edge.edgewrap("plan", "--only", "hosts", "--detailed-exitcode", check=False)[0]
    assert after == (0 if answer == "yes" else 2)
