"""Destroy a cluster in reverse order: OpenNebula first, where VMs and tenants can stop it, then AWS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgewrap.change import Change, PlaneName
from edgewrap.engine.cluster import Cluster
from edgewrap.engine.parallel import side_by_side
from edgewrap.engine.plan import observe_opennebula
from edgewrap.engine.state_ownership import require_own_state
from edgewrap.errors import EdgewrapError, PartlyAppliedError, ProtectedError
from edgewrap.plane import Context

if TYPE_CHECKING:
    from edgewrap.aws.plane import AwsPlan
    from edgewrap.opennebula.plane import OpenNebulaPlan


@dataclass(frozen=True, slots=True)
class DestroyPlan:
    """What a destroy removes: the plans of its planes, None for a plane that it leaves out."""

    context: Context
    opennebula: OpenNebulaPlan | None
    aws: AwsPlan | None

    @property
    def changes(self) -> tuple[Change, ...]:
        """The changes of both planes, in the order in which they are made."""
        plans = (self.opennebula, self.aws)
        return tuple(change for plan in plans if plan is not None for change in plan.changes)


def plan_destroy(cluster: Cluster, planes: tuple[PlaneName, ...]) -> DestroyPlan:
    """Plan the removal of what exists; changes nothing.

    Raises ProtectedError if the spec says `protect: true`, InUseError if VMs, leases, images or foreign objects are in
    the cluster.
    """
    if cluster.spec.protect:
        raise ProtectedError(
            f"{cluster.spec.name} is protected",
            cause="the spec says `protect: true`",
            advice="to destroy the cluster, set `protect: false` in the spec",
        )
    with side_by_side(cluster) as pool:
        facts_read = pool.submit(observe_opennebula, cluster, frozenset(planes) - {PlaneName.HOSTS})
        # with AWS's answer: an Elastic IP of the IPAM driver may not be in the state yet
        state = cluster.aws.observe() if PlaneName.AWS in planes else cluster.aws.current()
        marked, _ = facts_read.result()
        require_own_state(cluster, state, marked, about_aws=PlaneName.AWS in planes, destroy=True)
        context = Context(outputs=state.outputs if state else None)
        about_aws = state is not None and PlaneName.AWS in planes
        planned = pool.submit(cluster.aws.destroy, state, context) if about_aws else None
        facts = marked if PlaneName.OPENNEBULA in planes else None
        opennebula = cluster.opennebula.destroy(facts, context) if facts is not None else None
        aws = planned.result() if planned else None
    return DestroyPlan(context, opennebula, aws)


def destroy(cluster: Cluster, plan: DestroyPlan, *, look_again: bool = False) -> None:
    """Remove what `plan` names. AWS is planned again first with `look_again`, as in an apply.

    Raises PlanOutdatedError if more would have to be removed, PartlyAppliedError if something was changed and not all
    of it succeeded.
    """
    aws = plan.aws
    if aws is not None and aws.pending and look_again:
        _, aws = cluster.aws.look_again(aws, plan.context)
    begun = False
    try:
        if plan.opennebula is not None:
            before = cluster.opennebula.writes
            try:
                cluster.opennebula.apply(plan.opennebula, plan.context)
            finally:
                begun = cluster.opennebula.writes > before  # if not, it was refused as a whole
        if aws is not None:
            begun = True
            cluster.aws.apply(aws)
    except EdgewrapError as error:
        if not begun:
            raise
        raise PartlyAppliedError.of("the cluster is only partly destroyed", "destroy", [error]) from error
