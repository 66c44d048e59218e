"""How a run is shown: its results on standard output, its progress on standard error. Progress is live on a terminal,
and one line per event without one. With `--json` both are one stream of NDJSON on standard output.

Every text that a command prints leaves through this package, which makes it safe (`edgewrap/safe_text.py`).

live.py             the live view on a terminal
lines.py            one line per event, without a terminal
many.py             several clusters: their progress, their results in turn, the summary
ndjson.py           one JSON object per line (docs/events.md)
markdown.py         plans, findings and errors as Markdown; pure
text.py             plans, errors and events as plain text; pure
progress.py         how far a run is, and what its end shows; pure
status.py           the tables of `edgewrap status`
watch.py            the same again and again
picture/            a cluster as text, Mermaid or SVG
report/             clusters as one HTML page
drift.py            what has drifted: `edgewrap drift`
preflight.py        the findings of `edgewrap preflight`
github.py           the summary and the outputs of a job in GitHub Actions
reports.py          reports for GitLab and other CI systems; pure
"""

from __future__ import annotations

import json as json_module
import os
import sys
import threading
import time
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import typer

from edgewrap.change import Change, PlaneName
from edgewrap.cli.views.progress import Progress, remaining_lines, result_lines
from edgewrap.cli.views.text import capped, event_line
from edgewrap.errors import EdgewrapError, ErrorReport
from edgewrap.events import Event, EventKind
from edgewrap.outputs import Outputs
from edgewrap.safe_text import safe, safe_line, safe_lines

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@dataclass(frozen=True, slots=True)
class ShownPlan:
    """The plan for a cluster in the selected planes. `unread` are the hosts that could not be read."""

    cluster: str
    planes: tuple[PlaneName, ...]
    changes: tuple[Change, ...]
    unread: tuple[str, ...] = ()


class View(AbstractContextManager["View"], ABC):
    """What every command of a run needs to show. Each view gets only texts that are safe. `details`: plans list every
    change on every host."""

    details = False

    def __exit__(self, *error: object) -> None:
        pass

    def __init__(self) -> None:
        self.progress = Progress()
        self._counting = threading.Lock()

    def event(self, event: Event) -> None:
        """Show one event; called from several threads. Log events are for the log file only."""
        if event.kind is EventKind.LOG:
            return
        event = safe(event)
        with self._counting:
            self.progress.add(event, time.monotonic())
        self.show_event(event)

    def changes(self, plan: ShownPlan) -> None:
        """Show a plan."""
        plan = safe(plan)
        self.progress.planned(plan.changes)
        self.show_changes(plan)

    def message(self, text: str) -> None:
        """Show one sentence about the result."""
        self.show_message(safe_line(text))

    def result(self, name: str, outputs: Outputs) -> None:
        """Show the end of a run that changed something."""
        for line in result_lines(self.progress, name, outputs):
            self.message(line)

    def end(self, command: str, exit_code: int, outputs: Outputs | None = None) -> None:
        """How a run that no error has ended ends: for programs only. `outputs` are those of a run that applied."""
        self.show_end(command, exit_code, safe(outputs))

    def remaining(self, command: str) -> None:
        """Show what a failed or interrupted run has done, what is left, and the command that resumes it."""
        for line in remaining_lines(self.progress, command):
            self.message(line)

    def failure(self, error: EdgewrapError) -> None:
        """Show an error: one that ends the run, or one that did not."""
        self.show_failure(capped(safe(error.report())))

    @abstractmethod
    def show_event(self, event: Event) -> None: ...

    @abstractmethod
    def show_changes(self, plan: ShownPlan) -> None: ...

    @abstractmethod
    def show_message(self, text: str) -> None: ...

    def show_end(self, command: str, exit_code: int, outputs: Outputs | None) -> None:
        pass

    @abstractmethod
    def show_failure(self, report: ErrorReport) -> None: ...


def choose_view(*, json: bool, markdown: bool = False, details: bool = False) -> View:
    """NDJSON with `--json`, Markdown with `--markdown`. Otherwise text: live if standard error is a terminal that can
    move its cursor, else lines."""
    view = _view(json=json, markdown=markdown)
    view.details = details
    return view


def _view(*, json: bool, markdown: bool) -> View:
    if json:
        from edgewrap.cli.views.ndjson import NdjsonView

        return NdjsonView(sys.stdout)
    if markdown:
        from edgewrap.cli.views.markdown import MarkdownView

        return MarkdownView(sys.stdout, sys.stderr)
    if is_live_terminal():
        from edgewrap.cli.views.live import LiveView

        return LiveView()
    from edgewrap.cli.views.lines import LinesView

    return LinesView(sys.stdout, sys.stderr)


def is_live_terminal() -> bool:
    """Whether standard error is a terminal that can move its cursor."""
    dumb = os.environ.get("TERM", "dumb") == "dumb" or bool(os.environ.get("NO_COLOR"))
    return sys.stderr.isatty() and not dumb


def print_line(*lines: str) -> None:
    """Write lines to standard output."""
    for line in lines:
        typer.echo(safe_line(line))


def print_note(*lines: str) -> None:
    """Write lines to standard error."""
    for line in lines:
        typer.echo(safe_line(line), err=True)


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


def print_document(document: DataclassInstance, *, indent: int | None = 2) -> None:
    """Write a result document to standard output."""
    print_json(asdict(document), indent=indent)


def print_json(value: object, *, indent: int | None = 2) -> None:
    """Write to standard output, for programs and people."""
    typer.echo(json_module.dumps(safe(value), indent=indent, ensure_ascii=False))
