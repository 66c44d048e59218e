"""Who may do what with an object: its group, its mode, and its lock."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from edgewrap.errors import OpenNebulaError
from edgewrap.opennebula.kinds.values import integer, natural

if TYPE_CHECKING:
    from edgewrap.opennebula.api.client import FrontEnd
    from edgewrap.opennebula.kinds.base import Existing

_LEVELS = {1: "Use", 2: "Manage", 3: "Admin"}
_RIGHTS = (("U", 4), ("M", 2), ("A", 1))
_MANAGE_OR_ADMIN = 3


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock: its level (1 use, 2 manage, 3 admin), the id of the user who set it, and when, in Unix time."""

    level: int
    owner: int
    time: int


@dataclass(frozen=True, slots=True)
class Access:
    """The group's name, the mode as `chmod` writes it (`640`), and the lock; empty if the kind has none."""

    group: str = ""
    mode: str = ""
    lock: Lock | None = None


NO_ACCESS = Access()


def parse(element: Element) -> Access:
    """The part of an object's XML that says who may do what."""
    bits = element.find("PERMISSIONS")
    mode = "" if bits is None else "".join(_digit(bits, owner) for owner in ("OWNER", "GROUP", "OTHER"))
    return Access(element.findtext("GNAME") or "", mode, _lock(element))


def _digit(bits: Element, owner: str) -> str:
    return str(sum(value for letter, value in _RIGHTS if bits.findtext(f"{owner}_{letter}") == "1"))


def _lock(element: Element) -> Lock | None:
    if not element.findtext("LOCK/LOCKED"):
        return None
    return Lock(integer(element, "LOCK/LOCKED"), integer(element, "LOCK/OWNER", -1), natural(element, "LOCK/TIME", 0))


def locks(front_end: FrontEnd, objects: Iterable[Existing]) -> list[str]:
    """The locks on these objects, for people. Reads the names of the users who set them."""
    listed = []
    for existing in objects:
        lock = existing.access.lock
        if lock is not None:
            listed.append(
                f"the {existing} is locked (level {_LEVELS.get(lock.level, lock.level)}) by {_name(front_end, lock)} "
                f"since {datetime.fromtimestamp(lock.time, UTC):%Y-%m-%d %H:%M:%S} UTC "
                f"(`{existing.command} unlock {existing.id}`)"
            )
    return listed


def too_open(existing: Existing) -> str:
    """A warning if others than the owner may change or delete the object. edgewrap leaves to you who may use it."""
    access = existing.access
    if not access.mode:
        return ""
    _owner, group, other = (int(digit) for digit in access.mode)
    who = ["everybody"] if other & _MANAGE_OR_ADMIN else []
    if group & _MANAGE_OR_ADMIN and access.group != "oneadmin":
        who.insert(0, f"the group {access.group}")
    if not who:
        return ""
    safe = f"{access.mode[0]}{group & 4}{other & 4}"
    return (
        f"its mode is {access.mode}: {' and '.join(who)} may change or delete it; "
        f"`{existing.command} chmod {existing.id} {safe}` leaves them only the right to use it"
    )


def _name(front_end: FrontEnd, lock: Lock) -> str:
    try:
        name = front_end.read("user.info", lock.owner, root="USER").findtext("NAME") if lock.owner >= 0 else None
    except OpenNebulaError:
        name = None
    return name or f"the user with id {lock.owner}"
