"""`edgewrap plan`: what an apply would do, in all three planes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgewrap.change import PlaneName
from edgewrap.cli import options
from edgewrap.paths import expanded, is_directory

if TYPE_CHECKING:
    from edgewrap.cli.views import View
    from edgewrap.engine.plan import RunPlan


def plan(
    file: options.SpecFile,
    only: options.Only = [],  # noqa: B006 - typer's way of a repeatable option
    skip: options.Skip = [],  # noqa: B006
    json: options.Json = False,
    markdown: options.Markdown = False,
    details: options.Details = False,
    detailed_exitcode: options.DetailedExitcode = False,
    move_off: options.MoveOff = [],  # noqa: B006
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            parser=expanded,
            help="Save the plan, for `edgewrap apply FILE`; in a directory as NAME.plan.",
        ),
    ] = None,
    terraform_report: Annotated[
        Path | None,
        typer.Option(
            "--terraform-report",
            metavar="FILE",
            parser=expanded,
            help="Write the counts of changes as JSON, for GitLab's `artifacts:reports:terraform`.",
        ),
    ] = None,
    lock_timeout: options.LockTimeout = 0,
    plugin_dir: options.PluginDir = None,
    insecure: options.Insecure = False,
) -> int:
    """Show what an apply would do in all three planes; change nothing."""
    from edgewrap.atomic_files import write_atomically
    from edgewrap.cli.views import choose_view, reports
    from edgewrap.engine.cluster import Options, open_cluster
    from edgewrap.engine.dead_hosts import HostRequests
    from edgewrap.engine.plan import make_plan
    from edgewrap.engine.plan_file import write_plan
    from edgewrap.engine.preflight import raise_on_failure

    planes = options.select(only, skip)
    options.require_one_format(json=json, markdown=markdown)
    with (
        choose_view(json=json, markdown=markdown, details=details) as view,
        open_cluster(Options(file, "plan", plugin_dir, lock_timeout, insecure), view.event) as cluster,
    ):
        requests = HostRequests(move_off=frozenset(move_off))
        made = make_plan(cluster, planes, requests, to_apply=out is not None)
        show_plan(view, "plan", cluster.spec.name, planes, made)
        if terraform_report is not None:
            write_atomically(terraform_report, reports.terraform_report(made.changes))
        raise_on_failure(made.findings)
        if made.failures:
            view.end("plan", 1)
            return 1
        if out is not None:
            out = out / f"{cluster.spec.name}.plan" if is_directory(out) else out
            write_plan(out, cluster, made, planes, requests)
            view.message(f"The plan is saved: `edgewrap apply {out}` applies it.")
        code = options.EXIT_CHANGES if detailed_exitcode and made.changes else 0
        view.end("plan", code)
        return code


def show_plan(view: View, command: str, name: str, planes: tuple[PlaneName, ...], plan: RunPlan) -> None:
    """Show the plan of `command` for the cluster `name`: its changes, and the hosts that could not be read or
    replaced."""
    from edgewrap.cli.views import ShownPlan, github

    shown = ShownPlan(name, planes, plan.changes, plan.unread_hosts)
    view.changes(shown)
    github.add_plan(command, shown)
    for failure in plan.failures:
        view.failure(failure)
        github.add_error(command, failure)
