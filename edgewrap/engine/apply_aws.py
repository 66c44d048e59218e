"""The AWS part of a run, with what the hosts need around it where interface groups move to other hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgewrap.change import PlaneName
from edgewrap.engine.cluster import Cluster
from edgewrap.engine.plan import RunPlan, nothing_applied
from edgewrap.outputs import Outputs

if TYPE_CHECKING:
    from edgewrap.aws.facts import AwsState
    from edgewrap.hosts.plane import Observation

NO_WAIT_S = 0  # entry hosts have just been seen; one that does not answer now must not keep the others waiting


def apply_aws(cluster: Cluster, plan: RunPlan) -> tuple[Outputs, Observation]:
    """Apply AWS's part of `plan`. Returns its outputs, and the hosts as they were last seen.

    The hosts are made ready before AWS changes anything. Where instances come or go in the same run as groups move, the
    moves are a step of their own, and the hosts are converged right after it: the rest may take half an hour, or fail.
    """
    from edgewrap.hosts.plane import Observation

    aws, state, pins = plan.observed.aws, plan.observed.state, plan.observed.pins
    seen = plan.observed.hosts or Observation()
    about_hosts = PlaneName.HOSTS in plan.planes

    def prepare(state: AwsState) -> None:
        if about_hosts:
            # what fails here is told by the converge afterwards, which does it again; AWS does not wait for it
            cluster.hosts.prepare(state.outputs, plan.outputs, seen, pins, wait_s=NO_WAIT_S)

    if aws is not None and state is not None and aws.changes:
        prepare(state)
    if aws is not None and state is not None and aws.moves_ahead:
        state = cluster.aws.move(state, aws)
        if about_hosts:
            seen = cluster.hosts.converge(state.outputs, seen, pins, wait_s=NO_WAIT_S)
        prepare(state)
        aws = cluster.aws.replan_after_moves(state, aws)
    outputs = cluster.aws.apply(aws) if aws else state.outputs if state else None
    if outputs is None:
        raise nothing_applied(cluster)
    return outputs, seen
