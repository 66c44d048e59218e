"""`edgewrap validate`: check a spec against the contract, without network access."""

from __future__ import annotations

from edgewrap.cli.options import Json, SpecFile

JSON_VERSION = 1


def validate(file: SpecFile, json: Json = False) -> int:
    """Check a spec, without network access. Every problem is shown with its line and column."""
    import os

    from edgewrap.cli.views import print_json, print_line
    from edgewrap.spec.load import load_spec

    spec = load_spec(file, os.environ)
    if json:
        print_json({"version": JSON_VERSION, "file": str(file), "valid": True, "problems": []}, indent=None)
    else:
        print_line(f"{file}: OK: {spec.summary}")
    return 0
