"""Asking before anything is changed."""

from __future__ import annotations

import sys

from edgewrap.errors import UsageError


def require_approval_possible(command: str, *, auto_approve: bool, json: bool) -> None:
    """Refuse at once, before anything is looked at, a run that would have to ask nobody.

    Raises UsageError where neither `--auto-approve` nor a terminal to ask at is there.
    """
    if auto_approve or (sys.stdin.isatty() and sys.stdout.isatty() and not json):
        return
    raise UsageError(
        f"`{command}` has nobody to ask",
        cause="there is no terminal, or --json was given",
        advice=f"look at `edgewrap plan`, then run `edgewrap {command} --auto-approve`",
    )


def approved(question: str) -> bool:
    """Ask at the terminal; only `yes` is a yes."""
    try:
        return input(f"{question} Only `yes` is accepted: ").strip() == "yes"
    except EOFError:
        return False
