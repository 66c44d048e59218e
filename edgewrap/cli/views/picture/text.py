"""The graph as a tree for terminals. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edgewrap.cli.views.picture.cards import Card, Line, cards, front_end, summary
from edgewrap.engine.picture import Picture


def lines(picture: Picture) -> Iterator[tuple[str, bool]]:
    """Each line, and whether it is about something broken."""
    yield f"{picture.name}: {picture.place}", False
    yield summary(picture), bool(picture.broken)
    yield from ((f"  {line}", True) for line in picture.broken)
    yield from ((line.text, line.broken) for line in front_end(picture))
    for card in cards(picture):
        facts = card.node.facts if card.node else ()
        yield "  ".join((card.title, *facts)), bool(card.node and card.node.problems)
        yield from _tree(_branches(card))


def _branches(card: Card) -> list[tuple[Line, Sequence[Line]]]:
    below = ((Line(f"{box.node.name}  {' '.join(box.node.facts)}"), box.lines) for box in card.groups)
    return [*((line, ()) for line in card.lines), *below]


def _tree(branches: Sequence[tuple[Line, Sequence[Line]]], indent: str = "") -> Iterator[tuple[str, bool]]:
    for number, (line, below) in enumerate(branches, 1):
        last = number == len(branches)
        yield f"{indent}{'└─ ' if last else '├─ '}{line.text}", line.broken
        yield from _tree([(one, ()) for one in below], f"{indent}{'   ' if last else '│  '}")
