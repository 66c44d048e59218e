"""How a run is shown: live on a terminal, one line per event without one, NDJSON with `--json`.

Every text that a command prints leaves through this package, which makes it safe (`edgewrap/safe_text.py`).

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
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager

import typer

from edgewrap.change import Change, PlaneName
from edgewrap.cli.views.text import event_line
from edgewrap.errors import EdgewrapError, ErrorReport
from edgewrap.events import Event, EventKind
from edgewrap.safe_text import safe, safe_line, safe_lines


class View(AbstractContextManager["View"], ABC):
    """What every command of a run needs to show. Each view gets only texts that are safe."""

    def __exit__(self, *error: object) -> None:
        pass

    def event(self, event: Event) -> None:
        """Show one event; called from several threads. Log events are for the log file only."""
        if event.kind is not EventKind.LOG:
            self.show_event(safe(event))

    def changes(self, changes: Sequence[Change], planes: Sequence[PlaneName], unread: Sequence[str] = ()) -> None:
        """Show the plan of the selected planes; `unread` are the hosts that could not be read."""
        self.show_changes(safe(tuple(changes)), planes, unread)

    def message(self, text: str) -> None:
        """Show one sentence about the run."""
        self.show_message(safe_line(text))

    def failure(self, error: EdgewrapError) -> None:
        """Show an error: one that ends the run, or one that did not."""
        self.show_failure(safe(error.report()))

    @abstractmethod
    def show_event(self, event: Event) -> None: ...

    @abstractmethod
    def show_changes(self, changes: Sequence[Change], planes: Sequence[PlaneName], unread: Sequence[str]) -> None: ...

    @abstractmethod
    def show_message(self, text: str) -> None: ...

    @abstractmethod
    def show_failure(self, report: ErrorReport) -> None: ...


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


def print_line(*lines: str) -> None:
    """Write lines to standard output."""
    for line in lines:
        typer.echo(safe_line(line))


def print_event(event: Event) -> None:
    """An `Emit` that shows every event on standard error."""
    typer.echo(event_line(safe(event)), err=True)


def print_warning(event: Event) -> None:
    """An `Emit` that shows warnings on standard error and nothing else, for the commands that only read."""
    if event.kind is EventKind.WARNING:
        print_event(event)


def print_log(text: str) -> None:
    """Write a text of several lines, such as a log file, to standard output."""
    typer.echo("\n".join(safe_lines(text)), nl=False)


def print_json(value: object, *, indent: int | None = 2) -> None:
    """Write to standard output, for programs and people."""
    typer.echo(json_module.dumps(safe(value), indent=indent, ensure_ascii=False))
