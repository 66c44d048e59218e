"""`edgewrap apply`: plan, ask, apply; or apply a saved plan."""

from __future__ import annotations

import os
import shlex
from collections.abc import Collection
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgewrap.change import PlaneName
from edgewrap.cli import options
from edgewrap.cli.plan import show_plan
from edgewrap.errors import EdgewrapError, PlanOutdatedError, UsageError
from edgewrap.paths import expanded

if TYPE_CHECKING:
    from edgewrap.cli.views import View
    from edgewrap.engine.apply import Waits
    from edgewrap.engine.cluster import Cluster, Options
    from edgewrap.engine.plan import RunPlan
    from edgewrap.engine.plan_file import SavedPlan


class OnStale(StrEnum):
    """What to do if a saved plan no longer fits."""

    FAIL = "fail"
    REPLAN = "replan"


def apply(
    file: options.SpecFile,
    plan: Annotated[
        Path | None,
        typer.Argument(metavar="[PLAN]", parser=expanded, help="A plan that `edgewrap plan --out` has saved."),
    ] = None,
    only: options.Only = [],  # noqa: B006 - typer's way of a repeatable option
    skip: options.Skip = [],  # noqa: B006
    auto_approve: options.AutoApprove = False,
    json: options.Json = False,
    details: options.Details = False,
    move_off: options.MoveOff = [],  # noqa: B006
    on_stale: Annotated[
        OnStale,
        typer.Option("--on-stale", help="If the saved plan no longer fits: fail, or plan again and ask."),
    ] = OnStale.FAIL,
    lock_timeout: options.LockTimeout = 0,
    plugin_dir: options.PluginDir = None,
    insecure: options.Insecure = False,
    host_timeout: options.HostTimeout = None,
    monitor_timeout: options.MonitorTimeout = options.MONITOR_TIMEOUT_S,
) -> int:
    """Make the cluster what the spec says, in all three planes. With PLAN, apply exactly that plan, without asking.

    Several clusters are planned first, and approved by one answer.
    """
    from edgewrap.engine.apply import Waits
    from edgewrap.engine.cluster import Options

    run = Options(file, "apply", plugin_dir, lock_timeout, insecure)
    waits = Waits(host_timeout, monitor_timeout)
    if plan is not None:
        if only or skip or move_off:
            raise UsageError(
                "--only, --skip and --move-off cannot be given with a saved plan",
                cause=f"{plan} says which planes it is about",
                advice="omit them, or make a plan with them",
            )
        return _apply_saved(run, plan, waits, on_stale, auto_approve=auto_approve, json=json)
    planes = options.select(only, skip)
    return plan_and_apply(run, planes, waits, auto_approve=auto_approve, json=json, details=details, move_off=move_off)


def _apply_saved(run: Options, path: Path, waits: Waits, on_stale: OnStale, *, auto_approve: bool, json: bool) -> int:
    """Apply a saved plan if it still fits; otherwise raise PlanOutdatedError, or plan and ask."""
    from edgewrap.cli.views import choose_view
    from edgewrap.engine.apply import require_possible
    from edgewrap.engine.cluster import open_cluster
    from edgewrap.engine.plan_file import plan_again, read_plan

    saved = read_plan(path)
    if run.spec_file == Path(options.STARTER) and not run.spec_file.exists():
        run = replace(run, spec_file=path, spec_text=saved.spec)
    if on_stale is OnStale.REPLAN:
        options.require_approval_possible(run.command, auto_approve=auto_approve, json=json)
    with choose_view(json=json) as view, open_cluster(run, view.event) as cluster:
        try:
            plan = plan_again(cluster, saved)
        except PlanOutdatedError as error:
            if on_stale is OnStale.FAIL:
                raise
            view.failure(error)
        else:
            show_plan(view, run.command, cluster.spec.name, saved.planes, plan)
            require_possible(cluster, plan)
            _execute(view, run.command, cluster, plan, waits, _resume_saved(run, saved, path, waits))
            return 0
    move_off = saved.move_off
    return plan_and_apply(run, saved.planes, waits, auto_approve=auto_approve, json=json, move_off=move_off)


def _resume_saved(run: Options, saved: SavedPlan, path: Path, waits: Waits) -> str:
    """The command line that resumes the apply of a saved plan, which no longer fits then: from the spec, if there is
    one."""
    if run.spec_text is None:
        return resume_command(run, saved.planes, waits, saved.move_off)
    return shlex.join(["edgewrap", "apply", "--on-stale", "replan", str(path)])


def plan_and_apply(
    run: Options,
    planes: tuple[PlaneName, ...],
    waits: Waits,
    *,
    auto_approve: bool,
    json: bool,
    details: bool = False,
    move_off: Collection[str] = (),
    replaced: Collection[str] = (),
) -> int:
    """What `apply` and `replace` share: plan, ask unless `auto_approve`, apply. Returns the exit code: 0 done, 1 if the
    user did not approve."""
    from edgewrap.cli.views import choose_view
    from edgewrap.engine.apply import require_possible
    from edgewrap.engine.cluster import open_cluster
    from edgewrap.engine.dead_hosts import HostRequests
    from edgewrap.engine.plan import make_plan

    options.require_approval_possible(run.command, auto_approve=auto_approve, json=json)
    view = choose_view(json=json, details=details)
    with open_cluster(run, view.event) as cluster:
        with view:
            plan = make_plan(cluster, planes, HostRequests(frozenset(move_off), frozenset(replaced)), to_apply=True)
            show_plan(view, run.command, cluster.spec.name, planes, plan)
            require_possible(cluster, plan)
        asked = bool(plan.changes) and not auto_approve
        if asked and not options.approved(_question(cluster.spec.name, plan.ended_first)):
            view.message("Nothing was changed.")
            return 1
        with view:
            resuming = resume_command(run, planes, waits, move_off)
            _execute(view, run.command, cluster, plan, waits, resuming, look_again=asked)
    return 0


def resume_command(run: Options, planes: Collection[PlaneName], waits: Waits, move_off: Collection[str]) -> str:
    """The command line that resumes a run which failed. After a `replace` that is `apply` too, which never replaces an
    instance again that is new by then."""
    from edgewrap.spec.operator_values import is_restricted

    words = ["edgewrap", "apply", "--file", str(run.spec_file)]
    words += [f"--only={plane}" for plane in planes if len(planes) < len(PlaneName)]
    words += [f"--move-off={key}" for key in sorted(move_off)]
    words += [] if waits.hosts_s is None else [f"--host-timeout={waits.hosts_s:g}"]
    words += ["--insecure"] if run.insecure else []
    words += ["--restricted"] if is_restricted(os.environ) else []
    return shlex.join(words)


def _execute(
    view: View, command: str, cluster: Cluster, plan: RunPlan, waits: Waits, resuming: str, *, look_again: bool = False
) -> None:
    """Apply, and show the end of the run; `resuming` is the command line for one that failed or was
    interrupted."""
    from edgewrap.cli.views import github
    from edgewrap.engine.apply import apply as apply_plan

    try:
        outputs = apply_plan(cluster, plan, waits, look_again=look_again)
    except (EdgewrapError, KeyboardInterrupt):
        view.remaining(resuming)
        raise
    if plan.changes:
        done = f"{cluster.spec.name} is what the spec says."
        view.message(done)
        github.add_markdown(done)
        view.result(cluster.spec.name, outputs)
    else:
        view.message("Nothing to do.")
    view.end(command, 0, outputs)


def _question(name: str, ended_first: Collection[str]) -> str:
    lost = f"The instance of {', '.join(ended_first)} ends before AWS has one in its place. " if ended_first else ""
    return f"{lost}Apply these changes to {name}?"
