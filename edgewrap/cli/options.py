"""The options that many commands share, said once."""

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
        help="The spec.",
        default_factory=lambda: Path(STARTER),
        show_default=STARTER,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="JSON instead of text.")]
