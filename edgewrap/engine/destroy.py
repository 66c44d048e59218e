"""Taking a cluster away, in reverse: OpenNebula first, where VMs and tenants can say no, then AWS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgewrap.change import Change, PlaneName
from edgewrap.engine.cluster import Cluster
from edgewrap.engine.parallel import side_by_side
from edgewrap.engine.plan import observe_opennebula
from edgewrap.engine.state_ownership import require_own_state
from edgewrap.errors import EdgewrapError, PartlyAppliedError, ProtectedError

if TYPE_CHECKING:
    from edgewrap.aws.plan import AwsPlan
    from edgewrap.opennebula.plane import OneFacts


@dataclass(frozen=True, slots=True)
class DestroyPlan:
    """What a destroy would take away. A plane that the run is not about is None; `uuid` is the
    Terraform state's, empty without one."""

    planes: tuple[PlaneName, ...]
    facts: OneFacts | None
    aws: AwsPlan | None
    uuid: str
    changes: tuple[Change, ...]


def plan_destroy(cluster: Cluster, planes: tuple[PlaneName, ...]) -> DestroyPlan:
    """Look at what is there; nothing is changed.

    Raises ProtectedError where the spec says `protect: true`, InUseError where VMs, leases, images or foreign
    objects are in the cluster.
    """
    if cluster.spec.protect:
        raise ProtectedError(
            f"{cluster.spec.name} is protected",
            cause="the spec says `protect: true`",
            advice="set `protect: false` in the spec if the cluster is really to go",
        )
    with side_by_side(cluster, len(PlaneName)) as pool:
        facts_read = pool.submit(observe_opennebula, cluster, frozenset(planes) - {PlaneName.HOSTS})
        state = cluster.aws.current()
        marked, _ = facts_read.result()
        require_own_state(cluster, state, marked, about_aws=PlaneName.AWS in planes, destroy=True)
        destroyed = state is None or PlaneName.AWS not in planes
        planned = None if destroyed else pool.submit(cluster.aws.plan, state, destroy=True)
        facts = marked if PlaneName.OPENNEBULA in planes else None
        uuid = state.outputs.uuid if state is not None else ""
        changes = cluster.opennebula.destroy_changes(facts, uuid=uuid) if facts is not None else ()
        aws = planned.result() if planned else None
    return DestroyPlan(planes, facts, aws, uuid, (*changes, *(aws.changes if aws else ())))


def destroy(cluster: Cluster, plan: DestroyPlan) -> None:
    """Take away exactly what `plan` names.

    Raises PartlyAppliedError where something was begun and not all of it succeeded; a second run goes on.
    """
    if plan.facts is not None:
        before = cluster.opennebula.writes
        try:
            cluster.opennebula.destroy(plan.facts, uuid=plan.uuid)
        except EdgewrapError as error:
            if cluster.opennebula.writes == before:  # refused as a whole
                raise
            raise _partly(error) from error
    if plan.aws is None:
        return
    try:
        cluster.aws.apply(plan.aws)
    except EdgewrapError as error:
        raise _partly(error) from error


def _partly(error: EdgewrapError) -> PartlyAppliedError:
    return PartlyAppliedError(
        "the cluster is only partly destroyed",
        cause=error.what,
        advice="mend the cause named, then run `edgewrap destroy` again: it goes on from here",
        failures=[error],
    )
