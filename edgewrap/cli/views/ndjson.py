"""NDJSON: one JSON object per line, for programs. docs/events.md documents the fields; `v` is their version."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TextIO

from edgewrap.change import Action
from edgewrap.cli.documents.lines import (
    LINES,
    VERSION,
    ErrorLine,
    Line,
    MessageLine,
    PlaneResult,
    PlanLine,
    ResultLine,
)
from edgewrap.cli.views import ShownPlan
from edgewrap.cli.views.lines import LinesView
from edgewrap.cli.views.text import plane_summary
from edgewrap.errors import ErrorReport
from edgewrap.events import Event
from edgewrap.outputs import Outputs


class NdjsonView(LinesView):
    """One object per line, results and progress in one stream."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream, stream)
        self._plan: ShownPlan | None = None
        self._began = time.monotonic()

    def show_event(self, event: Event) -> None:
        """`type: event`."""
        self._write(event)

    def show_changes(self, plan: ShownPlan) -> None:
        """A `type: change` for every change, then one `type: plan`."""
        for change in plan.changes:
            self._write(change)
        planes = {plane: plane_summary(plan.changes, plane, plan.unread) for plane in plan.planes}
        self._write(PlanLine(plan.cluster, len(plan.changes), plan.unread, planes))
        self._plan = plan

    def show_message(self, text: str) -> None:
        self._write(MessageLine(text))

    def show_failure(self, report: ErrorReport) -> None:
        self._write(ErrorLine.of(report))

    def show_end(self, command: str, exit_code: int, outputs: Outputs | None) -> None:
        """`type: result`, if there was a plan."""
        if self._plan is None:
            return
        planes = {}
        for plane in self._plan.planes:
            counts = Counter(change.action for change in self._plan.changes if change.plane is plane)
            ordered = {action: counts[action] for action in Action if counts[action]}
            planes[plane] = PlaneResult(ordered, round(self.progress.planes[plane].seconds, 1))
        seconds = round(time.monotonic() - self._began, 1)
        changes = len(self._plan.changes)
        eips = {key: eip.public_address for key, eip in outputs.eips.items()} if outputs else {}
        self._write(ResultLine(command, self._plan.cluster, exit_code, changes, seconds, planes, eips))

    def _write(self, line: Line) -> None:
        head = {"v": VERSION, "time": datetime.now(UTC).isoformat(timespec="milliseconds"), "type": LINES[type(line)]}
        fields = line.fields() if isinstance(line, ErrorLine) else asdict(line)
        super().show_message(json.dumps(head | fields, ensure_ascii=False))
