"""The live view on a terminal: the running steps of each plane with their durations, and above them what is done."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from edgewrap.change import Action, PlaneName
from edgewrap.cli.views import ShownPlan, View
from edgewrap.cli.views.progress import STEPS, PlaneProgress
from edgewrap.cli.views.text import PLANE_WIDTH, entries, error_lines, event_line, plane_summary
from edgewrap.errors import ErrorReport
from edgewrap.events import Event, EventKind

COLOURS = {Action.CREATE: "green", Action.UPDATE: "yellow", Action.REPLACE: "magenta", Action.DELETE: "red"}
COLOURS |= {Action.ADOPT: "green"}
STYLES = {EventKind.STEP_DONE: "green", EventKind.STEP_FAILED: "bold red", EventKind.WARNING: "yellow"}
BAR = 24  # characters
MOST_STEPS = 6  # a plane's running steps beyond these are only counted


class LiveView(View):
    """Shows progress on the terminal that standard error is, and results on standard output."""

    def __init__(self, progress: Console | None = None, results: Console | None = None) -> None:
        super().__init__()
        self._console = progress or Console(highlight=False, stderr=True)
        self._results = results or Console(highlight=False)
        self._spinner = Spinner("dots")
        self._live = Live(console=self._console, get_renderable=self._render, refresh_per_second=8, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._live.stop()

    def show_event(self, event: Event) -> None:
        """Steps that start or make progress are shown below; those that end are printed above."""
        if event.plane is None or event.kind not in STEPS:
            self._print(Text(event_line(event), style=_style(event)))

    def show_changes(self, plan: ShownPlan) -> None:
        with self._results_shown():
            for plane in plan.planes:
                of_plane = [change for change in plan.changes if change.plane is plane]
                text = plane_summary(plan.changes, plane, plan.unread)
                self._print_result(Text.assemble((plane.value, "bold"), f": {text}"))
                for action, (head, *rest) in entries(of_plane, details=self.details):
                    self._print_result(Text(head, style=COLOURS[action]))
                    for line in rest:
                        self._print_result(Text(line, style="dim"))

    def show_message(self, text: str) -> None:
        with self._results_shown():
            self._print_result(Text(text))

    def show_failure(self, report: ErrorReport) -> None:
        head, *rest = error_lines(report)
        self._print(Text(head, style="bold red"))
        for line in rest:
            self._print(Text(line))

    @contextmanager
    def _results_shown(self) -> Iterator[None]:
        """Without the live display: both streams may lead to the same terminal."""
        running = self._live.is_started
        self._live.stop()
        yield
        if running:
            self._live.start()

    def _print_result(self, text: Text) -> None:
        self._results.print(text, soft_wrap=True)

    def _print(self, text: Text) -> None:
        # the live display redraws itself below what its console prints
        self._console.print(text, soft_wrap=True)

    def _render(self) -> RenderableType:
        now = time.monotonic()
        with self._counting:
            rows = [row for plane, one in self.progress.planes.items() for row in _rows(plane, one, now)]
        return Group(self._spinner, *rows) if rows else Text("")


def _rows(plane: PlaneName, progress: PlaneProgress, now: float) -> Iterator[Text]:
    """A plane that is at work: a bar with what is done of how many, and the steps that take longest."""
    running = sorted(progress.running.items(), key=lambda step: step[1].since)
    if not running:
        return
    total, done = len(progress.things), len(progress.things) - progress.left
    if total:
        filled = round(BAR * done / total)
        bar = ("█" * filled, "green"), ("░" * (BAR - filled), "dim")
        took = f" {now - progress.since:.0f} s" if progress.since is not None else ""
        yield Text.assemble(
            (plane.value.ljust(PLANE_WIDTH), "bold cyan"), "  ", *bar, f" {done} of {total}", (took, "dim")
        )
    for key, step in running[:MOST_STEPS]:
        line = (" " * PLANE_WIDTH if total else plane.value.ljust(PLANE_WIDTH), f"  {key}: {step.text} ")
        yield Text.assemble(*line, (f"{now - step.since:.0f} s", "dim"), no_wrap=True, overflow="ellipsis")
    if len(running) > MOST_STEPS:
        yield Text(f"{'':{PLANE_WIDTH}}  and {len(running) - MOST_STEPS} more", style="dim")


def _style(event: Event) -> str:
    if event.kind is EventKind.STEP_DONE and event.action:
        return COLOURS[event.action]
    return STYLES.get(event.kind, "")
