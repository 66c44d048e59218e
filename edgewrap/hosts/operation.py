"""One operation: a difference between a host and what it should be, with what it takes to mend it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgewrap.change import Action, Change, PlaneName
from edgewrap.hosts.render.files import HostFile

AUTHORIZED_KEYS = "authorized keys"
BGP = "bgp"
UNDO = "undo"

_WHY = {
    Action.CREATE: "it is not there",
    Action.UPDATE: "it is not as wanted",
    Action.DELETE: "it is no longer wanted",
}


@dataclass(frozen=True, slots=True)
class Operation:
    """One change and its means. `write` and `delete` are for files; `remove` holds lines for `ip -batch`. What is to be
    added or mended in the network needs no means of its own: network.sh does it from its files."""

    change: Change
    write: HostFile | None = None
    delete: str = ""
    remove: tuple[str, ...] = ()


def host_change(
    host: str,
    kind: str,
    name: str,
    *,
    before: Mapping[str, str] | None = None,
    after: Mapping[str, str] | None = None,
    why: str = "",
) -> Change:
    """The change of one thing on the host; what is neither before nor after it, tells whether it is made, mended or
    removed."""
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
    """The attributes of `after` that `before` has otherwise, on both sides."""
    names = [name for name, value in after.items() if before.get(name) != value]
    return {name: before[name] for name in names if name in before}, {name: after[name] for name in names}


def yes_or_no(value: bool) -> str:
    """A truth as changes show it."""
    return "yes" if value else "no"
