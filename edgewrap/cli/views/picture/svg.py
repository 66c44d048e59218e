"""The graph as an SVG: the front-end above, below it a card for each host, in as many columns as fit. Pure.

Each card is an image of its own within the picture, so that a wide letter never leaves it. Colours follow the reader's
scheme. What is broken is red, has a thick border, and says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from textwrap import wrap
from xml.etree.ElementTree import Element, SubElement, tostring

from edgewrap.cli.views.picture.cards import BROKEN, Card, GroupBox, Line, cards, front_end, summary
from edgewrap.engine.picture import Edge, EdgeKind, NodeKind, Picture

MOST, WIDE, NARROW = 4, 3, 1  # columns, in a file, and in a page on a screen or a phone
CARD, GAP, PAD = 340, 20, 12  # pixels
LINE = 18
LETTERS = 42  # of a line in a card
MOST_LINES = 3  # a longer text is cut; the whole is in the title of its line
LANE = 22  # between two sessions that are drawn
STYLE = """
.ew{--ink:#1b1f24;--dim:#57606a;--page:#ffffff;--card:#f6f8fa;--line:#8c959f;--bad:#b3141d;--bad-card:#fff1f0;--good:#116329}
@media(prefers-color-scheme:dark){.ew{--ink:#e6edf3;--dim:#9da7b3;--page:#0d1117;--card:#161b22;--line:#6e7681;--bad:#ff8f87;
--bad-card:#2d1214;--good:#56d364}}
.ew text{font:12px ui-monospace,Menlo,Consolas,"Liberation Mono",monospace;fill:var(--ink);white-space:pre}
.ew .page{fill:var(--page)}.ew .box{fill:var(--card);stroke:var(--line)}.ew .inner{fill:var(--page);stroke:var(--line)}
.ew text.head{font-weight:700;font-size:14px}.ew text.dim{fill:var(--dim)}.ew text.good{fill:var(--good)}
.ew text.bad{fill:var(--bad);font-weight:700}.ew .box.bad{fill:var(--bad-card);stroke:var(--bad);stroke-width:3}
.ew .inner.bad{stroke:var(--bad);stroke-width:2}.ew path{fill:none;stroke:var(--line);stroke-width:1.5}
.ew path.bad{stroke:var(--bad);stroke-width:2.5;stroke-dasharray:6 4}
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of text in a box: its class, and the whole text if it is cut."""

    text: str
    style: str = ""
    whole: str = ""


def draw(picture: Picture, *, columns: int = MOST, name: str = "ew") -> str:
    """The drawing, as a file or within a page. `name` begins the ids in it, which must be unique in a page."""
    columns = max(1, min(columns, len(picture.of(NodeKind.HOST)) or 1))
    width = columns * CARD + (columns - 1) * GAP + 2 * PAD
    root = Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "class": "ew", "role": "img"})
    root.set("aria-labelledby", f"{name}-title {name}-desc")
    SubElement(root, "title", {"id": f"{name}-title"}).text = f"Edge cluster {picture.name}"
    SubElement(root, "desc", {"id": f"{name}-desc"}).text = "; ".join(
        (picture.place, summary(picture), *picture.broken)
    )
    SubElement(root, "style").text = STYLE
    SubElement(root, "rect", {"class": "page", "width": "100%", "height": "100%"})
    below = _front_end(root, picture, width)
    drawn = cards(picture)
    in_one_row = len(drawn) <= columns
    sessions = [edge for edge in picture.edges if edge.kind is EdgeKind.SESSION] if in_one_row else []
    top = below + GAP + (LANE * len(sessions) + 10 if sessions else 0)
    for number in range(0, len(drawn), columns):
        row = drawn[number : number + columns]
        heights = [_card(root, card, PAD + column * (CARD + GAP), top) for column, card in enumerate(row)]
        if in_one_row:
            _connections(root, picture, row, sessions, below, top)
        top += max(heights) + GAP
    height = top - GAP + PAD
    root.set("viewBox", f"0 0 {width} {height}")
    root.set("width", str(width))
    root.set("height", str(height))
    return tostring(root, encoding="unicode")


def _front_end(root: Element, picture: Picture, width: int) -> int:
    """The cluster's name and its front-end; returns where they end."""
    letters = (width - 4 * PAD) * LETTERS // CARD
    head = [Row(picture.name, "head"), *(replace(row, style="dim") for row in _rows(Line(picture.place), letters))]
    for number, row in enumerate(head):
        _text(root, PAD, PAD + 14 + number * LINE, row)
    top = PAD + len(head) * LINE + 8
    rows = [row for line in front_end(picture) for row in _rows(line, letters)]
    height = len(rows) * LINE + PAD
    bad = any(row.style == "bad" for row in rows)
    _box(root, PAD, top, width - 2 * PAD, height, "box", bad)
    for number, row in enumerate(rows):
        _text(root, 2 * PAD, top + 18 + number * LINE, row)
    return top + height


def _card(root: Element, card: Card, left: int, top: int) -> int:
    """One host; returns the card's height."""
    inside = SubElement(root, "svg", {"x": str(left), "y": str(top), "width": str(CARD)})
    frame = _box(inside, 2, 2, CARD - 4, 0, "box", card.broken)
    _text(inside, PAD, 22, Row(card.title, "head"))
    if card.node or card.broken:
        works = Row("! degraded") if card.degraded else Row("✓ works", "good")
        _text(inside, CARD - PAD, 22, Row(f"✗ {BROKEN}", "bad") if card.broken else works, anchor="end")
    facts = card.node.facts if card.node else ()
    rows = [*(Row(fact, "dim") for fact in facts), *(row for line in card.lines for row in _rows(line, LETTERS))]
    for number, row in enumerate(rows):
        _text(inside, PAD, 42 + number * LINE, row)
    end = 42 + len(rows) * LINE - 6
    for group in card.groups:
        end = _group(inside, group, end)
    frame.set("height", str(end))
    inside.set("height", str(end + 4))
    return end + 4


def _group(card: Element, group: GroupBox, top: int) -> int:
    rows = [row for line in group.lines for row in _rows(line, LETTERS - 2)]
    height = (len(rows) + 1) * LINE + 8
    _box(card, PAD, top, CARD - 2 * PAD, height, "inner", any(line.broken for line in group.lines))
    _text(card, 2 * PAD, top + 17, Row("  ".join((group.node.name, *group.node.facts)), "dim"))
    for number, row in enumerate(rows, 1):
        _text(card, 2 * PAD, top + 17 + number * LINE, row)
    return top + height + 8


def _connections(
    root: Element, picture: Picture, row: Sequence[Card], sessions: Sequence[Edge], above: int, top: int
) -> None:
    """The front-end to its hosts, and the sessions between hosts, each in a lane of its own."""
    left = {card.node.key: PAD + column * (CARD + GAP) for column, card in enumerate(row) if card.node}
    for edge in picture.edges:
        if edge.kind is EdgeKind.MANAGES and edge.target in left:
            SubElement(root, "path", {"d": f"M{left[edge.target] + 30} {above}V{top + 2}"})
    ends = dict.fromkeys(left, 0)
    for lane, edge in enumerate(sessions):
        height = above + 16 + lane * LANE
        first, second = sorted(left[key] + _next(ends, key) for key in (edge.source, edge.target))
        style = {"class": "bad"} if edge.problem else {}
        SubElement(root, "path", {"d": f"M{first} {top + 2}V{height}H{second}V{top + 2}", **style})
        words = Row(f"✗ {BROKEN}: BGP {edge.problem}", "bad") if edge.problem else Row("BGP", "dim")
        _text(root, first + 6, height + 13, words)


def _next(ends: dict[str, int], key: str) -> int:
    """Where the next session of a host ends on its card."""
    ends[key] += 1
    return 60 + ends[key] * 50 % (CARD - 80)


def _rows(line: Line, letters: int) -> Iterator[Row]:
    """A line, broken into rows that fit."""
    style = "bad" if line.broken else ""
    parts = wrap(line.text, letters, subsequent_indent="  ", max_lines=MOST_LINES, placeholder="…") or [""]
    for part in parts:
        yield Row(part, style, line.text if parts[-1].endswith("…") else "")


def _box(parent: Element, left: int, top: int, width: int, height: int, style: str, bad: bool) -> Element:
    place = {"x": left, "y": top, "width": width, "height": height, "rx": 6}
    return SubElement(
        parent,
        "rect",
        {"class": f"{style} bad" if bad else style, **{key: str(value) for key, value in place.items()}},
    )


def _text(parent: Element, left: int, base: int, row: Row, *, anchor: str = "") -> None:
    text = SubElement(parent, "text", {"x": str(left), "y": str(base)})
    if row.style:
        text.set("class", row.style)
    if anchor:
        text.set("text-anchor", anchor)
    if row.whole:
        title = SubElement(text, "title")
        title.text, title.tail = row.whole, row.text
    else:
        text.text = row.text
