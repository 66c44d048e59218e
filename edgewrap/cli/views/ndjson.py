"""NDJSON: one JSON object per line, for programs. docs/events.md documents the fields; `v` is their version."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TextIO

from edgewrap.cli.views import ShownPlan
from edgewrap.cli.views.lines import LinesView
from edgewrap.cli.views.text import plane_summary
from edgewrap.errors import ErrorReport
from edgewrap.events import Event
from edgewrap.finding import Finding, Verdict

VERSION = 1


class NdjsonView(LinesView):
    """One object per line, results and progress in one stream."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream, stream)

    def show_event(self, event: Event) -> None:
        """`type: event`."""
        self._write("event", **asdict(event))

    def show_changes(self, plan: ShownPlan) -> None:
        """A `type: change` for every change, then one `type: plan`."""
        for change in plan.changes:
            self._write("change", **asdict(change))
        self._write(
            "plan",
            cluster=plan.cluster,
            changes=len(plan.changes),
            unread=plan.unread,
            planes={plane.value: plane_summary(plan.changes, plane, plan.unread) for plane in plan.planes},
        )

    def show_message(self, text: str) -> None:
        self._write("message", text=text)

    def show_failure(self, report: ErrorReport) -> None:
        self._write("error", **error_fields(report))

    def _write(self, type_: str, **fields: object) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        super().show_message(json.dumps({"v": VERSION, "time": now, "type": type_, **fields}, ensure_ascii=False))


def error_fields(report: ErrorReport) -> dict[str, object]:
    """An error as JSON fields."""
    fields: dict[str, object] = {
        "kind": report.kind,
        "error": report.kind,
        "what": "\n".join(report.what),
        "cause": report.cause,
        "advice": report.advice,
        "exit_code": report.exit_code,
    }
    if report.diagnostics is not None:
        fields["diagnostics"] = [asdict(found) | {"detail": "\n".join(found.detail)} for found in report.diagnostics]
    if report.failures is not None:
        fields["failures"] = [error_fields(failure) for failure in report.failures]
    if report.problems is not None:
        fields["valid"] = False
        fields["problems"] = [asdict(problem) | {"file": str(problem.file)} for problem in report.problems]
    if report.findings is not None:
        fields |= findings_fields(report.findings)
    return fields


def findings_fields(findings: Sequence[Finding]) -> dict[str, object]:
    """The findings of preflight checks as JSON fields, with a count for each verdict."""
    counts = Counter(finding.verdict for finding in findings)
    return {
        "summary": {verdict.value: counts[verdict] for verdict in Verdict},
        "findings": [asdict(finding) for finding in findings],
    }
