"""One operation: a difference between a host and what it should be, and what the script needs to apply it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from edgewrap.change import Action, Change, PlaneName
from edgewrap.hosts.blocks import Block
from edgewrap.hosts.desired import DesiredHost
from edgewrap.hosts.render.files import HostFile

AUTHORIZED_KEYS = "authorized keys"
BGP = "bgp"
DISK = "disk"
ROLLBACK = "rollback"

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
    """An operation on a thing of the host: a creation without `before`, a deletion without `after`, else an update."""
    action = Action.CREATE if before is None else Action.DELETE if after is None else Action.UPDATE
    key, why = f"{host.key}/{kind}/{name}", why or _WHY[action]
    return Operation(Change(PlaneName.HOSTS, kind, key, action, before or {}, after or {}, why))


def compared(
    host: DesiredHost, kind: str, name: str, now: Attributes, wanted: Mapping[str, str], *, file: HostFile | None = None
) -> Iterator[Operation]:
    """The operation on one thing of the host that lacks attributes: a creation if it is missing (`now` is None). It
    writes the `file`; with the checksum of a secret one a short password can be guessed."""
    differing = [name for name, value in wanted.items() if now is None or now.get(name) != value]
    if differing:
        hidden = {"sha256": "(hidden)"} if file is not None and file.secret else {}
        before, after = (
            None if side is None else {name: hidden.get(name, side[name]) for name in differing if name in side}
            for side in (now, wanted)
        )
        yield replace(operation(host, kind, name, before=before, after=after), write=file)


def yes_or_no(value: bool) -> str:
    """A boolean as changes show it."""
    return "yes" if value else "no"


def first_of(things: Sequence[object], shown: int) -> str:
    """The things as text; of many, the first ones and how many more."""
    more = f" and {len(things) - shown} more" if len(things) > shown else ""
    return ", ".join(map(str, things[:shown])) + more
