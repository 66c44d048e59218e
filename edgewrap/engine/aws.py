"""The AWS part of a run, with what the hosts need around it where interface groups move to other hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgewrap.change import Plane
from edgewrap.engine.cluster import Cluster
from edgewrap.engine.plan import RunPlan, nothing_applied
from edgewrap.outputs import Outputs

if TYPE_CHECKING:
    from edgewrap.hosts.plane import Observation

NO_WAIT_S = 0  # entry hosts have just been seen; one that does not answer now must not keep the others waiting


def apply_aws(cluster: Cluster, plan: RunPlan) -> tuple[Outputs, Observation]:
    """Apply AWS's part of `plan`. Returns its outputs, and the hosts as they were last seen.

    New entry hosts are made ready before a group moves to them. Where instances come or go in the same run, the moves
    are a step of their own, and the hosts are converged right after it: the rest may take half an hour, or fail.
    """
    from edgewrap.hosts.plane import Observation

    aws, state, pins = plan.observed.aws, plan.observed.state, plan.observed.pins
    seen = plan.observed.hosts or Observation()
    about_hosts = Plane.HOSTS in plan.planes
    if about_hosts and state is not None and _hosts_differ(plan, state.outputs):
        # what fails here is told by the converge afterwards; the move itself cannot wait for it
        cluster.hosts.prepare(state.outputs, plan.outputs, seen, pins, wait_s=NO_WAIT_S)
    if aws is not None and state is not None and aws.moves_ahead:
        state = cluster.aws.move(state, aws)
        if about_hosts:
            seen = cluster.hosts.converge(state.outputs, seen, pins, wait_s=NO_WAIT_S)
        aws = cluster.aws.follow(state, aws)
    outputs = cluster.aws.apply(aws) if aws else state.outputs if state else None
    if outputs is None:
        raise nothing_applied(cluster)
    return outputs, seen


def _hosts_differ(plan: RunPlan, before: Outputs) -> bool:
    """Whether hosts come or go, or a group gets another entry host."""
    stood = before.groups
    moved = any(key in stood and stood[key].host != group.host for key, group in plan.outputs.groups.items())
    instances = {host.instance_id for host in before.hosts.values()}
    return moved or instances != {host.instance_id for host in plan.outputs.hosts.values()}
