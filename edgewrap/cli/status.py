"""`edgewrap status`: the current state of the cluster."""

from __future__ import annotations

from edgewrap.cli.options import Insecure, Json, SpecFile


def status(file: SpecFile, json: Json = False, insecure: Insecure = False) -> int:
    """Show the hosts and Elastic IPs as AWS, OpenNebula and the hosts themselves see them."""
    from edgewrap.cli.views import print_warning
    from edgewrap.cli.views.status import print_status
    from edgewrap.engine.cluster import peek_cluster
    from edgewrap.engine.status import read_status

    with peek_cluster(file, print_warning, insecure=insecure) as cluster:
        print_status(read_status(cluster), json=json)
    return 0
