"""The graph as a Mermaid flowchart, for Markdown. Pure.

Names are of tenants: a label has only letters, digits and a few signs as they are, everything else as Mermaid's entity
codes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from edgewrap.cli.views.picture.cards import BROKEN, Card, GroupBox, cards, front_end
from edgewrap.engine.picture import EdgeKind, NodeKind, Picture

LONGEST = 80  # characters of a part of a label
MOST_IN_A_ROW = 4  # hosts
_HARMLESS = re.compile(r"[^\w ,.:()/-]", re.ASCII)
_LINK = re.compile(r"^ +\w+ [-<x]")  # numbered by Mermaid from 0
_STYLES = (
    f"classDef {BROKEN.lower()} fill:#ffebe9,stroke:#b3141d,stroke-width:3px,color:#5c0a10",
    "classDef group fill:#eef4ff,stroke:#57606a,color:#1b1f24",
)


def draw(picture: Picture) -> str:
    """The flowchart. With many hosts it grows downwards."""
    lines = [f"flowchart {'TB' if len(picture.of(NodeKind.HOST)) <= MOST_IN_A_ROW else 'LR'}", *_nodes(picture)]
    red = []
    for line, broken in _sessions(picture):
        if broken:
            red.append(str(sum(_LINK.search(one) is not None for one in lines)))
        lines.append(line)
    if red:
        lines.append(f"  linkStyle {','.join(red)} stroke:#b3141d,stroke-width:2px")
    return "\n".join((*lines, *(f"  {style}" for style in _STYLES)))


def _nodes(picture: Picture) -> Iterator[str]:
    hosts = _names(picture)
    front = front_end(picture)
    yield f"  front_end{_label([line.text for line in front], any(line.broken for line in front))}"
    for number, card in enumerate(cards(picture)):
        yield from _card(card, hosts[card.node.key] if card.node else "none", f"box{number}")
    for edge in picture.edges:
        if edge.kind is EdgeKind.MANAGES:
            yield f"  front_end --> {hosts[edge.target]}"


def _sessions(picture: Picture) -> Iterator[tuple[str, bool]]:
    hosts = _names(picture)
    for edge in picture.edges:
        if edge.kind is EdgeKind.SESSION:
            arrow = f'x-. "{BROKEN}: BGP {_text(edge.problem)}" .-x' if edge.problem else '<-- "BGP" -->'
            yield f"  {hosts[edge.source]} {arrow} {hosts[edge.target]}", bool(edge.problem)


def _names(picture: Picture) -> dict[str, str]:
    """What hosts are called in the flowchart, by their keys."""
    return {node.key: f"host{number}" for number, node in enumerate(picture.of(NodeKind.HOST))}


def _card(card: Card, name: str, box: str) -> Iterator[str]:
    facts = card.node.facts if card.node else ()
    yield f'  subgraph {box}["{_text(card.title)}"]'
    broken = any(line.broken for line in card.lines)
    yield f"    {name}{_label([card.title, *facts, *(line.text for line in card.lines)], broken)}"
    for number, group in enumerate(card.groups):
        yield f"    {name}group{number}{_group(group)}"
        yield f"    {name} --- {name}group{number}"
    yield "  end"


def _group(group: GroupBox) -> str:
    texts = [" ".join((group.node.name, *group.node.facts)), *(line.text for line in group.lines)]
    return _label(texts, any(line.broken for line in group.lines), "group")


def _label(texts: Sequence[str], broken: bool, style: str = "") -> str:
    name = BROKEN.lower() if broken else style
    return f'["{"<br/>".join(map(_text, texts))}"]{f":::{name}" if name else ""}'


def _text(text: str) -> str:
    short = text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
    return _HARMLESS.sub(lambda found: f"#{ord(found[0])};", short)
