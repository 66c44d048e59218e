"""The NDJSON lines of a run. Every line has the fields of its type, and before them `v`, `time` and `type`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from edgewrap.change import Action, Change, PlaneName
from edgewrap.cli.documents.results import count_verdicts
from edgewrap.errors import Diagnostic, DiagnosticReport, ErrorReport, Problem
from edgewrap.events import Event
from edgewrap.finding import Finding, Verdict

VERSION = 1


@dataclass(frozen=True, slots=True)
class PlanLine:
    """The end of a plan, after its changes."""

    cluster: str
    changes: int
    """How many changes the plan has."""
    unread: tuple[str, ...]
    planes: Mapping[PlaneName, str]
    """A summary of each plane, as text."""


@dataclass(frozen=True, slots=True)
class MessageLine:
    """A sentence about the result, for people."""

    text: str
    """The sentence."""


@dataclass(frozen=True, slots=True)
class ErrorLine:
    """An error. The last line of a command is one only if it ended the command. Fields after `exit_code` are there only
    for classes of errors that have them."""

    kind: str
    """The class of the error."""
    error: str
    """The same as `kind`."""
    what: str
    """What happened, in one line or more."""
    cause: str
    advice: str
    exit_code: int
    """The exit code of a command that it ends."""
    diagnostics: tuple[Diagnostic, ...] | None = None
    """What Terraform reported."""
    failures: tuple[ErrorLine, ...] | None = None
    """The errors of which it is the sum."""
    valid: Literal[False] | None = None
    """False, for a spec with problems."""
    problems: tuple[Problem, ...] | None = None
    """The problems of the spec."""
    summary: Mapping[Verdict, int] | None = None
    """How many findings have each verdict."""
    findings: tuple[Finding, ...] | None = None
    """What the checks found."""

    @classmethod
    def of(cls, report: ErrorReport) -> ErrorLine:
        """An error as it is printed."""
        diagnostics, failures, findings = report.diagnostics, report.failures, report.findings
        return cls(
            report.kind,
            report.kind,
            "\n".join(report.what),
            report.cause,
            report.advice,
            report.exit_code,
            None if diagnostics is None else tuple(map(_diagnostic, diagnostics)),
            None if failures is None else tuple(map(cls.of, failures)),
            None if report.problems is None else False,
            report.problems,
            None if findings is None else count_verdicts(findings),
            findings,
        )

    def fields(self) -> dict[str, Any]:
        """As JSON fields, without those that this class of errors does not have."""
        fields = {name: value for name, value in asdict(self).items() if value is not None}
        if self.failures is not None:
            fields["failures"] = [failure.fields() for failure in self.failures]
        if self.problems is not None:
            fields["problems"] = [asdict(problem) | {"file": str(problem.file)} for problem in self.problems]
        return fields


def _diagnostic(one: DiagnosticReport) -> Diagnostic:
    return Diagnostic(one.severity, one.summary, "\n".join(one.detail), one.address)


@dataclass(frozen=True, slots=True)
class PlaneResult:
    """What a run planned in one plane, and did if it is not `plan`."""

    changes: Mapping[Action, int]
    """How many changes of each action."""
    seconds: float
    """Seconds from the start of its first step to the end of its last one; 0 if it had none."""


@dataclass(frozen=True, slots=True)
class ResultLine:
    """The last line of a run that no error has ended."""

    command: str
    cluster: str
    exit_code: int
    changes: int
    """How many changes all planes have."""
    seconds: float
    """How many seconds the run took."""
    planes: Mapping[PlaneName, PlaneResult]
    """The result of each plane."""
    elastic_ips: Mapping[str, str]
    """The public address of each Elastic IP by its key, after `apply` and `replace`."""


@dataclass(frozen=True, slots=True)
class ClusterResult:
    """One cluster in the summary."""

    cluster: str
    exit_code: int
    """The exit code for this cluster."""
    result: str
    """What that means, in a few words."""
    changes: Mapping[str, Mapping[str, int]]
    """How many of each action each plane has in the plan, also if not all of it was done; empty if the command has no
    plan."""
    seconds: float
    """How many seconds it took."""


@dataclass(frozen=True, slots=True)
class Summary:
    """The end of a command about several clusters."""

    command: str
    exit_code: int
    clusters: tuple[ClusterResult, ...]
    """The result of each cluster."""


Line = Change | PlanLine | Event | MessageLine | ErrorLine | ResultLine | Summary
LINES: Mapping[type[Line], str] = {
    Change: "change",
    PlanLine: "plan",
    Event: "event",
    MessageLine: "message",
    ErrorLine: "error",
    ResultLine: "result",
    Summary: "summary",
}
"""The `type` of each line."""
