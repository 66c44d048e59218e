"""`edgewrap status`: the cluster now."""

from __future__ import annotations

import typer

from edgewrap.cli.options import Json, SpecFile


def status(file: SpecFile, json: Json = False) -> int:
    """Show the hosts and Elastic IPs as AWS, OpenNebula and the hosts themselves see them."""
    from edgewrap.cli.views.status import print_status
    from edgewrap.cli.views.text import event_line
    from edgewrap.engine.cluster import peek_cluster
    from edgewrap.engine.status import read_status
    from edgewrap.events import Event, EventKind

    def warn(event: Event) -> None:
        if event.kind is EventKind.WARNING:
            typer.echo(event_line(event), err=True)

    with peek_cluster(file, warn) as cluster:
        print_status(read_status(cluster), json=json)
    return 0
