"""`edgewrap status`: the cluster now."""

from __future__ import annotations

from edgewrap.cli.options import Json, SpecFile


def status(file: SpecFile, json: Json = False) -> int:
    """Show the hosts and Elastic IPs as AWS, OpenNebula and the hosts themselves see them."""
    from edgewrap.cli.views.status import print_status
    from edgewrap.engine.cluster import peek_cluster
    from edgewrap.engine.status import read_status
    from edgewrap.events import discard

    return print_status(read_status(peek_cluster(file, discard)), json=json)
