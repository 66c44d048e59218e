"""`edgewrap schema`: the JSON Schema of a spec or of a result document."""

from __future__ import annotations

from typing import Annotated

import typer

from edgewrap.cli.views import print_json, print_line
from edgewrap.errors import UsageError

SPEC = "spec"


def schema(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="The schema's name; `--list` lists all.")] = SPEC,
    list_names: Annotated[bool, typer.Option("--list", help="List the schemas instead.")] = False,
) -> int:
    """Print the JSON Schema of a spec, for editors, or of what a command prints with `--json`."""
    if name == SPEC and not list_names:
        from edgewrap.spec.contract import json_schema

        print_json(json_schema())
        return 0
    from difflib import get_close_matches

    from edgewrap.cli.documents.json_schema import NAMES, schema_of
    from edgewrap.cli.documents.registry import DOCUMENTS

    if list_names:
        for one in NAMES:
            used = ", ".join(DOCUMENTS[one].commands) if one in DOCUMENTS else "a spec file"
            print_line(f"{one.ljust(max(map(len, NAMES)))}  {used}")
        return 0
    if name not in NAMES:
        near = get_close_matches(name, NAMES, n=1)
        raise UsageError(
            f"there is no schema {name}",
            cause=f"it is none of {', '.join(NAMES)}",
            advice=f"did you mean {near[0]}?" if near else "`edgewrap schema --list` lists them",
        )
    print_json(schema_of(name))
    return 0
