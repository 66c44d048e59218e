"""One operation: a difference between a host and what it should be, and what the script needs to apply it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgewrap.change import Action, Change, PlaneName
from edgewrap.hosts.render.files import HostFile

AUTHORIZED_KEYS = "authorized keys"
BGP = "bgp"
ROLLBACK = "rollback"

_WHY = {
    Action.CREATE: "missing on the host",
    Action.UPDATE: "differs from the spec",
    Action.DELETE: "no longer in the spec",
}


@dataclass(frozen=True, slots=True)
class Operation:
    """One change and the file to write, or the path of the file to delete, if it is about a file. The network needs
    nothing else: network.sh makes what its files name, and removes the rest."""

    change: Change
    write: HostFile | None = None
    delete: str = ""


def host_change(
    host: str,
    kind: str,
    name: str,
    *,
    before: Mapping[str, str] | None = None,
    after: Mapping[str, str] | None = None,
    why: str = "",
) -> Change:
    """The change of one thing on the host: a creation without `before`, a deletion without `after`, else an update."""
    action = Action.CREATE if before is None else Action.DELETE if after is None else Action.UPDATE
    return Change(
        plane=PlaneName.HOSTS,
        kind=kind,
        key=f"{host}/{kind}/{name}",
        action=action,
        before=before or {},
        after=after or {},
        why=why or _WHY[action],
    )


def differing(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """The attributes of `after` that differ in `before`, on both sides."""
    names = [name for name, value in after.items() if before.get(name) != value]
    return {name: before[name] for name in names if name in before}, {name: after[name] for name in names}


def yes_or_no(value: bool) -> str:
    """A boolean as changes show it."""
    return "yes" if value else "no"
