"""A command at a pseudo-terminal, whose questions are answered."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

QUESTION = b"Only `yes` is accepted"


def run_at_terminal(
    command: Sequence[str],
    environ: Mapping[str, str],
    *,
    answer: str,
    before_answer: Callable[[], None] = lambda: None,
    directory: Path | None = None,
    timeout_s: float = 120,
) -> tuple[int, str]:
    """Run a command, answering each time that edgewrap asks; gives its exit status and all that the terminal got.
    `before_answer` is called between a question and its answer."""
    ours, theirs = pty.openpty()
    run = subprocess.Popen(
        command,
        env={**environ, "TERM": "xterm-256color", "COLUMNS": "150"},
        cwd=directory,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    shown, answered, deadline = b"", 0, time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if select.select([ours], [], [], 0.2)[0]:
            try:
                shown += os.read(ours, 65536)
            except OSError:  # the last process has closed its side
                break
        if shown.count(QUESTION) > answered:
            answered += 1
            before_answer()
            os.write(ours, f"{answer}\n".encode())
    os.close(ours)
    return run.wait(timeout=timeout_s), shown.decode()
