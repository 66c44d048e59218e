"""The options that many commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

STARTER = "edgewrap.yaml"

SpecFile = Annotated[
    Path,
    typer.Option(
        "--file",
        "-f",
        envvar="EDGEWRAP_SPEC",
        metavar="PATH",
        help="The spec file.",
        default_factory=lambda: Path(STARTER),
        show_default=STARTER,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
