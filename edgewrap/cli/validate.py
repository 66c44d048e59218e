"""`edgewrap validate`: check a spec against its schema, without network access."""

from __future__ import annotations

from edgewrap.cli.options import Json, SpecFile


def validate(file: SpecFile, json: Json = False) -> int:
    """Check a spec, without network access. Every problem is shown with its line and column."""
    import os

    from edgewrap.cli.views import print_document, print_line, print_note
    from edgewrap.finding import Verdict
    from edgewrap.spec.findings import check_ssh_from
    from edgewrap.spec.load import load_spec

    spec = load_spec(file, os.environ)
    ssh = check_ssh_from(spec)
    warnings = (ssh,) if ssh.verdict is Verdict.WARNING else ()
    if json:
        from edgewrap.cli.documents.results import ValidSpec

        print_document(ValidSpec(1, str(file), True, (), warnings), indent=None)
    else:
        print_line(f"{file}: OK: {spec.summary}")
        for warning in warnings:
            print_note(f"{file}: warning: {warning}; {warning.advice}")
    return 0
