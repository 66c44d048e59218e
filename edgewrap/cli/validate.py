"""`edgewrap validate`: whether a spec follows the contract; no network."""

from __future__ import annotations

import typer

from edgewrap.cli.options import Json, SpecFile
from edgewrap.errors import SpecError

JSON_VERSION = 1


def validate(file: SpecFile, json: Json = False) -> int:
    """Check a spec; no network. Every problem is shown with its place."""
    import os

    from edgewrap.spec.load import load_spec

    try:
        spec = load_spec(file, os.environ)
    except SpecError as error:
        if not json:
            raise
        typer.echo(_as_json(str(file), error))
        return error.exit_code
    typer.echo(_as_json(str(file), None) if json else f"{file}: OK: {spec.summary}")
    return 0


def _as_json(file: str, error: SpecError | None) -> str:
    """The verdict as one line of JSON: the problems in the order of the file."""
    from dataclasses import asdict
    from json import dumps

    problems = [asdict(problem) | {"file": str(problem.file)} for problem in error.problems] if error else []
    return dumps({"version": JSON_VERSION, "file": file, "valid": error is None, "problems": problems})
