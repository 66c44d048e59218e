"""`edgewrap graph`: the cluster as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgewrap.cli.options import Insecure, Json, SpecFile
from edgewrap.cli.views.picture import Format
from edgewrap.paths import expanded

SUFFIXES = {".svg": Format.SVG, ".mmd": Format.MERMAID, ".mermaid": Format.MERMAID}


def graph(
    file: SpecFile,
    form: Annotated[
        Format | None,
        typer.Option(
            "--format", help="The form of the picture.", show_default="by the name of the file (.svg, .mmd), else text"
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", parser=expanded, help="Write it to this file.")
    ] = None,
    json: Json = False,
    insecure: Insecure = False,
) -> int:
    """Draw the cluster as it is now: hosts, Elastic IPs, VMs, BGP sessions, and what is broken."""
    from edgewrap.atomic_files import write_atomically
    from edgewrap.cli.views import print_document, print_line, print_warning
    from edgewrap.cli.views.picture import draw, print_picture
    from edgewrap.engine.cluster import peek_cluster
    from edgewrap.engine.picture import picture_of
    from edgewrap.engine.status import read_status

    with peek_cluster(file, print_warning, insecure=insecure) as cluster:
        picture = picture_of(read_status(cluster))
    form = form or (SUFFIXES.get(output.suffix, Format.TEXT) if output else Format.TEXT)
    if json:
        print_document(picture)
    elif output:
        write_atomically(output, draw(picture, form))
        print_line(f"{picture.name}: the picture is in {output}")
    else:
        print_picture(picture, form)
    return 0
