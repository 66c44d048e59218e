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
    """The end of a plan, after its changes. `changes` is their count; `planes` has a summary of each plane, as text;
    `unread` are the hosts that could not be read."""

    cluster: str
    changes: int
    unread: tuple[str, ...]
    planes: Mapping[PlaneName, str]


@dataclass(frozen=True, slots=True)
class MessageLine:
    """A sentence about the result, for people."""

    text: str


@dataclass(frozen=True, slots=True)
class ErrorLine:
    """An error. The last line of a command is one only if it ended the command. `error` is the same as `kind`, the
    class of the error; fields after `exit_code` are there only for classes that have them."""

    kind: str
    error: str
    what: str
    cause: str
    advice: str
    exit_code: int
    diagnostics: tuple[Diagnostic, ...] | None = None
    failures: tuple[ErrorLine, ...] | None = None
    valid: Literal[False] | None = None
    problems: tuple[Problem, ...] | None = None
    summary: Mapping[Verdict, int] | None = None
    findings: tuple[Finding, ...] | None = None

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
    """What a run planned in one plane, and did if it is not `plan`: how many changes of each action, and the seconds
    from the start of its first step to the end of its last one (0 if it had none)."""

    changes: Mapping[Action, int]
    seconds: float


@dataclass(frozen=True, slots=True)
class ResultLine:
    """The last line of a run that no error has ended. `exit_code` is the command's; `changes` the count of all planes;
    `elastic_ips` has the public address of each Elastic IP by its key, after `apply` and `replace`."""

    command: str
    cluster: str
    exit_code: int
    changes: int
    seconds: float
    planes: Mapping[PlaneName, PlaneResult]
    elastic_ips: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ClusterResult:
    """One cluster in the summary. `changes`: how many of each action each plane has; empty if the command has no
    plan."""

    cluster: str
    exit_code: int
    result: str
    changes: Mapping[str, Mapping[str, int]]
    seconds: float


@dataclass(frozen=True, slots=True)
class Summary:
    """The end of a command about several clusters. `exit_code` is that of the command."""

    command: str
    exit_code: int
    clusters: tuple[ClusterResult, ...]


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
