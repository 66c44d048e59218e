"""Ask for confirmation before anything is changed."""

from __future__ import annotations

import sys

from edgewrap.errors import UsageError


def require_approval_possible(command: str, *, auto_approve: bool, json: bool) -> None:
    """Refuse a run that could not ask for confirmation, before it reads anything.

    Raises UsageError if there is neither `--auto-approve` nor a terminal to ask at.
    """
    if auto_approve or (sys.stdin.isatty() and sys.stdout.isatty() and not json):
        return
    raise UsageError(
        f"`{command}` needs confirmation, but there is no terminal (or `--json` is on)",
        cause="standard input or output is not a terminal, or --json was given",
        advice=f"review `edgewrap plan`, then run `edgewrap {command} --auto-approve`",
    )


def approved(question: str) -> bool:
    """Ask at the terminal; only `yes` approves."""
    try:
        return input(f"{question} Only `yes` is accepted: ").strip() == "yes"
    except EOFError:
        return False
