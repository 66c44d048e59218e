"""A run in a job of GitHub Actions: what it found is added to the job's summary, and its step gets outputs.

GitHub names the file for each. EDGEWRAP_CI=off turns both off.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from edgewrap.change import Action, Change
from edgewrap.cli.views import ShownPlan, print_event
from edgewrap.cli.views.markdown import error_markdown, plan_markdown
from edgewrap.cli.views.text import capped
from edgewrap.errors import EdgewrapError
from edgewrap.events import Event, EventKind
from edgewrap.safe_text import safe

COMMANDS = ("preflight", "plan", "drift", "apply", "replace", "destroy")
SWITCH, SUMMARY, OUTPUT = "EDGEWRAP_CI", "GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"


def add_plan(command: str, plan: ShownPlan) -> None:
    """The plan of a command: its Markdown, and how many changes it has."""
    plan = safe(plan)
    add_markdown(plan_markdown(plan.cluster, plan.changes, plan.planes, command=command, unread=plan.unread))
    set_outputs(**counts(plan.changes))


def add_error(command: str, error: EdgewrapError) -> None:
    """An error of a command."""
    add_markdown(error_markdown(command, capped(safe(error.report()))))


def add_end(command: str, code: int, error: EdgewrapError | None) -> None:
    """The end of a command: its exit code, and the error that ended it."""
    if command in COMMANDS:
        if error is not None:
            add_error(command, error)
        set_outputs(exit_code=code)


def counts(changes: Sequence[Change]) -> dict[str, object]:
    """The outputs that count changes: of all of them, and of each action."""
    by_action = Counter(change.action for change in changes)
    return total(len(changes)) | {action.value: by_action[action] for action in Action}


def total(number: int) -> dict[str, object]:
    """The outputs that say how many changes there are."""
    return {"has_changes": str(number > 0).lower(), "changes": number}


def add_markdown(text: str) -> None:
    """Add a safe text to the job's summary."""
    _append(SUMMARY, f"{text.rstrip()}\n\n")


def set_outputs(**values: object) -> None:
    """Set outputs of the step. A random delimiter ends each value: no text can set another output."""
    end = os.urandom(16).hex()
    _append(OUTPUT, "".join(f"{name}<<{end}\n{value}\n{end}\n" for name, value in values.items()))


def _append(variable: str, text: str) -> None:
    """Add to the file that a variable names, if there is one. A failure is a warning."""
    path = os.environ.get(variable)
    if not path or os.environ.get(SWITCH, "").lower() == "off":
        return
    try:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        print_event(Event(EventKind.WARNING, None, variable, f"{path} cannot be written: {error.strerror}"))
