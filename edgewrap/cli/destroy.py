"""`edgewrap destroy`: remove the cluster, in reverse order."""

from __future__ import annotations

from typing import Annotated

import typer

from edgewrap.cli import options


def destroy(
    file: options.SpecFile,
    only: options.Only = [],  # noqa: B006 - typer's way of a repeatable option
    skip: options.Skip = [],  # noqa: B006
    auto_approve: options.AutoApprove = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be removed; remove nothing.")] = False,
    json: options.Json = False,
    lock_timeout: options.LockTimeout = 0,
    plugin_dir: options.PluginDir = None,
    insecure: options.Insecure = False,
) -> int:
    """Remove the cluster: OpenNebula first, then AWS. Refused while it has VMs or tenants' networks."""
    from edgewrap.cli.views import ShownPlan, choose_view, github
    from edgewrap.engine import destroy as engine
    from edgewrap.engine.cluster import Options, open_cluster

    planes = options.select(only, skip)
    if not dry_run:
        options.require_approval_possible("destroy", auto_approve=auto_approve, json=json)
    view = choose_view(json=json)
    with open_cluster(Options(file, "destroy", plugin_dir, lock_timeout, insecure), view.event) as cluster:
        with view:
            plan = engine.plan_destroy(cluster, planes)
            shown = ShownPlan(cluster.spec.name, planes, plan.changes)
            view.changes(shown)
            github.add_plan("destroy", shown)
        if dry_run:
            view.end("destroy", 0)
            return 0
        asked = bool(plan.changes) and not auto_approve
        if asked and not options.approved(f"Destroy {cluster.spec.name}?"):
            view.message("Nothing was changed.")
            return 1
        with view:
            engine.destroy(cluster, plan, look_again=asked)
            view.message(f"{cluster.spec.name} is destroyed." if plan.changes else "Nothing to do.")
            view.end("destroy", 0)
    return 0
