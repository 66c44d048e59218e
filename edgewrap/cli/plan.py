"""`edgewrap plan`: what an apply would do, in all three planes."""

from __future__ import annotations

from edgewrap.cli import options

EXIT_CHANGES = 2


def plan(
    file: options.SpecFile,
    only: options.Only = [],  # noqa: B006 - typer's way of a repeatable option
    skip: options.Skip = [],  # noqa: B006
    json: options.Json = False,
    detailed_exitcode: options.DetailedExitcode = False,
    move_off: options.MoveOff = [],  # noqa: B006
    lock_timeout: options.LockTimeout = 0,
    plugin_dir: options.PluginDir = None,
    insecure: options.Insecure = False,
) -> int:
    """Show what an apply would do in all three planes; change nothing."""
    from edgewrap.cli.views import choose_view
    from edgewrap.engine.cluster import Options, open_cluster
    from edgewrap.engine.dead_hosts import HostRequests
    from edgewrap.engine.plan import make_plan
    from edgewrap.engine.preflight import raise_on_failure

    planes = options.select(only, skip)
    with (
        choose_view(json=json) as view,
        open_cluster(Options(file, "plan", plugin_dir, lock_timeout, insecure), view.event) as cluster,
    ):
        made = make_plan(cluster, planes, HostRequests(move_off=frozenset(move_off)))
        view.changes(made.changes, planes, made.unread_hosts)
        for failure in made.failures:
            view.failure(failure)
        raise_on_failure(made.findings)
        if made.failures:
            return 1
        return EXIT_CHANGES if detailed_exitcode and made.changes else 0
