"""Every error that edgewrap raises on purpose.

    EdgewrapError
      UsageError                 the command line is wrong                                   exit 64
      SpecError                  the spec file is wrong; lists every problem with its place
      ToolError                  a local program is missing or of a wrong version
      LockedError                another run holds this cluster
      RefusedChangeError         the spec asks for a change that a running cluster does not support
      StateError                 the Terraform state is missing, damaged or another cluster's
      PlanFileError              a file is not a saved plan, or cannot be used here
      PlanOutdatedError          something has changed since the plan was made
      TerraformError             terraform failed; carries its diagnostics
      AwsError                   AWS returned an error, or could not be reached
      IpamError                  the IPAM driver cannot do what OpenNebula asked
      PreflightError             a quota, a permission or a tool that the run needs is missing
      OpenNebulaError            the front-end answered with an error
        FrontEndUnreachableError   no answer from the front-end
        AuthenticationError        wrong user or password
        AuthorizationError         the user lacks permissions
        ForeignObjectError         an object that edgewrap does not own has the name or address it needs
        InUseError                 a VM, a lease, a lock or a tenant's network forbids the change
      HostKeysUnreadableError    the pinned host keys cannot be read, and the run would change hosts
      HostError                  one host could not be observed or converged
        HostUnreachableError       no SSH connection
        HostKeyError               the host's SSH key differs from the pinned one
        ConvergeError              edgewrap's script failed on the host
      ProtectedError             the spec says `protect: true`
      FailedRunError             parts of a run have failed; nothing was changed
        PartlyAppliedError         part of the plan is applied: re-run                         exit 3
      InterruptedRunError        SIGINT, SIGTERM or SIGHUP                                   exit 130
      LabError                   the lab could not do what was asked
      InternalError              a bug in edgewrap; the traceback is in the log file

Each says what happened (`str(error)`), the likely cause, and what to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from edgewrap.finding import Finding, Verdict


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One diagnostic as terraform's `-json` output gives it."""

    severity: str
    """`error` or `warning`."""
    summary: str
    """What happened, in one line."""
    detail: str = ""
    """What Terraform says about it."""
    address: str = ""
    """The Terraform resource that it is about; empty if none is."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem in a spec file."""

    file: Path
    """The spec file."""
    line: int
    """The line, from 1; 0 for the file itself."""
    column: int
    """The column, from 1; 0 for the file itself."""
    path: str
    """The field: `network.elastic_ips.count`."""
    value: str
    """The value as written; empty if it must not be shown."""
    rule: str
    """The rule that it breaks."""

    def __str__(self) -> str:
        value = f" (value: {self.value})" if self.value else ""
        place = f"{self.file}:{self.line}:{self.column}: {self.path}" if self.line else f"{self.file}"
        return f"{place}: {self.rule}{value}"


@dataclass(frozen=True, slots=True)
class DiagnosticReport:
    """A diagnostic as data, its detail by lines."""

    severity: str
    summary: str
    detail: tuple[str, ...]
    address: str


@dataclass(frozen=True, slots=True)
class ErrorReport:
    """An error as data, for the views. `kind` is its class, `what` has its lines; the last four are None for classes of
    errors that do not have them."""

    kind: str
    what: tuple[str, ...]
    cause: str
    advice: str
    exit_code: int
    diagnostics: tuple[DiagnosticReport, ...] | None = None
    failures: tuple[ErrorReport, ...] | None = None
    problems: tuple[Problem, ...] | None = None
    findings: tuple[Finding, ...] | None = None


class EdgewrapError(Exception):
    """The root: what happened, its likely cause, and advice on what to do."""

    exit_code = 1

    def __init__(self, what: str, *, cause: str, advice: str) -> None:
        super().__init__(what)
        self.cause = cause
        self.advice = advice

    @property
    def what(self) -> str:
        """What happened, in one sentence."""
        return str(self.args[0])

    def report(self) -> ErrorReport:
        """All that it says, as data."""
        return ErrorReport(type(self).__name__, (self.what,), self.cause, self.advice, self.exit_code)


class UsageError(EdgewrapError):
    """The command line is wrong."""

    exit_code = 64


class SpecError(EdgewrapError):
    """The spec file is wrong; `problems` are in the order of the file."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        cause, advice = "no spec can be read there", "give the path of a spec file that you may read"
        if any(problem.line for problem in self.problems):
            cause = "the spec does not follow the schema of edgewrap/v1"
            advice = "correct the places listed; `edgewrap schema` prints the schema"
        super().__init__("\n".join(str(problem) for problem in self.problems), cause=cause, advice=advice)

    def report(self) -> ErrorReport:
        return replace(super().report(), what=tuple(map(str, self.problems)), problems=self.problems)


class ToolError(EdgewrapError):
    """A local program is missing or of a wrong version."""


class LockedError(EdgewrapError):
    """Another run holds this cluster."""


class RefusedChangeError(EdgewrapError):
    """The spec asks for what the running cluster, its instance type, or the user's own network does not support;
    nothing was changed.

    `refusals` has one text for each: the field, the reason and what to write instead.
    """

    def __init__(self, refusals: Sequence[str]) -> None:
        self.refusals = tuple(refusals)
        super().__init__(
            "\n".join(self.refusals),
            cause="the spec asks for what the cluster, its instance type, or the existing network does not support",
            advice="correct these fields and re-run; nothing was changed",
        )

    def report(self) -> ErrorReport:
        return replace(super().report(), what=self.refusals)


class StateError(EdgewrapError):
    """The Terraform state is missing, damaged or another cluster's."""


class PlanFileError(EdgewrapError):
    """A file is not a saved plan, or cannot be used here."""


class PlanOutdatedError(EdgewrapError):
    """Something has changed since the plan was made; each line of the text is a difference."""

    def report(self) -> ErrorReport:
        return replace(super().report(), what=tuple(self.what.split("\n")))


class TerraformError(EdgewrapError):
    """Terraform failed; `diagnostics` are its messages, unchanged."""

    def __init__(self, what: str, *, cause: str, advice: str, diagnostics: Sequence[Diagnostic] = ()) -> None:
        super().__init__(what, cause=cause, advice=advice)
        self.diagnostics = tuple(diagnostics)

    def report(self) -> ErrorReport:
        found = (
            DiagnosticReport(one.severity, one.summary, tuple(one.detail.split("\n")), one.address)
            for one in self.diagnostics
        )
        return replace(super().report(), diagnostics=tuple(found))


class AwsError(EdgewrapError):
    """AWS returned an error, or could not be reached: then `code` (AWS's error code) is empty."""

    def __init__(self, what: str, *, cause: str, advice: str, code: str = "") -> None:
        super().__init__(what, cause=cause, advice=advice)
        self.code = code


class IpamError(EdgewrapError):
    """The IPAM driver cannot do what OpenNebula asked; nothing is left in AWS unless the message says so."""


class PreflightError(EdgewrapError):
    """A quota, a permission or a tool that the run needs is missing; nothing was changed.

    `findings` has those of all checks that ran; the message lists the failures among them.
    """

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        failures = [finding for finding in self.findings if finding.verdict is Verdict.FAILURE]
        self.failures = tuple(map(str, failures))
        super().__init__(
            "\n".join(self.failures),
            cause="something that the run needs is missing; nothing was changed yet",
            advice="; ".join(f"{finding.check}: {finding.advice}" for finding in failures),
        )

    def report(self) -> ErrorReport:
        return replace(super().report(), what=self.failures, findings=self.findings)


class OpenNebulaError(EdgewrapError):
    """The front-end answered with an error."""


class FrontEndUnreachableError(OpenNebulaError):
    """No answer from the front-end."""


class AuthenticationError(OpenNebulaError):
    """The front-end rejected the user or the password."""


class AuthorizationError(OpenNebulaError):
    """The user lacks permissions on the front-end."""


class ForeignObjectError(OpenNebulaError):
    """An object that edgewrap does not own has the name or address that it needs."""


class InUseError(OpenNebulaError):
    """A VM, a lease, a lock or a tenant's network forbids the change."""


class HostKeysUnreadableError(EdgewrapError):
    """The pinned host keys cannot be read, and the run would change hosts."""


class HostError(EdgewrapError):
    """One host could not be observed or converged; `host` is its key (`host-0`)."""

    def __init__(self, host: str, what: str, *, cause: str, advice: str) -> None:
        super().__init__(f"{host}: {what}", cause=cause, advice=advice)
        self.host = host


class HostUnreachableError(HostError):
    """No SSH connection to the host."""


class HostKeyError(HostError):
    """The host's SSH key differs from the pinned one."""


class ConvergeError(HostError):
    """edgewrap's script failed on the host."""


class ProtectedError(EdgewrapError):
    """The spec says `protect: true`."""


class FailedRunError(EdgewrapError):
    """Parts of a run have failed, and it has changed nothing. `failures` lists the errors."""

    after_that = ""

    def __init__(self, what: str, *, cause: str, advice: str, failures: Sequence[EdgewrapError] = ()) -> None:
        super().__init__(what, cause=cause, advice=advice)
        self.failures = tuple(failures)

    def report(self) -> ErrorReport:
        return replace(super().report(), failures=tuple(failure.report() for failure in self.failures))

    @classmethod
    def of(cls, what: str, command: str, failures: Sequence[EdgewrapError]) -> Self:
        """For a run of `command` that these failures ended."""
        cause = "; ".join(line for failure in failures for line in failure.report().what)
        advice = f"fix the error above and re-run `edgewrap {command}`{cls.after_that}"
        return cls(what, cause=cause, advice=advice, failures=failures)


class PartlyAppliedError(FailedRunError):
    """Part of the plan is applied; a second run resumes."""

    exit_code = 3
    after_that = "; it resumes where it stopped"


class InterruptedRunError(EdgewrapError):
    """SIGINT, SIGTERM or SIGHUP ended the run."""

    exit_code = 130

    def __init__(self) -> None:
        super().__init__(
            "the run was interrupted",
            cause="SIGINT, SIGTERM or SIGHUP",
            advice="re-run it: what was done is kept, and it resumes where it stopped",
        )


class LabError(EdgewrapError):
    """The lab could not do what was asked."""


class InternalError(EdgewrapError):
    """A bug in edgewrap; the traceback is in the log file."""

    @classmethod
    def of(cls, error: BaseException, traceback_file: object) -> Self:
        """For an unexpected exception; its traceback is in that file, if there is one. Its own text, which may hold
        anything, is only there."""
        import traceback

        package = f"{Path(__file__).parent}/"
        frames = traceback.extract_tb(error.__traceback__)
        ours = [frame for frame in frames if frame.filename.startswith(package)]
        place = f" in {ours[-1].filename.removeprefix(package)}, line {ours[-1].lineno}" if ours else ""
        return cls(
            f"unexpected {type(error).__name__}{place}",
            cause="a bug in edgewrap",
            advice=f"report it with the traceback in {traceback_file}" if traceback_file else "report it",
        )
