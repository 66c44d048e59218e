"""What all kinds of objects share: look-up, names, info and pool, rename, update, chown and chmod."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from edgewrap.lab.opennebula import xml
from edgewrap.lab.opennebula.auth import may, require
from edgewrap.lab.opennebula.calls import Calls, Code, Refusal
from edgewrap.lab.opennebula.frontend import GROUPS, FrontEnd
from edgewrap.lab.opennebula.records import DEFAULT_CLUSTER, Cluster, Owned, Record, User
from edgewrap.lab.opennebula.template import Template, TemplateError

R = TypeVar("R", bound=Record)

MAX_NAME = 128
_REFUSED_IN_NAMES = frozenset("&|:\\\";/'#{}$<>")
_ALL, _MINE_AND_GROUPS, _MINE, _GROUPS = -2, -1, -3, -4


def _as_it_is(_one: FrontEnd, record: R) -> R:
    return record


@dataclass(frozen=True)
class Kind(Generic[R]):
    """The names of one kind of object, and how it is written.

    `method` is its part of the method names (`vn` in `one.vn.info`), `word` and `label` what error texts call it,
    `pool` the tag of its pool. `render` writes records, in full or as the pool has them. `reshape` puts a record right
    after its template was changed by `update`, and may refuse.
    """

    record: type[R]
    method: str
    word: str
    label: str
    pool: str
    render: Callable[[FrontEnd, Sequence[R], bool], list[str]]
    reshape: Callable[[FrontEnd, R], R] = _as_it_is

    def find(self, one: FrontEnd, number: int) -> R:
        """The object of that id. Raises Refusal."""
        record = one.store.get(self.record, number)
        if record is None:
            raise Refusal(Code.NO_EXISTS, f"Error getting {self.word} [{number}].", number)
        return record

    def owned(self, one: FrontEnd, user: User, number: int, right: str, *, even_locked: bool = False) -> R:
        """The object of that id, if the user has the right; a lock removes the right, unless
        `even_locked`. Raises Refusal."""
        record = self.find(one, number)
        require(user, right, self.label, record, even_locked=even_locked)
        return record

    def check_name(self, one: FrontEnd, name: str, uid: int | None = None) -> str:
        """The name, if it is valid. `uid`: names must be unique only among that user's objects."""
        check_name(name)
        other = self.named(one, name, uid)
        if other is not None:
            raise Refusal(Code.INTERNAL, f"NAME is already taken by {self.label} {other.id}.")
        return name

    def named(self, one: FrontEnd, name: str, uid: int | None = None) -> R | None:
        """The object of that name (of that owner)."""
        for record in one.store.all(self.record):
            if record.name == name and (uid is None or getattr(record, "uid", uid) == uid):
                return record
        return None


def check_name(name: str) -> None:
    """Refuse an invalid name."""
    if not name:
        raise Refusal(Code.INTERNAL, "Invalid NAME, it cannot be empty")
    if len(name.encode()) > MAX_NAME:
        raise Refusal(Code.INTERNAL, f"Invalid NAME, max length is {MAX_NAME} chars")
    for char in name:
        if char in _REFUSED_IN_NAMES:
            raise Refusal(Code.INTERNAL, f"Invalid NAME, char '{char}' is not allowed")


def existing_cluster(one: FrontEnd, number: int) -> int:
    """The id of an existing cluster; -1 means the default one. Raises Refusal."""
    if number == -1:
        return DEFAULT_CLUSTER
    if one.store.get(Cluster, number) is None:
        raise Refusal(Code.NO_EXISTS, f"Error getting cluster [{number}].", number)
    return number


def parse(text: str, prefix: str = "") -> Template:
    """The template that a caller sent. Raises Refusal."""
    try:
        return Template.parse(text)
    except TemplateError as error:
        raise Refusal(Code.INTERNAL, f"{prefix}{error}") from error


def owner_xml(one: FrontEnd, record: Owned) -> str:
    """ID, owner, group, name, and the lock if it is locked."""
    lock = record.lock
    locked = (
        f"<LOCK><LOCKED>{lock.level}</LOCKED><OWNER>{lock.owner}</OWNER><TIME>{lock.time}</TIME>"
        f"<REQ_ID>{lock.request}</REQ_ID></LOCK>"
        if lock is not None
        else ""
    )
    return (
        f"<ID>{record.id}</ID><UID>{record.uid}</UID><GID>{record.gid}</GID>"
        f"{xml.plain('UNAME', one.user_name(record.uid))}{xml.plain('GNAME', GROUPS.get(record.gid, ''))}"
        f"{xml.plain('NAME', record.name)}{locked}"
    )


def selected(records: Sequence[R], user: User, filter_flag: int, start: int, end: int) -> list[R]:
    """What a pool call shows: by owner, by what the user may use, by ids (or a page); the newest first."""
    shown = [record for record in records if may(user, "USE", record) and _of(record, user, filter_flag)]
    shown.reverse()
    if end < -1:  # a page: `start` is the offset, -end its length
        return shown[start : start - end]
    return [record for record in shown if record.id >= start and (end == -1 or record.id <= end)]


def _of(record: Record, user: User, filter_flag: int) -> bool:
    if filter_flag == _ALL or not isinstance(record, Owned):
        return True
    mine, group = record.uid == user.id, record.gid == user.gid
    if filter_flag == _MINE:
        return mine
    if filter_flag == _GROUPS:
        return group
    if filter_flag == _MINE_AND_GROUPS:
        return mine or group
    return record.uid == filter_flag


def common_calls(kind: Kind[R]) -> Calls:
    """`one.X.info`, `one.X.update` and `one.X.rename`; `one.X.chown` and `one.X.chmod` where X has an owner."""
    calls = Calls()
    prefix = f"one.{kind.method}"

    @calls.method(f"{prefix}.info")
    def info(one: FrontEnd, user: User, number: int) -> str:
        return kind.render(one, [kind.owned(one, user, number, "USE", even_locked=True)], True)[0]

    @calls.method(f"{prefix}.update")
    def update(one: FrontEnd, user: User, number: int, text: str, merge: int = 0) -> int:
        if merge not in (0, 1):
            raise Refusal(Code.API, "Wrong update type")
        record = kind.owned(one, user, number, "MANAGE")
        change = parse(text, "Cannot update template. ")
        template = record.template.merged(change) if merge else change
        one.store.put(kind.reshape(one, record.model_copy(update={"template": template})))
        return number

    @calls.method(f"{prefix}.rename")
    def rename(one: FrontEnd, user: User, number: int, name: str) -> int:
        record = kind.owned(one, user, number, "MANAGE")
        try:
            check_name(name)
        except Refusal as refusal:
            raise Refusal(Code.ACTION, f"{kind.word} cannot be renamed. {refusal.text}") from refusal
        other = kind.named(one, name, getattr(record, "uid", None))
        if other is not None and other.id != number:
            raise Refusal(
                Code.ACTION, f"{kind.word} cannot be renamed to {name} because it collides with {kind.word} {other.id}"
            )
        one.store.put(record.model_copy(update={"name": name}))
        return number

    if issubclass(kind.record, Owned):
        _ownership(kind, calls, prefix)
    return calls


def _ownership(kind: Kind[R], calls: Calls, prefix: str) -> None:
    @calls.method(f"{prefix}.chown")
    def chown(one: FrontEnd, user: User, number: int, uid: int, gid: int = -1) -> int:
        record = kind.owned(one, user, number, "ADMIN" if uid != -1 else "MANAGE")
        if uid != -1 and one.store.get(User, uid) is None:
            raise Refusal(Code.NO_EXISTS, f"Error getting user [{uid}].", uid)
        if gid not in (-1, *GROUPS):
            raise Refusal(Code.NO_EXISTS, f"Error getting group [{gid}].", gid)
        change = {key: value for key, value in (("uid", uid), ("gid", gid)) if value != -1}
        one.store.put(record.model_copy(update=change))
        return number

    @calls.method(f"{prefix}.chmod")
    def chmod(
        one: FrontEnd,
        user: User,
        number: int,
        owner_use: int,
        owner_manage: int,
        owner_admin: int,
        group_use: int,
        group_manage: int,
        group_admin: int,
        other_use: int,
        other_manage: int,
        other_admin: int,
    ) -> int:
        record = kind.owned(one, user, number, "MANAGE")
        of_owner_and_group = (owner_use, owner_manage, owner_admin, group_use, group_manage, group_admin)
        asked = (*of_owner_and_group, other_use, other_manage, other_admin)
        old = getattr(record, "permissions", "")
        bits = "".join(had if bit == -1 else str(int(bit != 0)) for had, bit in zip(old, asked, strict=True))
        one.store.put(record.model_copy(update={"permissions": bits}))
        return number


def pool_calls(kind: Kind[R], name: str, *, filtered: bool) -> Calls:
    """The pool's info call. `filtered`: it takes a filter flag and a range of ids."""
    calls = Calls()

    def written(one: FrontEnd, records: Sequence[R]) -> str:
        return f"<{kind.pool}>{''.join(kind.render(one, records, False))}</{kind.pool}>"

    if filtered:

        @calls.method(f"one.{name}.info")
        def some(one: FrontEnd, user: User, filter_flag: int, start: int, end: int) -> str:
            return written(one, selected(one.store.all(kind.record), user, filter_flag, start, end))
    else:

        @calls.method(f"one.{name}.info")
        def all_of_them(one: FrontEnd, user: User) -> str:
            return written(one, selected(one.store.all(kind.record), user, _ALL, -1, -1))

    return calls
