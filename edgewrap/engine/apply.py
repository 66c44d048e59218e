"""Apply a plan: first remove objects from OpenNebula, then AWS, then the hosts, then add objects to OpenNebula.

Interface groups that move do so as early as possible: their new entry hosts are made ready, AWS moves them, and the
hosts are changed at once, before instances are created or removed.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace

from edgewrap.engine.apply_aws import apply_aws
from edgewrap.engine.cluster import Cluster
from edgewrap.engine.plan import RunPlan
from edgewrap.errors import EdgewrapError, PartlyAppliedError
from edgewrap.outputs import UNKNOWN, Outputs

NEW_HOST_WAIT_S = 1800  # metal takes up to 20 minutes to start
KNOWN_HOST_WAIT_S = 60


@dataclass(frozen=True, slots=True)
class Waits:
    """How long a run waits, in seconds. `hosts_s: None` waits 30 minutes for new hosts and 60 s for others."""

    hosts_s: float | None
    monitored_s: float


@dataclass(slots=True)
class _Progress:
    """Whether a run has changed something, and what failed without ending it."""

    begun: bool = False
    failures: list[EdgewrapError] = field(default_factory=list)


def apply(cluster: Cluster, plan: RunPlan, waits: Waits, *, look_again: bool = False) -> Outputs:
    """Apply `plan`, then wait until the enabled hosts are MONITORED. Returns AWS's outputs.

    OpenNebula and the hosts are always read again before they are changed. AWS is read again only with `look_again`,
    for a plan that waited for approval, because that takes another Terraform plan. Raises PlanOutdatedError if a plane
    needs more than was planned, PartlyAppliedError if something was changed and not all of it succeeded.
    """
    progress = _Progress(begun=plan.nothing_to_do)  # then only the monitoring may be incomplete
    try:
        if plan.nothing_to_do:
            outputs, unreached = plan.outputs, frozenset[str]()
        else:
            outputs, unreached = _apply_planes(cluster, plan, waits, progress, look_again=look_again)
        alive = {key for key, host in outputs.hosts.items() if not host.is_dead}
        _wait_for_monitoring(cluster, plan, waits, alive - plan.tolerated(outputs) - unreached)
    except EdgewrapError as error:
        if not progress.begun:
            raise
        raise _partly([*progress.failures, error]) from error
    if progress.failures:
        raise _partly(progress.failures)
    return outputs


def _apply_planes(
    cluster: Cluster, plan: RunPlan, waits: Waits, progress: _Progress, *, look_again: bool
) -> tuple[Outputs, frozenset[str]]:
    """Returns AWS's outputs, and the hosts that the hosts plane could not change."""
    context, observed = plan.context, plan.observed
    state, aws = observed.state, plan.aws
    if look_again and aws is not None and aws.pending and not aws.first:
        state, aws = cluster.aws.look_again(aws, context)
    if plan.opennebula is not None:
        before = cluster.opennebula.writes
        try:
            cluster.opennebula.prepare(plan.opennebula, context)
        finally:
            progress.begun = cluster.opennebula.writes > before
    progress.begun = progress.begun or (aws is not None and aws.pending)
    outputs = apply_aws(cluster, plan, state, aws)
    context = replace(context, outputs=outputs)
    unreached: frozenset[str] = frozenset()
    if plan.hosts is not None:
        context = replace(context, wait_s=waits.hosts_s if waits.hosts_s is not None else _host_wait_s(plan))
        done = cluster.hosts.apply(plan.hosts, context)
        progress.begun = True
        unreached = frozenset(done.failures)
        tolerated = plan.tolerated(outputs)
        progress.failures += [error for key, error in done.failures.items() if key not in tolerated]
        context = replace(context, reports=cluster.hosts.reports(done, context))
    else:
        context = replace(context, reports={})
    if plan.opennebula is not None:
        before = cluster.opennebula.writes
        try:
            cluster.opennebula.apply(plan.opennebula, context)
        finally:
            progress.begun = progress.begun or cluster.opennebula.writes > before
    progress.failures += observed.disposition.kept
    return outputs, unreached


def _wait_for_monitoring(cluster: Cluster, plan: RunPlan, waits: Waits, expected: Collection[str]) -> None:
    """Wait until the enabled hosts among `expected` are MONITORED, even if the run has changed nothing."""
    facts = plan.observed.facts
    if facts is None:  # the run leaves OpenNebula out
        return
    seen = cluster.opennebula.hosts(facts).values()
    if plan.nothing_to_do and all(host.state_word == "monitored" for host in seen):
        return
    cluster.opennebula.wait_monitored(expected, waits.monitored_s)


def _host_wait_s(plan: RunPlan) -> float:
    new = any(host.instance_id == UNKNOWN for host in plan.outputs.hosts.values())
    return NEW_HOST_WAIT_S if new else KNOWN_HOST_WAIT_S


def _partly(failures: list[EdgewrapError]) -> PartlyAppliedError:
    return PartlyAppliedError(
        "the plan is only partly applied",
        cause="; ".join(failure.what for failure in failures),
        advice="fix the error above and re-run `edgewrap apply`; it resumes where it stopped",
        failures=failures,
    )
