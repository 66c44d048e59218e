"""`edgewrap validate`: check a spec against the contract, without network access."""

from __future__ import annotations

from edgewrap.cli.options import Json, SpecFile


def validate(file: SpecFile, json: Json = False) -> int:
    """Check a spec, without network access. Every problem is shown with its line and column."""
    import os

    from edgewrap.cli.views import print_document, print_line
    from edgewrap.spec.load import load_spec

    spec = load_spec(file, os.environ)
    if json:
        from edgewrap.cli.documents.results import ValidSpec

        print_document(ValidSpec(1, str(file), True, ()), indent=None)
    else:
        print_line(f"{file}: OK: {spec.summary}")
    return 0
