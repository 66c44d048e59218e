"""`edgewrap apply`: plan, ask, apply."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from edgewrap.change import PlaneName
from edgewrap.cli import options

if TYPE_CHECKING:
    from edgewrap.engine.apply import Waits
    from edgewrap.engine.cluster import Options


def apply(
    file: options.SpecFile,
    only: options.Only = [],  # noqa: B006 - typer's way of a repeatable option
    skip: options.Skip = [],  # noqa: B006
    auto_approve: options.AutoApprove = False,
    json: options.Json = False,
    move_off: options.MoveOff = [],  # noqa: B006
    lock_timeout: options.LockTimeout = 0,
    plugin_dir: options.PluginDir = None,
    insecure: options.Insecure = False,
    host_timeout: options.HostTimeout = None,
    monitor_timeout: options.MonitorTimeout = options.MONITOR_TIMEOUT_S,
) -> int:
    """Make the cluster what the spec says, in all three planes."""
    from edgewrap.engine.apply import Waits
    from edgewrap.engine.cluster import Options

    return plan_and_apply(
        Options(file, "apply", plugin_dir, lock_timeout, insecure),
        options.select(only, skip),
        Waits(host_timeout, monitor_timeout),
        auto_approve=auto_approve,
        json=json,
        move_off=move_off,
    )


def plan_and_apply(
    run: Options,
    planes: tuple[PlaneName, ...],
    waits: Waits,
    *,
    auto_approve: bool,
    json: bool,
    move_off: Collection[str] = (),
    replace: Collection[str] = (),
) -> int:
    """What `apply` and `replace` share: plan, ask unless `auto_approve`, apply. Returns the exit code: 0 done, 1 if the
    user did not approve."""
    from edgewrap.cli.views import choose_view
    from edgewrap.engine import apply as engine
    from edgewrap.engine.cluster import open_cluster
    from edgewrap.engine.dead_hosts import HostRequests
    from edgewrap.engine.plan import make_plan
    from edgewrap.engine.preflight import raise_on_failure

    options.require_approval_possible(run.command, auto_approve=auto_approve, json=json)
    view = choose_view(json=json)
    with open_cluster(run, view.event) as cluster:
        with view:
            plan = make_plan(cluster, planes, HostRequests(frozenset(move_off), frozenset(replace)), to_apply=True)
            view.changes(plan.changes, planes, plan.unread_hosts)
            for failure in plan.failures:
                view.failure(failure)
            raise_on_failure(plan.findings)
        asked = bool(plan.changes) and not auto_approve
        if asked and not options.approved(_question(cluster.spec.name, plan.ended_first)):
            view.message("Nothing was changed.")
            return 1
        with view:
            engine.apply(cluster, plan, waits, look_again=asked)
            view.message(f"{cluster.spec.name} is what the spec says." if plan.changes else "Nothing to do.")
    return 0


def _question(name: str, ended_first: Collection[str]) -> str:
    lost = f"The instance of {', '.join(ended_first)} ends before AWS has one in its place. " if ended_first else ""
    return f"{lost}Apply these changes to {name}?"
