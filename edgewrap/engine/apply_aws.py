"""The AWS part of a run, and what the hosts need before and after it if interface groups move to other hosts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from edgewrap.engine.cluster import Cluster
from edgewrap.engine.plan import RunPlan, nothing_applied
from edgewrap.outputs import Outputs
from edgewrap.plane import Context

if TYPE_CHECKING:
    from edgewrap.aws.plane import AwsPlan, AwsState

NO_WAIT_S = 0  # entry hosts have just been reached; one that does not answer now must not delay the others


def apply_aws(cluster: Cluster, plan: RunPlan, state: AwsState | None, aws: AwsPlan | None) -> Outputs:
    """Apply AWS's part of a run: `aws`, planned from `state`. Returns its outputs.

    The hosts are made ready before AWS changes anything. If instances are created or removed in the same run as groups
    move, the moves are a step of their own, and the hosts are changed right after it: the rest may take half an hour,
    or fail.
    """
    context = replace(plan.context, wait_s=NO_WAIT_S)
    if aws is not None and state is not None and aws.changes:
        _prepare_hosts(cluster, plan, replace(context, before=state.outputs))
    if aws is not None and state is not None and aws.moves_ahead:
        state = cluster.aws.move(state, aws)
        if plan.hosts is not None:
            cluster.hosts.apply(plan.hosts, replace(context, outputs=state.outputs))
        _prepare_hosts(cluster, plan, replace(context, before=state.outputs))
        aws = cluster.aws.replan_after_moves(state, aws)
    outputs = cluster.aws.apply(aws) if aws else state.outputs if state else None
    if outputs is None:
        raise nothing_applied(cluster)
    return outputs


def _prepare_hosts(cluster: Cluster, plan: RunPlan, context: Context) -> None:
    if plan.hosts is not None:
        # a host that fails here is reported when it is changed after AWS, which does this again; AWS does not wait
        cluster.hosts.prepare(plan.hosts, context)
