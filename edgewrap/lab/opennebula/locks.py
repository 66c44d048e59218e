"""Locks: `one.X.lock`, `one.X.unlock` and the LOCK element.

No recording has a lock. This follows OpenNebula's sources, alike in 6.10, 7.0 and 7.4: PoolObjectSQL.cc (lock_db,
unlock_db, lock_db_to_xml; what can be locked), RequestManagerLock.cc (SharedAPI.cc in 7.4), AclManager.cc (a lock
forbids what needs a right of its level or above, to oneadmin too) and AuthManager.cc (the text of the refusal, which
`auth.require` gives).
"""

from __future__ import annotations

from typing import TypeVar

from edgewrap.lab.opennebula.calls import Calls, Code, Refusal
from edgewrap.lab.opennebula.common import Kind
from edgewrap.lab.opennebula.frontend import FrontEnd
from edgewrap.lab.opennebula.records import Lock, Owned, User

Lockable = TypeVar("Lockable", bound=Owned)

_LEVELS = {1: 1, 2: 2, 3: 3, 4: 1}  # use, manage, admin; 4 is "all", which is the same as use


def lock_calls(kind: Kind[Lockable]) -> Calls:
    """`one.X.lock` and `one.X.unlock`."""
    calls = Calls()

    @calls.method(f"one.{kind.method}.lock")
    def lock(one: FrontEnd, user: User, number: int, level: int, test: bool = False) -> int:
        record = kind.owned(one, user, number, "MANAGE", even_locked=True)
        if level not in _LEVELS:
            raise Refusal(Code.ACTION, "Wrong lock level specified")
        if record.lock is not None and test:
            raise Refusal(Code.ACTION, str(record.lock.time))
        if record.lock is not None and record.lock.owner != user.id and not user.is_admin:
            raise Refusal(Code.ACTION, "Error trying to lock the resource.")
        one.requests += 1
        made = Lock(level=_LEVELS[level], owner=user.id, time=one.now, request=one.requests)
        one.store.put(record.model_copy(update={"lock": made}))
        return number

    @calls.method(f"one.{kind.method}.unlock")
    def unlock(one: FrontEnd, user: User, number: int) -> int:
        record = kind.owned(one, user, number, "MANAGE", even_locked=True)
        owner = record.lock.owner if record.lock is not None else -1
        if owner != user.id and not user.is_admin:
            raise Refusal(Code.ACTION, "Cannot unlock: Lock is owned by another user")
        one.store.put(record.model_copy(update={"lock": None}))
        return number

    return calls
