"""NDJSON: one JSON object per line, for programs. docs/events.md documents the fields; `v` is their version."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from edgewrap.change import Change, PlaneName
from edgewrap.cli.views.lines import LinesView
from edgewrap.cli.views.text import summary
from edgewrap.errors import EdgewrapError, PartlyAppliedError, PreflightError, SpecError, TerraformError
from edgewrap.events import Event, EventKind
from edgewrap.finding import Finding, Verdict

VERSION = 1


class NdjsonView(LinesView):
    """One object per line."""

    def event(self, event: Event) -> None:
        """`type: event`; log events are for the log file only."""
        if event.kind is EventKind.LOG:
            return
        self._write("event", **asdict(event))

    def changes(self, changes: Sequence[Change], planes: Sequence[PlaneName]) -> None:
        """A `type: change` for every change, then one `type: plan`."""
        for change in changes:
            self._write("change", **asdict(change))
        self._write(
            "plan",
            changes=len(changes),
            planes={plane.value: summary([c for c in changes if c.plane is plane]) for plane in planes},
        )

    def message(self, text: str) -> None:
        self._write("message", text=text)

    def failure(self, error: EdgewrapError) -> None:
        self._write("error", **error_fields(error))

    def _write(self, type_: str, **fields: object) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        super().message(json.dumps({"v": VERSION, "time": now, "type": type_, **fields}, ensure_ascii=False))


def error_fields(error: EdgewrapError) -> dict[str, object]:
    """An error as JSON fields."""
    fields: dict[str, object] = {
        "kind": type(error).__name__,
        "error": type(error).__name__,
        "what": error.what,
        "cause": error.cause,
        "advice": error.advice,
        "exit_code": error.exit_code,
    }
    if isinstance(error, TerraformError):
        fields["diagnostics"] = [asdict(diagnostic) for diagnostic in error.diagnostics]
    if isinstance(error, PartlyAppliedError):
        fields["failures"] = [error_fields(failure) for failure in error.failures]
    if isinstance(error, SpecError):
        fields["valid"] = False
        fields["problems"] = [asdict(problem) | {"file": str(problem.file)} for problem in error.problems]
    if isinstance(error, PreflightError):
        fields |= findings_fields(error.findings)
    return fields


def findings_fields(findings: Sequence[Finding]) -> dict[str, object]:
    """The findings of preflight checks as JSON fields, with a count for each verdict."""
    counts = Counter(finding.verdict for finding in findings)
    return {
        "summary": {verdict.value: counts[verdict] for verdict in Verdict},
        "findings": [asdict(finding) for finding in findings],
    }
