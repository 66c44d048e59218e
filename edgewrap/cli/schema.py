"""`edgewrap schema`: the contract as JSON Schema."""

from __future__ import annotations

import typer


def schema() -> int:
    """Print the JSON Schema of a spec, for editors."""
    import json

    from edgewrap.spec.contract import json_schema

    typer.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))
    return 0
