"""A cluster's graph as text, Mermaid or SVG.

cards.py            the graph as one card per host: what all three show, and what they leave out (pure)
text.py             a tree for terminals (pure)
mermaid.py          a flowchart for Markdown (pure)
svg.py              a drawing (pure)
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from edgewrap.safe_text import safe

if TYPE_CHECKING:
    from edgewrap.engine.picture import Picture


class Format(StrEnum):
    """The forms of a picture."""

    TEXT = "text"
    MERMAID = "mermaid"
    SVG = "svg"


def draw(picture: Picture, form: Format) -> str:
    """The picture as a text of this form, which ends with a line break."""
    from edgewrap.cli.views.picture import mermaid, svg, text

    picture = safe(picture)
    if form is Format.TEXT:
        return "".join(f"{line}\n" for line, _broken in text.lines(picture))
    return f"{svg.draw(picture) if form is Format.SVG else mermaid.draw(picture)}\n"


def print_picture(picture: Picture, form: Format) -> None:
    """Write to standard output; on a terminal, what is broken is red."""
    import typer
    from rich.console import Console
    from rich.text import Text

    from edgewrap.cli.views.picture import text

    if form is not Format.TEXT:
        typer.echo(draw(picture, form), nl=False)
        return
    console = Console(highlight=False, markup=False, emoji=False)
    for line, broken in text.lines(safe(picture)):
        console.print(Text(line, style="bold red" if broken else ""), soft_wrap=True)
