"""One operation: a difference between a host and what it should be, and what the script needs to apply it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache

from edgewrap.change import Action, Change, PlaneName
from edgewrap.hosts.blocks import Block
from edgewrap.hosts.desired import DesiredHost
from edgewrap.hosts.render.files import HostFile

AUTHORIZED_KEYS = "authorized keys"
BGP = "bgp"
DISK = "disk"
ROLLBACK = "rollback"
LONG_LINE, LONGEST_LINE = 160, 1000  # characters; facts.sh cuts longer ones
CUT = "…"
LINES = ("lines", "rules", "configuration", "keys", "accept")

Attributes = Mapping[str, str] | None

_WHY = {
    Action.CREATE: "missing on the host",
    Action.UPDATE: "differs from the spec",
    Action.DELETE: "no longer in the spec",
}


@dataclass(frozen=True, slots=True)
class Operation:
    """One change and the file to write, the path of the file to delete, or the block to write, if it is about one. The
    network needs nothing else: network.sh makes what its files name, and removes the rest."""

    change: Change
    write: HostFile | None = None
    delete: str = ""
    block: Block | None = None


def operation(
    host: DesiredHost, kind: str, name: str, *, before: Attributes = None, after: Attributes = None, why: str = ""
) -> Operation:
    """An operation on a thing of the host: a creation without `before`, a deletion without `after`, else an update. An
    attribute of LINES has the lines that only its side has."""
    action = Action.CREATE if before is None else Action.DELETE if after is None else Action.UPDATE
    key, why = f"{host.key}/{kind}/{name}", why or _WHY[action]
    removed, added = ([line for name in LINES for line in _lines((side or {}).get(name))] for side in (before, after))
    diff = (*(f"- {line}" for line in removed), *(f"+ {line}" for line in added))
    return Operation(Change(PlaneName.HOSTS, kind, key, action, before or {}, after or {}, why, diff))


def compared(
    host: DesiredHost, kind: str, name: str, now: Attributes, wanted: Mapping[str, str]
) -> Iterator[Operation]:
    """The operation on one thing of the host that lacks attributes: a creation if it is missing (`now` is None)."""
    differing = [name for name, value in wanted.items() if now is None or now.get(name) != value]
    if differing:
        before, after = (
            None if side is None else {name: side[name] for name in differing if name in side} for side in (now, wanted)
        )
        yield operation(host, kind, name, before=before, after=after)


@lru_cache(maxsize=64)
def text_diff(before: str, after: str) -> tuple[str, ...]:
    """The lines that are removed and added, in order; empty if only line ends differ. Long lines, such as the elements
    of a set, are compared element by element, up to where facts.sh cuts them. A new version of edgewrap changes the
    same files in the same way on every host: that is computed once."""
    old, new = ([*_shown_lines(lines)] for lines in differing(before.splitlines(), after.splitlines()))
    blocks = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return tuple(
        line
        for word, start, end, new_start, new_end in blocks
        if word == "replace" or (word != "equal" and not old[end : end + 1] == new[new_end : new_end + 1] == [CUT])
        for line in (*(f"- {one}" for one in old[start:end]), *(f"+ {one}" for one in new[new_start:new_end]))
    )


def _shown_lines(lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        shown = line[:LONGEST_LINE].expandtabs(4)
        if len(line) >= LONGEST_LINE:  # the last element is not whole, and what follows is not known
            yield from (*shown.split(", ")[:-1], CUT)
        else:
            yield from shown.split(", ") if len(line) > LONG_LINE else [shown]


def differing(old: Sequence[str], new: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Both without the lines that are the same at the beginning and at the end."""
    shorter = min(len(old), len(new))
    start = next((number for number in range(shorter) if old[number] != new[number]), shorter)
    most = shorter - start
    end = next((number for number in range(most) if old[-1 - number] != new[-1 - number]), most)
    return old[start : len(old) - end], new[start : len(new) - end]


def _lines(text: str | None) -> list[str]:
    return text.split("\n") if text else []


def yes_or_no(value: bool) -> str:
    """A boolean as changes show it."""
    return "yes" if value else "no"


def first_of(things: Sequence[object], shown: int) -> str:
    """The things as text; of many, the first ones and how many more."""
    more = f" and {len(things) - shown} more" if len(things) > shown else ""
    return ", ".join(map(str, things[:shown])) + more
