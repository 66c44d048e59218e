"""`edgewrap status`: the current state of the cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgewrap.cli.options import Insecure, Json, SpecFile

INTERVAL_S = 5.0


def status(
    file: SpecFile,
    json: Json = False,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Show it again and again; Ctrl-C ends that, with exit code 0.")
    ] = False,
    interval: Annotated[
        float, typer.Option("--interval", metavar="SECONDS", min=1, help="With --watch: the time between two readings.")
    ] = INTERVAL_S,
    insecure: Insecure = False,
) -> int:
    """Show the hosts and Elastic IPs as AWS, OpenNebula and the hosts themselves see them."""
    from edgewrap.cli.views import print_warning
    from edgewrap.cli.views.status import print_status
    from edgewrap.engine.cluster import peek_cluster
    from edgewrap.engine.status import read_status

    if watch:
        return _watch(file, interval, json=json, insecure=insecure)
    with peek_cluster(file, print_warning, insecure=insecure) as cluster:
        print_status(read_status(cluster), json=json)
    return 0


def _watch(file: Path, interval_s: float, *, json: bool, insecure: bool) -> int:
    """Until the user ends it by Ctrl-C; any other signal interrupts it. The first reading must succeed; one that fails
    later is a warning."""
    import signal
    import time
    from dataclasses import replace
    from datetime import UTC, datetime

    from edgewrap.cli.views.watch import Reading, choose_watch
    from edgewrap.engine.cluster import peek_cluster
    from edgewrap.engine.status import read_status
    from edgewrap.errors import EdgewrapError
    from edgewrap.events import Event, EventKind

    events: list[Event] = []
    last: Reading | None = None
    try:  # around all: a signal may be received while a block ends, too
        with (
            peek_cluster(file, events.append, insecure=insecure) as cluster,
            choose_watch(interval_s, json=json) as view,
        ):
            while True:
                events.clear()
                try:
                    # only the first reading waits for BGP sessions to come up: the next ones show it
                    status = read_status(cluster) if last is None else read_status(cluster, settle_s=0)
                    warnings = (event for event in events if event.kind is EventKind.WARNING)
                    last = Reading(status, tuple(warnings))
                except EdgewrapError as error:
                    if last is None:
                        raise
                    failed = Event(EventKind.WARNING, None, cluster.spec.name, f"not read: {error.what}")
                    last = replace(last, warnings=(failed,))
                view.show(last, datetime.now(UTC))
                time.sleep(interval_s)
    except KeyboardInterrupt as ended:
        if last is None or ended.args != (signal.SIGINT,):
            raise
    return 0
