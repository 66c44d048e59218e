"""`edgewrap apply`: plan, ask, apply."""

from __future__ import annotations

from edgewrap.cli.approval import approved, require_approval_possible
from edgewrap.cli.options import Json, SpecFile
from edgewrap.cli.run_options import (
    AutoApprove,
    HostTimeout,
    LockTimeout,
    MonitorTimeout,
    Only,
    PluginDir,
    Skip,
)


def apply(
    file: SpecFile,
    only: Only = [],  # noqa: B006 - typer's way of a repeatable option
    skip: Skip = [],  # noqa: B006
    auto_approve: AutoApprove = False,
    json: Json = False,
    lock_timeout: LockTimeout = 0,
    plugin_dir: PluginDir = None,
    host_timeout: HostTimeout = None,
    monitor_timeout: MonitorTimeout = 120,
) -> int:
    """Make the cluster what the spec says, in all three planes."""
    from edgewrap.cli.views import choose_view
    from edgewrap.engine import apply as engine
    from edgewrap.engine.cluster import Options, open_cluster
    from edgewrap.engine.plan import make_plan
    from edgewrap.engine.selection import select

    planes = select(only, skip)
    require_approval_possible("apply", auto_approve=auto_approve, json=json)
    view = choose_view(json=json)
    with open_cluster(Options(file, "apply", plugin_dir, lock_timeout), view.event) as cluster:
        with view:
            plan = make_plan(cluster, planes)
            view.changes(plan.changes, planes)
            for failure in plan.failures:
                view.failure(failure)
        if plan.changes and not auto_approve and not approved(f"Apply these changes to {cluster.spec.name}?"):
            view.message("Nothing was changed.")
            return 1
        with view:
            engine.apply(cluster, plan, engine.Waits(host_timeout, monitor_timeout))
            view.message(f"{cluster.spec.name} is what the spec says." if plan.changes else "Nothing to do.")
    return 0
