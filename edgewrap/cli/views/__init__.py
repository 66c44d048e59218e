"""How a run is shown: live on a terminal, one line per event without one, NDJSON with `--json`.

live.py             the live view on a terminal
lines.py            one line per event, without a terminal
ndjson.py           one JSON object per line (docs/events.md)
text.py             plans, errors and events as plain text; pure
status.py           the tables of `edgewrap status`
preflight.py        the findings of `edgewrap preflight`
"""

from __future__ import annotations

import json as json_module
import os
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import typer

from edgewrap.change import Change, PlaneName
from edgewrap.cli.views.text import event_line
from edgewrap.errors import EdgewrapError
from edgewrap.events import Event, EventKind


class View(AbstractContextManager["View"], Protocol):
    """What every command of a run needs to show."""

    def event(self, event: Event) -> None:
        """Show one event; called from several threads."""

    def changes(self, changes: Sequence[Change], planes: Sequence[PlaneName]) -> None:
        """Show the plan of the selected planes."""

    def message(self, text: str) -> None:
        """Show one sentence about the run."""

    def failure(self, error: EdgewrapError) -> None:
        """Show an error that did not end the run by itself."""


def choose_view(*, json: bool) -> View:
    """NDJSON with `--json`, the live view on a terminal that can move its cursor, otherwise lines."""
    if json:
        from edgewrap.cli.views.ndjson import NdjsonView

        return NdjsonView(sys.stdout)
    dumb = os.environ.get("TERM", "dumb") == "dumb" or bool(os.environ.get("NO_COLOR"))
    if sys.stdout.isatty() and not dumb:
        from edgewrap.cli.views.live import LiveView

        return LiveView()
    from edgewrap.cli.views.lines import LinesView

    return LinesView(sys.stdout)


def print_warning(event: Event) -> None:
    """An `Emit` that shows warnings on standard error and nothing else, for the commands that only read."""
    if event.kind is EventKind.WARNING:
        typer.echo(event_line(event), err=True)


def print_json(value: object) -> None:
    """Write to standard output, indented, for programs and people."""
    typer.echo(json_module.dumps(value, indent=2, ensure_ascii=False))
