"""Warnings of the commands that only read, on standard error."""

from __future__ import annotations

import typer

from edgewrap.cli.views.text import event_line
from edgewrap.events import Event, EventKind


def print_warning(event: Event) -> None:
    """An `Emit` that shows warnings and nothing else."""
    if event.kind is EventKind.WARNING:
        typer.echo(event_line(event), err=True)
