"""Preflight checks: what a run needs and does not create; on all planes in parallel, before anything is changed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from typing import TYPE_CHECKING

from edgewrap import limits
from edgewrap.change import Action, Change, PlaneName
from edgewrap.engine.cluster import Cluster
from edgewrap.errors import EdgewrapError, PreflightError
from edgewrap.events import Event, EventKind
from edgewrap.finding import CREDENTIALS, Finding, Verdict
from edgewrap.outputs import UNKNOWN, Outputs
from edgewrap.plane import Context

if TYPE_CHECKING:
    from edgewrap.opennebula.plane import OneFacts


def preflight(cluster: Cluster, planes: Collection[PlaneName]) -> tuple[Finding, ...]:
    """All checks of these planes; changes nothing, raises nothing."""
    by_plane = {PlaneName.AWS: _aws, PlaneName.OPENNEBULA: _opennebula, PlaneName.HOSTS: _hosts}
    checks = [check for plane, check in by_plane.items() if plane in planes]
    running = [limits.start(partial(check, cluster)) for check in checks]
    return tuple(finding for found in running for finding in found.result())


def check_new_resources(
    cluster: Cluster, changes: Sequence[Change], outputs: Outputs, facts: OneFacts | None
) -> tuple[Finding, ...]:
    """Check what OpenNebula and the hosts need for a plan's `changes`; only if these create something.

    `outputs` are AWS's after the plan, `facts` what was read from the front-end.
    """
    findings: list[Finding] = []
    if facts is not None and any(change.kind == "cluster" and change.action is Action.CREATE for change in changes):
        findings += cluster.opennebula.preflight(facts)
    about_hosts = any(change.plane is PlaneName.HOSTS for change in changes)
    if about_hosts and any(host.instance_id == UNKNOWN for host in outputs.hosts.values()):
        findings += cluster.hosts.login_findings()
    return tuple(findings)


def report_findings(cluster: Cluster, findings: Sequence[Finding]) -> None:
    """Each finding as an event, once: a warning if it is one or if the verdict is unknown, shown if it is about the
    credentials, otherwise for the log file."""
    for finding in dict.fromkeys(findings):
        text = f"{finding.text}; {finding.advice}" if finding.advice else finding.text
        if finding.verdict in (Verdict.WARNING, Verdict.UNKNOWN):
            cluster.emit(Event(EventKind.WARNING, finding.plane, finding.check, text))
        elif finding.check == CREDENTIALS and finding.verdict is Verdict.OK:
            cluster.emit(Event(EventKind.INFO, finding.plane, finding.check, text))
        else:
            cluster.emit(Event(EventKind.LOG, finding.plane, finding.check, f"{finding.verdict}: {text}"))


def raise_on_failure(findings: Sequence[Finding]) -> None:
    """Raise PreflightError if one of them is a failure."""
    failures = [finding for finding in dict.fromkeys(findings) if finding.verdict is Verdict.FAILURE]
    if failures:
        raise PreflightError(failures)


def _aws(cluster: Cluster) -> Sequence[Finding]:
    tools = cluster.aws.tools()
    try:
        state = cluster.aws.current()
    except EdgewrapError as error:
        return (*tools, _failure(None, "Terraform state", error), *cluster.aws.preflight_without_state())
    return (*tools, *cluster.aws.preflight(state))


def _opennebula(cluster: Cluster) -> Sequence[Finding]:
    try:
        plane = cluster.opennebula
    except EdgewrapError as error:  # no endpoint or no login is set
        return (_failure(PlaneName.OPENNEBULA, "front-end", error),)
    return plane.preflight()


def _hosts(cluster: Cluster) -> Sequence[Finding]:
    own = cluster.hosts.preflight()
    if cluster.spec.opennebula.front_end.name is None:
        return own
    try:
        state, facts = cluster.aws.current(), cluster.opennebula.observe()
        pins = cluster.opennebula.pins(facts)
        return (*own, *(cluster.hosts.check_front_end(Context(state.outputs, pins=pins)) if state else ()))
    except EdgewrapError as error:  # the checks of the other planes report it
        text = f"not checked: {error.what}"
        return (*own, Finding(PlaneName.HOSTS, "front-end as hosts see it", Verdict.UNKNOWN, text, error.advice))


def _failure(plane: PlaneName | None, check: str, error: EdgewrapError) -> Finding:
    return Finding(plane, check, Verdict.FAILURE, f"{error.what} ({error.cause})", error.advice)
