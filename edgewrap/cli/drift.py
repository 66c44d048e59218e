"""`edgewrap drift`: what has drifted from the spec last applied."""

from __future__ import annotations

import sys

from edgewrap.cli import options


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
    from edgewrap.cli.views.drift import print_drift
    from edgewrap.cli.views.lines import LinesView
    from edgewrap.engine.cluster import Options, open_cluster
    from edgewrap.engine.drift import read_drift

    planes = options.select(only, skip)
    options.require_one_format(json=json, markdown=markdown)
    view = LinesView(sys.stdout, sys.stderr)
    with open_cluster(Options(file, "drift", plugin_dir, lock_timeout, insecure), view.event) as cluster:
        report = read_drift(cluster, planes)
    print_drift(report, json=json, markdown=markdown)
    if report.unread:
        return 1
    return options.EXIT_CHANGES if report.items else 0
