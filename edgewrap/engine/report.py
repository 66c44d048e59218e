"""All about one cluster, read at once: its status, what an apply would change, and what is wrong."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from edgewrap.change import Change, PlaneName
from edgewrap.engine.cluster import Cluster, Options, open_cluster, peek_cluster
from edgewrap.engine.plan import make_plan
from edgewrap.engine.status import ClusterStatus, read_status, status_of
from edgewrap.errors import EdgewrapError, ErrorReport, InterruptedRunError
from edgewrap.events import Emit, Event, EventKind
from edgewrap.finding import Finding, Verdict

EVERY_PLANE = tuple(PlaneName)


@dataclass(frozen=True, slots=True)
class ReportedError:
    """One error."""

    what: str
    cause: str
    advice: str
    details: tuple[str, ...] = ()
    """More lines of what happened."""


@dataclass(frozen=True, slots=True)
class ClusterReport:
    """One cluster at one time."""

    name: str
    """The cluster's name; the spec's file name if the spec could not be read."""
    time: str
    """When it was read (ISO 8601)."""
    status: ClusterStatus | None = None
    """Its status; null if nothing is applied yet, or if it could not be read."""
    changes: tuple[Change, ...] | None = None
    """What an apply would do; null if the plan could not be made."""
    unread: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    """What checks and warnings say."""
    errors: tuple[ReportedError, ...] = ()
    """Why the cluster could not be read in whole."""


def read_report(options: Options, emit: Emit) -> ClusterReport:
    """Plan, and take the status from what the plan has observed. If there can be no plan, the status alone."""
    warnings: list[Event] = []

    def listen(event: Event) -> None:
        if event.kind is EventKind.WARNING:
            warnings.append(event)
        emit(event)

    report = ClusterReport(options.spec_file.name, datetime.now(UTC).isoformat(timespec="seconds"))
    try:
        with open_cluster(options, listen) as cluster:
            report = _planned(replace(report, name=cluster.spec.name), cluster)
    except InterruptedRunError:
        raise
    except EdgewrapError as error:
        report = _status_only(replace(report, errors=(_reported(error.report()),)), options, listen)
    return replace(report, findings=tuple(_findings(report.findings, warnings)))


def _planned(report: ClusterReport, cluster: Cluster) -> ClusterReport:
    plan = make_plan(cluster, EVERY_PLANE)
    observed, status = plan.observed, None
    if observed.state is not None and observed.hosts is not None:
        status = status_of(cluster, observed.state, observed.facts, observed.hosts)
    errors = tuple(_reported(failure.report()) for failure in plan.failures)
    return replace(
        report, status=status, changes=plan.changes, unread=plan.unread_hosts, findings=plan.findings, errors=errors
    )


def _status_only(report: ClusterReport, options: Options, emit: Emit) -> ClusterReport:
    """The report of an error, with what can be read all the same."""
    try:
        with peek_cluster(options.spec_file, emit, insecure=options.insecure) as cluster:
            report = replace(report, name=cluster.spec.name)
            status = read_status(cluster)
            return replace(report, status=status, findings=status.warnings)
    except EdgewrapError:
        return report


def _reported(error: ErrorReport) -> ReportedError:
    first, *more = error.what or ("",)
    more += [f"terraform: {' '.join((one.summary, *one.detail))}" for one in error.diagnostics or ()]
    more += [f"{one.what[0]} ({one.cause}): {one.advice}" for one in error.failures or ()]
    more += [f"{one}: {one.advice}" for one in error.findings or ()]
    return ReportedError(first, error.cause, error.advice, tuple(more))


def _findings(findings: Iterable[Finding], warnings: Iterable[Event]) -> Iterable[Finding]:
    """All that is not in order, once: a finding may have been a warning, too."""
    bad = dict.fromkeys(finding for finding in findings if finding.verdict is not Verdict.OK)
    known = {(one.check, f"{one.text}; {one.advice}" if one.advice else one.text) for one in bad}
    others = dict.fromkeys(
        Finding(event.plane, event.key, Verdict.WARNING, event.text)
        for event in warnings
        if (event.key, event.text) not in known
    )
    return (*bad, *others)
