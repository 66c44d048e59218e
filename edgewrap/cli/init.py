"""`edgewrap init`: a starter spec."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgewrap.cli.options import STARTER, Json
from edgewrap.cli.views import print_document, print_line
from edgewrap.errors import EdgewrapError
from edgewrap.paths import real_path

SCHEMA = "edgewrap.schema.json"


def init(
    path: Annotated[Path, typer.Argument(metavar="[PATH]", help="The file to write.")] = Path(STARTER),
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
    schema: Annotated[
        bool,
        typer.Option("--schema", help=f"Write {SCHEMA} beside it, and name that in the first line, for editors."),
    ] = False,
    json: Json = False,
) -> int:
    """Write a commented starter spec."""
    from edgewrap.cli.documents.results import StarterSpec

    text = (Path(__file__).parent.with_name("spec") / "starter.yaml").read_text(encoding="utf-8")
    beside = path.with_name(SCHEMA)
    try:
        if schema:
            text = f"# yaml-language-server: $schema={SCHEMA}\n{text}"
            if force or not path.exists():
                _replace(beside, _schema())
        if force:
            _replace(path, text)
        else:
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
    except FileExistsError:
        raise EdgewrapError(
            f"{path} already exists",
            cause="init overwrites a file only with --force",
            advice="give another path, or overwrite it with --force",
        ) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a valid file path"
        raise EdgewrapError(
            f"{path} cannot be written: {reason}",
            cause="the directory is missing, or you have no write permission there",
            advice="give a path in a directory that you can write to",
        ) from None
    if json:
        print_document(StarterSpec(1, str(path), str(beside) if schema else ""), indent=None)
    else:
        print_line(f"Wrote {path}. Set name and aws.region, then: edgewrap validate -f {path}")
    return 0


def _schema() -> str:
    import json

    from edgewrap.spec.contract import json_schema

    return json.dumps(json_schema(), indent=2) + "\n"


def _replace(path: Path, text: str) -> None:
    """Write a temporary file beside it first, so that a failure leaves the old file whole; a link stays a link."""
    target = real_path(path)
    beside = target.with_name(f".{target.name}.new")
    beside.write_text(text, encoding="utf-8")
    try:
        beside.replace(target)
    except OSError:
        beside.unlink()
        raise
