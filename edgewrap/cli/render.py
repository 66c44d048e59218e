"""`edgewrap render`: the Terraform files of a spec; nothing is planned or changed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgewrap.cli.options import Json, SpecFile
from edgewrap.counted import counted
from edgewrap.paths import expanded, real_path


def render(
    file: SpecFile,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            help="The directory. Default: ./NAME-terraform.",
            show_default=False,
            parser=expanded,
        ),
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Do not call AWS: use placeholders for zone, images and interfaces.")
    ] = False,
    json: Json = False,
) -> int:
    """Write the Terraform files of a spec; nothing is planned or changed.

    Values that an earlier apply decided are read from the Terraform state; new ones are looked up in AWS.
    """
    from edgewrap.aws.export import export_terraform
    from edgewrap.cli.documents.results import RenderedFiles
    from edgewrap.cli.views import print_document, print_line
    from edgewrap.engine.cluster import peek_cluster
    from edgewrap.events import discard

    with peek_cluster(file, discard) as cluster:
        directory = real_path(output) if output else Path(f"{cluster.spec.name}-terraform")
        names = export_terraform(cluster.spec, cluster.aws.current(), directory, cluster.environ, offline=offline)
        name = cluster.spec.name
    if json:
        print_document(RenderedFiles(1, name, str(output or directory), names))
    else:
        print_line(f"{output or directory}: {counted(len(names), 'file')}")
    return 0
