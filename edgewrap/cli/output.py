"""`edgewrap output`: the outputs of the AWS plane, for scripts."""

from __future__ import annotations

from dataclasses import asdict
from difflib import get_close_matches
from typing import Annotated

import typer

from edgewrap.cli import completion
from edgewrap.cli.options import Json, SpecFile
from edgewrap.cli.views import print_json, print_line
from edgewrap.errors import UsageError
from edgewrap.outputs import Outputs


def output(
    file: SpecFile,
    name: Annotated[
        str,
        typer.Argument(
            autocompletion=completion.outputs, help="One output, such as `eips` or `eips.eip-0.public_address`."
        ),
    ] = "",
    json: Json = False,
) -> int:
    """Print the outputs of the applied cluster, or one of them."""
    from edgewrap.engine.cluster import peek_cluster
    from edgewrap.engine.plan import applied_state
    from edgewrap.events import discard

    with peek_cluster(file, discard) as cluster:
        value = _read(applied_state(cluster).outputs, name)
    if isinstance(value, str) and not json:
        print_line(value)
    else:
        print_json(value)
    return 0


def _read(outputs: Outputs, name: str) -> object:
    """All outputs, or the one that the dotted `name` leads to, as JSON values.

    Raises UsageError if there is no such output.
    """
    value: object = asdict(outputs)
    for word in name.split(".") if name else ():
        known = list(value) if isinstance(value, dict) else []
        if not isinstance(value, dict) or word not in value:
            near = get_close_matches(word, known, n=1)
            raise UsageError(
                f"there is no output {name}",
                cause=f"{word} is none of {', '.join(known) or 'anything: that is a single value'}",
                advice=f"did you mean {near[0]}?" if near else "`edgewrap output` prints all of them",
            )
        value = value[word]
    return value
