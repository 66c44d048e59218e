"""Making a plan real: what goes leaves OpenNebula first, then AWS, then the hosts, then what comes in OpenNebula.

Interface groups that move do so as early as can be: their new entry hosts are made ready, AWS moves them, and the hosts
are converged at once, before instances are made or taken away.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from edgewrap.change import PlaneName
from edgewrap.engine.apply_aws import apply_aws
from edgewrap.engine.cluster import Cluster
from edgewrap.engine.plan import RunPlan
from edgewrap.errors import EdgewrapError, PartlyAppliedError
from edgewrap.outputs import UNKNOWN, HostReport, Outputs

NEW_HOST_WAIT_S = 1800  # metal takes up to 20 minutes to start
KNOWN_HOST_WAIT_S = 60


@dataclass(frozen=True, slots=True)
class Waits:
    """How long a run waits, in seconds. `hosts_s: None` waits 30 minutes for new hosts and 60 s for others."""

    hosts_s: float | None
    monitored_s: float


@dataclass(slots=True)
class _Progress:
    """What a run has begun, and what failed without ending it."""

    begun: bool = False
    failures: list[EdgewrapError] = field(default_factory=list)


def apply(cluster: Cluster, plan: RunPlan, waits: Waits) -> Outputs:
    """Apply exactly `plan`, then wait until the enabled hosts are MONITORED. Returns AWS's outputs.

    Raises PartlyAppliedError where something was begun and not all of it succeeded; a second run goes on.
    """
    progress = _Progress(begun=plan.nothing_to_do)  # then all was applied before, and only the monitoring may lag
    try:
        if plan.nothing_to_do:
            outputs, unreached = plan.outputs, frozenset[str]()
        else:
            outputs, unreached = _apply_planes(cluster, plan, waits, progress)
        alive = {key for key, host in outputs.hosts.items() if not host.is_dead}
        _wait_for_monitoring(cluster, plan, waits, alive - plan.tolerated(outputs) - unreached)
    except EdgewrapError as error:
        if not progress.begun:
            raise
        raise _partly([*progress.failures, error]) from error
    if progress.failures:
        raise _partly(progress.failures)
    return outputs


def _apply_planes(cluster: Cluster, plan: RunPlan, waits: Waits, progress: _Progress) -> tuple[Outputs, frozenset[str]]:
    """Returns AWS's outputs, and the hosts that the hosts plane could not change."""
    observed = plan.observed
    if observed.facts is not None:
        # refused as a whole, before anything is begun, if a VM, a lease or a lock is in the way
        replaced = observed.disposition.replaced
        cluster.opennebula.require_free(observed.facts, plan.outputs, replaced, plan.reports)
        progress.begun = True
        cluster.opennebula.release(observed.facts, plan.outputs, replaced)
    progress.begun = True
    outputs, seen = apply_aws(cluster, plan)
    reports: Mapping[str, HostReport] = {}
    unreached: frozenset[str] = frozenset()
    if PlaneName.HOSTS in plan.planes:
        wait_s = waits.hosts_s if waits.hosts_s is not None else _host_wait_s(plan)
        converged = cluster.hosts.converge(outputs, seen, observed.pins, wait_s=wait_s)
        unreached = frozenset(converged.failures)
        tolerated = plan.tolerated(outputs)
        progress.failures += [error for key, error in converged.failures.items() if key not in tolerated]
        reports = cluster.hosts.reports(outputs, converged)
    if PlaneName.OPENNEBULA in plan.planes:
        # looked at again: `release` has changed it, and a metal host takes many minutes to come
        facts = cluster.opennebula.observe()
        cluster.opennebula.apply(facts, outputs, reports)
    progress.failures += observed.disposition.kept
    return outputs, unreached


def _wait_for_monitoring(cluster: Cluster, plan: RunPlan, waits: Waits, expected: Collection[str]) -> None:
    """Whatever the run has changed, the same hosts must be MONITORED at its end: the enabled ones of `expected`."""
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
        advice="mend the cause named, then run `edgewrap apply` again: it goes on from here",
        failures=failures,
    )
