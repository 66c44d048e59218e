"""Plan, ask, apply: what `apply` and `replace` share."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from edgewrap.change import PlaneName
from edgewrap.cli.options import approved, require_approval_possible

if TYPE_CHECKING:
    from edgewrap.engine.apply import Waits
    from edgewrap.engine.cluster import Options


def plan_and_apply(
    options: Options,
    planes: tuple[PlaneName, ...],
    waits: Waits,
    *,
    auto_approve: bool,
    json: bool,
    move_off: Collection[str] = (),
    replace: Collection[str] = (),
) -> int:
    """Plan, ask unless `auto_approve`, apply. Returns the exit code: 0 done, 1 if the user did not approve."""
    from edgewrap.cli.views import choose_view
    from edgewrap.engine import apply as engine
    from edgewrap.engine.cluster import open_cluster
    from edgewrap.engine.dead_hosts import HostRequests
    from edgewrap.engine.plan import make_plan
    from edgewrap.engine.preflight import raise_on_failure

    require_approval_possible(options.command, auto_approve=auto_approve, json=json)
    view = choose_view(json=json)
    with open_cluster(options, view.event) as cluster:
        with view:
            plan = make_plan(cluster, planes, HostRequests(frozenset(move_off), frozenset(replace)), to_apply=True)
            view.changes(plan.changes, planes)
            for failure in plan.failures:
                view.failure(failure)
            raise_on_failure(plan.findings)
        asked = bool(plan.changes) and not auto_approve
        if asked and not approved(f"Apply these changes to {cluster.spec.name}?"):
            view.message("Nothing was changed.")
            return 1
        with view:
            engine.apply(cluster, plan, waits, look_again=asked)
            view.message(f"{cluster.spec.name} is what the spec says." if plan.changes else "Nothing to do.")
    return 0
