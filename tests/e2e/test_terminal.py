"""A run at a terminal: the live view, and the question before anything is changed."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time

import pytest

from tests.e2e.conftest import Edge
from tests.support.lab import EDGEWRAP

DEADLINE_S = 120


def at_a_terminal(edge: Edge, *arguments: str, answer: str) -> tuple[int, str]:
    """Run edgewrap at a pseudo-terminal inside the lab; gives its exit status and all that the terminal got."""
    ours, theirs = pty.openpty()
    run = subprocess.Popen(
        [EDGEWRAP, "lab", "exec", "--", EDGEWRAP, *arguments, "--file", str(edge.spec)],
        env={**edge.lab.environ, "TERM": "xterm-256color", "COLUMNS": "150"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    shown, asked, deadline = b"", False, time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        if select.select([ours], [], [], 0.2)[0]:
            try:
                shown += os.read(ours, 65536)
            except OSError:  # the last process has closed its side
                break
        if not asked and b"Only `yes` is accepted" in shown:
            asked = True
            os.write(ours, f"{answer}\n".encode())
    os.close(ours)
    return run.wait(timeout=DEADLINE_S), shown.decode()


@pytest.mark.parametrize(
    ("answer", "status", "words"), [("y", 1, "Nothing was changed."), ("yes", 0, "is what the spec says.")]
)
def test_only_yes_is_a_yes(edge: Edge, answer: str, status: int, words: str) -> None:
    edge.lab.run("ip", "link", "set", "br-edge", "down", place="host-0")
    ended, shown = at_a_terminal(edge, "apply", "--only", "hosts", answer=answer)
    assert "~ bridge host-0/bridge/br-edge" in shown
    assert "\x1b[33m" in shown  # what changes is yellow
    assert words in shown
    assert ended == status
    after = edge.edgewrap("plan", "--only", "hosts", "--detailed-exitcode", check=False)[0]
    assert after == (0 if answer == "yes" else 2)
