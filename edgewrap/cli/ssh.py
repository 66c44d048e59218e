"""`edgewrap ssh HOST`: a shell, or one command, on a host of the cluster."""

from __future__ import annotations

from typing import Annotated

import typer

from edgewrap.cli.options import Insecure, SpecFile


def ssh(
    context: typer.Context,
    host: Annotated[str, typer.Argument(help="The host's key, such as `host-0`.")],
    file: SpecFile,
    insecure: Insecure = False,
) -> int:
    """Open a shell on a host, or run the command that follows `--`; the host's pinned key is checked."""
    from edgewrap.cli.views import print_warning
    from edgewrap.engine.cluster import peek_cluster
    from edgewrap.engine.ssh import run_ssh

    with peek_cluster(file, print_warning, insecure=insecure) as cluster:
        return run_ssh(cluster, host, context.args)
