"""`edgewrap drift`: what has drifted from the spec last applied."""

from __future__ import annotations

from edgewrap.cli import options

EXIT_DRIFTED = 2


def drift(
    file: options.SpecFile,
    only: options.Only = [],  # noqa: B006 - typer's way of a repeatable option
    skip: options.Skip = [],  # noqa: B006
    json: options.Json = False,
    markdown: options.Markdown = False,
    lock_timeout: options.LockTimeout = 0,
    plugin_dir: options.PluginDir = None,
    insecure: options.Insecure = False,
) -> int:
    """Show what has drifted, in all three planes; change nothing. Exit 2 if anything has."""
    from edgewrap.cli.views import print_event
    from edgewrap.cli.views.drift import print_drift
    from edgewrap.engine.cluster import Options, open_cluster
    from edgewrap.engine.drift import read_drift
    from edgewrap.events import Event, EventKind

    def show(event: Event) -> None:
        if event.kind not in (EventKind.LOG, EventKind.STEP_STARTED):
            print_event(event)

    planes = options.select(only, skip)
    options.require_one_format(json=json, markdown=markdown)
    with open_cluster(Options(file, "drift", plugin_dir, lock_timeout, insecure), show) as cluster:
        report = read_drift(cluster, planes)
    print_drift(report, json=json, markdown=markdown)
    if report.unread:
        return 1
    return EXIT_DRIFTED if report.items else 0
