"""`edgewrap output`: the outputs of the AWS plane, for scripts."""

from __future__ import annotations

from typing import Annotated

import typer

from edgewrap.cli.options import Json, SpecFile


def output(
    file: SpecFile,
    name: Annotated[str, typer.Argument(help="One output, such as `eips` or `eips.eip-0.public_address`.")] = "",
    json: Json = False,
) -> int:
    """Print the outputs of the applied cluster, or one of them."""
    import json as json_module

    from edgewrap.engine.cluster import peek_cluster
    from edgewrap.engine.output import read_output
    from edgewrap.events import discard

    with peek_cluster(file, discard) as cluster:
        value = read_output(cluster, name)
    if isinstance(value, str) and not json:
        typer.echo(value)
    else:
        typer.echo(json_module.dumps(value, indent=2, ensure_ascii=False))
    return 0
