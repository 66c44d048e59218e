"""Apply a plan: first remove objects from OpenNebula, then AWS, then the hosts, then the rest of OpenNebula.

New objects that do not depend on what the hosts report are created in OpenNebula while the hosts converge.

Interface groups that move do so as early as possible: their new entry hosts are made ready, AWS moves them, and the
hosts are changed at once, before instances are created or removed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NoReturn

from edgewrap.engine.cluster import Cluster
from edgewrap.engine.health import SETTLE_AFTER_CHANGES_S, health
from edgewrap.engine.parallel import stoppable
from edgewrap.engine.plan import RunPlan, nothing_applied
from edgewrap.engine.preflight import raise_on_failure, report_findings
from edgewrap.errors import EdgewrapError, FailedRunError, PartlyAppliedError
from edgewrap.outputs import UNKNOWN, HostReport, Outputs
from edgewrap.plane import Context

if TYPE_CHECKING:
    from edgewrap.aws.plane import AwsPlan, AwsState
    from edgewrap.hosts.plane import HostsPlan, Observation

PARTLY = "the plan is only partly applied"
FAILED = "the run has failed in several places, and has changed nothing"
BOOT_WAIT_S = 1800  # metal takes up to 20 minutes to start, and sometimes longer to reboot
RUNNING_HOST_WAIT_S = 60
NO_WAIT_S = 0  # entry hosts have just been reached; one that does not answer now must not delay the others


@dataclass(frozen=True, slots=True)
class Waits:
    """How long a run waits, in seconds. `hosts_s: None` waits 30 minutes if there are new hosts, or hosts that did not
    answer the plan and may be booting, otherwise 60 s."""

    hosts_s: float | None
    monitored_s: float


@dataclass(slots=True)
class _Progress:
    """Whether a run has begun to change AWS, the hosts after that, and what failed without ending it."""

    begun: bool = False
    hosts: Observation | None = None
    failures: list[EdgewrapError] = field(default_factory=list)


def require_possible(cluster: Cluster, plan: RunPlan) -> None:
    """So that nobody is asked to approve a plan that cannot be applied: raises PreflightError, or InUseError if a VM, a
    lease or a lock blocks it."""
    raise_on_failure(plan.findings)
    if plan.opennebula is not None:
        cluster.opennebula.require_possible(plan.opennebula)


def apply(cluster: Cluster, plan: RunPlan, waits: Waits, *, look_again: bool = False) -> Outputs:
    """Apply `plan`, then wait until the enabled hosts are MONITORED. Returns AWS's outputs.

    OpenNebula and the hosts are always read again before they are changed. AWS is read again only with `look_again`,
    for a plan that waited for approval, because that takes another Terraform plan. Raises PlanOutdatedError if a plane
    needs more than was planned, PartlyAppliedError if this run has changed something and not all of it succeeded;
    otherwise what failed, as FailedRunError if it is more than one thing.
    """
    before = _writes(cluster, plan)
    progress = _Progress()
    try:
        if plan.nothing_to_do:
            outputs, unreached = plan.outputs, frozenset[str]()
        else:
            outputs, unreached = _apply_planes(cluster, plan, waits, progress, look_again=look_again)
        alive = {key for key, host in outputs.hosts.items() if not host.is_dead}
        _wait_for_monitoring(cluster, plan, waits, alive - plan.tolerated(outputs) - unreached)
        if progress.hosts is not None:
            report_health(cluster, plan, outputs, progress.hosts)
    except EdgewrapError as error:
        progress.failures.append(error)
    if progress.failures:
        hosts_changed = plan.hosts is not None and bool(cluster.hosts.changed)
        changed = progress.begun or hosts_changed or _writes(cluster, plan) > before
        _raise(progress.failures, changed=changed)
    return outputs


def _raise(failures: Sequence[EdgewrapError], *, changed: bool) -> NoReturn:
    """Raise the error of a run that these failures ended."""
    if changed:
        raise PartlyAppliedError.of(PARTLY, "apply", failures) from failures[-1]
    if len(failures) > 1:
        raise FailedRunError.of(FAILED, "apply", failures) from failures[-1]
    raise failures[0]


def _writes(cluster: Cluster, plan: RunPlan) -> int:
    return cluster.opennebula.writes if plan.opennebula is not None else 0


def _apply_planes(
    cluster: Cluster, plan: RunPlan, waits: Waits, progress: _Progress, *, look_again: bool
) -> tuple[Outputs, frozenset[str]]:
    """Returns AWS's outputs, and the hosts that the hosts plane could not change."""
    context, state, aws = plan.context, plan.observed.state, plan.aws
    if look_again and aws is not None and aws.pending and not aws.first:
        state, aws = cluster.aws.look_again(aws, context)
    if plan.opennebula is not None:
        cluster.opennebula.prepare(plan.opennebula, context)
    progress.begun = progress.begun or (aws is not None and aws.pending)
    outputs = _apply_aws(cluster, plan, state, aws)
    context = replace(context, outputs=outputs)
    unreached: frozenset[str] = frozenset()
    reports: Mapping[str, HostReport] = {}
    if plan.hosts is not None:
        context = replace(context, wait_s=default_wait_s(plan) if waits.hosts_s is None else waits.hosts_s)
        done = _converge(cluster, plan, plan.hosts, context, progress)
        unreached = frozenset(done.failures)
        reports = cluster.hosts.reports(done, context)
    if plan.opennebula is not None:
        cluster.opennebula.apply(plan.opennebula, replace(context, reports=reports))
    progress.failures += plan.observed.disposition.kept
    return outputs, unreached


def _converge(cluster: Cluster, plan: RunPlan, hosts: HostsPlan, context: Context, progress: _Progress) -> Observation:
    """Change the hosts; while they converge, begin with OpenNebula. If either fails, the other one is waited for."""
    one = cluster.opennebula if plan.opennebula is not None else None
    with stoppable(one.interrupt if one else lambda: None) as tasks:
        begun = tasks.submit(one.begin, plan.opennebula, context) if one and plan.opennebula else None
        try:
            done = cluster.hosts.apply(hosts, context)
        except EdgewrapError:
            other = begun.exception() if begun else None
            if isinstance(other, EdgewrapError):
                progress.failures.append(other)
            elif other is not None:
                raise other from None  # a bug
            raise
    progress.hosts = done
    tolerated = plan.tolerated(context.known_outputs)
    progress.failures += [error for key, error in done.failures.items() if key not in tolerated]
    if begun:
        begun.result()
    return done


def default_wait_s(plan: RunPlan) -> float:
    """How long to wait for SSH on the hosts."""
    new = any(host.instance_id == UNKNOWN for host in plan.outputs.hosts.values())
    return BOOT_WAIT_S if new or plan.unanswered else RUNNING_HOST_WAIT_S


def _apply_aws(cluster: Cluster, plan: RunPlan, state: AwsState | None, aws: AwsPlan | None) -> Outputs:
    """Apply AWS's part of a run: `aws`, planned from `state`; None if the run leaves it out. Returns its outputs.

    The hosts are made ready before AWS changes anything. If instances are created or removed in the same run as groups
    move, the moves are a step of their own, and the hosts are changed right after it: the rest may take half an hour,
    or fail.
    """
    if aws is None:
        return plan.outputs
    context = replace(plan.context, wait_s=NO_WAIT_S)
    if state is not None and aws.changes:
        _prepare_hosts(cluster, plan, replace(context, before=state.outputs))
    if state is not None and aws.moves_ahead:
        state = cluster.aws.move(state, aws)
        if plan.hosts is not None:
            cluster.hosts.apply(plan.hosts, replace(context, outputs=with_coming_hosts(state.outputs, plan.outputs)))
        _prepare_hosts(cluster, plan, replace(context, before=state.outputs))
        aws = cluster.aws.replan_after_moves(state, aws)
    outputs = cluster.aws.apply(aws)
    if outputs is None:
        raise nothing_applied(cluster)
    return outputs


def with_coming_hosts(now: Outputs, planned: Outputs) -> Outputs:
    """The outputs after the step of the moves, with the hosts that have no instance then and get one in the rest of the
    plan: the others keep them as peers, for it was not planned to remove them. They have no known address yet."""
    coming = {key: host for key, host in planned.hosts.items() if key not in now.hosts}
    for key, host in coming.items():
        public = "" if host.public_address == UNKNOWN else host.public_address
        name = host.private_address if host.name == UNKNOWN else host.name
        coming[key] = replace(host, public_address=public, name=name)
    return replace(now, hosts=dict(sorted({**now.hosts, **coming}.items(), key=lambda item: item[1].index)))


def report_health(cluster: Cluster, plan: RunPlan, outputs: Outputs, hosts: Observation) -> None:
    """Warn of what does not work after the changes, once sessions had time to come up."""
    context = replace(plan.context, outputs=outputs, pins={**plan.context.pins, **hosts.pins})
    hosts = cluster.hosts.settle(hosts, context, SETTLE_AFTER_CHANGES_S)
    report_findings(cluster, health(cluster, plan.observed.state, outputs, hosts))


def _prepare_hosts(cluster: Cluster, plan: RunPlan, context: Context) -> None:
    if plan.hosts is not None:
        # a host that fails here is reported when it is changed after AWS, which does this again; AWS does not wait
        cluster.hosts.prepare(plan.hosts, context)


def _wait_for_monitoring(cluster: Cluster, plan: RunPlan, waits: Waits, expected: Collection[str]) -> None:
    """Wait until the enabled hosts among `expected` are MONITORED, even if the run has changed nothing."""
    facts = plan.observed.facts
    if facts is None:  # the run leaves OpenNebula out
        return
    seen = cluster.opennebula.hosts(facts).values()
    if plan.nothing_to_do and all(host.state_word == "monitored" for host in seen):
        return
    cluster.opennebula.wait_monitored(expected, waits.monitored_s)
