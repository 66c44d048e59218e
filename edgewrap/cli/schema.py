"""`edgewrap schema`: the contract as JSON Schema."""

from __future__ import annotations

from edgewrap.cli.views import print_json


def schema() -> int:
    """Print the JSON Schema of a spec, for editors."""
    from edgewrap.spec.contract import json_schema

    print_json(json_schema())
    return 0
