"""Several clusters in one view: their progress while they run, then each one's plan or text in turn, then a table.

All texts in it are from the clusters' own processes, which have made them safe.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from edgewrap.change import Action, Change, PlaneName
from edgewrap.cli.documents.lines import LINES, VERSION, ClusterResult, Summary
from edgewrap.cli.many import ClusterRun
from edgewrap.cli.views import ShownPlan, print_line, print_note
from edgewrap.cli.views.markdown import LONGEST, plan_markdown
from edgewrap.cli.views.text import SYMBOLS, event_line, plan_lines
from edgewrap.counted import counted
from edgewrap.events import Event, EventKind

if TYPE_CHECKING:
    from rich.console import RenderableType

RESULTS = {0: "ok", 1: "failed", 2: "changes", 3: "partly applied", 64: "wrong usage", 130: "interrupted"}
LONGEST_ERROR, MOST_ERROR_LINES = 400, 20  # in Markdown
CHANGES: TypeAdapter[tuple[Change, ...]] = TypeAdapter(tuple[Change, ...])
EVENT = TypeAdapter(Event)
Objects = Sequence[Mapping[str, Any]]


def summarise(command: str, exit_code: int, runs: Sequence[ClusterRun]) -> Summary:
    """The summary of all runs."""
    results = []
    for run in runs:
        plan = shown_plan(run)
        counts = {} if plan is None else {plane.value: _counts(plan, plane) for plane in plan.planes}
        results.append(
            ClusterResult(
                run.cluster, run.exit_code, RESULTS.get(run.exit_code, "failed"), counts, round(run.seconds, 1)
            )
        )
    return Summary(command, exit_code, tuple(results))


def _counts(plan: ShownPlan, plane: PlaneName) -> dict[str, int]:
    return {**Counter(change.action.value for change in plan.changes if change.plane is plane)}


def shown_plan(run: ClusterRun) -> ShownPlan | None:
    """The last plan in what a cluster's run printed."""
    objects = _typed(run)
    ends = [number for number, one in enumerate(objects) if one["type"] == "plan"]
    if not ends:
        return None
    plan, starts = objects[ends[-1]], ends[-2] if len(ends) > 1 else 0
    changes = CHANGES.validate_python([one for one in objects[starts : ends[-1]] if one["type"] == "change"])
    planes = tuple(PlaneName(plane) for plane in plan["planes"])
    return ShownPlan(run.cluster, planes, changes, tuple(plan.get("unread", ())))


def section(run: ClusterRun, *, plan: bool = True, messages: bool = True, details: bool = False) -> Iterator[str]:
    """The results of one cluster: its plan and its messages, or the text that it printed."""
    found = shown_plan(run) if plan else None
    if found is not None:
        yield from plan_lines(found.changes, found.planes, found.unread, details=details)
    yield from (one["text"] for one in _typed(run) if messages and one["type"] == "message")
    yield from run.text


def error_lines(run: ClusterRun) -> Iterator[str]:
    """The errors of one cluster: those that did not end its run, then the one that did."""
    errors = [one for one in _typed(run) if one["type"] == "error"]
    for error in errors[:-1] if run.errors else errors:
        yield from (f"Error: {error['what']}\n  Cause: {error['cause']}\n  What to do: {error['advice']}").split("\n")
    yield from run.errors


def table(summary: Summary) -> Iterator[tuple[str, ...]]:
    """The rows of the summary, the head first. There is a column for each plane that one of the clusters has."""
    planes = [plane.value for plane in PlaneName if any(plane in one.changes for one in summary.clusters)]
    yield ("cluster", "result", *planes, "seconds")
    for one in summary.clusters:
        counts = [_short(one.changes[plane]) if plane in one.changes else "-" for plane in planes]
        yield (one.cluster, one.result, *counts, f"{one.seconds:.0f}")


def _short(counts: Mapping[str, int]) -> str:
    return " ".join(f"{SYMBOLS[action]}{counts[action]}" for action in Action if counts.get(action)) or "0"


def summary_lines(summary: Summary) -> Iterator[str]:
    """The summary as a text table."""
    rows = list(table(summary))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    yield from ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def summary_markdown(summary: Summary, runs: Sequence[ClusterRun]) -> str:
    """A comment on a pull request: a heading that stays the same, the table, then each cluster; at most `LONGEST`
    characters, with a note of the clusters that are left out."""
    head, *rows = table(summary)
    lines = [f"### edgewrap {summary.command}: several clusters", ""]
    lines += [_row(head), _row(["---"] * len(head)), *map(_row, rows), ""]
    room = LONGEST - sum(len(line) + 1 for line in lines) - 100
    share, left = room // len(runs), 0
    for run in runs:
        text = _markdown(summary.command, run, share)
        if len(text) > room:
            left += 1
            continue
        room -= len(text) + 1
        lines.append(text)
    if left:
        lines.append(f"… {counted(left, 'more cluster')}; `edgewrap {summary.command}` without `--markdown` shows them")
    return "\n".join(lines)[:LONGEST]


def _markdown(command: str, run: ClusterRun, longest: int) -> str:
    plan, lines = shown_plan(run), [line[:LONGEST_ERROR].replace("```", "'''") for line in error_lines(run)]
    errors = ["", "```text", *lines[:MOST_ERROR_LINES], "```", ""] if lines else []
    if plan is not None:
        room = longest - sum(len(line) + 1 for line in errors)
        text = plan_markdown(run.cluster, plan.changes, plan.planes, room, unread=plan.unread)
        return "\n".join([text, *errors]) if errors else text
    return "\n".join(run.text or [f"### edgewrap {command}: {run.cluster}", *errors])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def _typed(run: ClusterRun) -> Objects:
    return [one for one in run.objects if isinstance(one, dict) and "type" in one]


def _as_event(value: object) -> Event | None:
    if not isinstance(value, dict) or value.get("type") != "event":
        return None
    return EVENT.validate_python(value)


class ManyView(AbstractContextManager["ManyView"]):
    """Progress as lines on standard error, each with its cluster's name; results on standard output."""

    def __exit__(self, *error: object) -> None:
        pass

    def started(self, cluster: str) -> None:
        pass

    def received(self, cluster: str, value: object) -> None:
        event = _as_event(value)
        if event and event.kind is not EventKind.STEP_STARTED:
            self.noted(cluster, event_line(event))

    def noted(self, cluster: str, line: str) -> None:
        print_note(f"{cluster}: {line}")

    def ended(self, run: ClusterRun) -> None:
        self.noted(run.cluster, f"{RESULTS.get(run.exit_code, 'failed')} after {run.seconds:.0f} s")

    def sections(
        self, runs: Sequence[ClusterRun], *, plan: bool = True, messages: bool = True, details: bool = False
    ) -> None:
        """Show each cluster's results and errors in turn."""
        for run in runs:
            if lines := [*section(run, plan=plan, messages=messages, details=details)]:
                print_line(f"=== {run.cluster} ===", *lines, "")
            _print_errors(run)

    def summary(self, summary: Summary, _runs: Sequence[ClusterRun], /) -> None:
        """Show the end."""
        print_line(*summary_lines(summary))


def _print_errors(run: ClusterRun) -> None:
    if errors := [*error_lines(run)]:
        print_note(f"=== {run.cluster} ===", *errors, "")


class ManyMarkdown(ManyView):
    """Progress as lines, and one Markdown text at the end."""

    def sections(self, runs: Sequence[ClusterRun], **_parts: bool) -> None:
        for run in runs:
            _print_errors(run)

    def summary(self, summary: Summary, runs: Sequence[ClusterRun], /) -> None:
        print_line(*summary_markdown(summary, runs).split("\n"))


class ManyJson(ManyView):
    """The objects of all clusters as they arrive, each with its cluster's name, then the summary."""

    def received(self, cluster: str, value: object) -> None:
        fields = value if isinstance(value, dict) else {"value": value}
        _write_json({**fields, "cluster": cluster})

    def ended(self, run: ClusterRun) -> None:
        for line in run.errors:
            self.noted(run.cluster, line)

    def sections(self, runs: Sequence[ClusterRun], **_parts: bool) -> None:
        pass

    def summary(self, summary: Summary, _runs: Sequence[ClusterRun], /) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        _write_json({"v": VERSION, "time": now, "type": LINES[Summary], **asdict(summary)})


def _write_json(value: object) -> None:
    """Not through the gate: an error has line breaks of its own, and its process has made the rest safe."""
    sys.stdout.write(f"{json.dumps(value, ensure_ascii=False)}\n")
    sys.stdout.flush()


class ManyLive(ManyView):
    """On a terminal: a line for each cluster at work, with what it does now; above them what has ended."""

    def __init__(self, total: int) -> None:
        from rich.console import Console
        from rich.live import Live

        self._guard = threading.Lock()
        self._working: dict[str, tuple[str, float]] = {}
        self._done, self._total = 0, total
        self._console = Console(highlight=False, markup=False, emoji=False, stderr=True)
        self._live = Live(console=self._console, get_renderable=self._render, refresh_per_second=4, transient=True)

    def __enter__(self) -> ManyLive:
        self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._live.stop()

    def started(self, cluster: str) -> None:
        with self._guard:
            self._working[cluster] = ("", time.monotonic())

    def received(self, cluster: str, value: object) -> None:
        event = _as_event(value)
        if event is None:
            return
        if event.kind in (EventKind.WARNING, EventKind.STEP_FAILED):
            self.noted(cluster, event_line(event))
        with self._guard:
            self._working[cluster] = (event_line(event), self._working[cluster][1])

    def noted(self, cluster: str, line: str) -> None:
        self._console.print(f"{cluster}: {line}", soft_wrap=True)

    def ended(self, run: ClusterRun) -> None:
        with self._guard:
            self._working.pop(run.cluster, None)
            self._done += 1
        super().ended(run)

    def _render(self) -> RenderableType:
        from rich.console import Group
        from rich.text import Text

        now = time.monotonic()
        with self._guard:
            head = Text(f"{self._done} of {counted(self._total, 'cluster')} done", style="bold")
            rows = [
                Text.assemble(
                    (cluster, "bold cyan"),
                    (f"  {now - since:.0f} s  ", "dim"),
                    text,
                    no_wrap=True,
                    overflow="ellipsis",
                )
                for cluster, (text, since) in self._working.items()
            ]
        return Group(head, *rows)
