"""Who is calling, and what they may do.

The group oneadmin may do everything. Other users use and manage objects by their permission bits, and create VMs,
images and security groups; they cannot see clusters and hosts.
"""

from __future__ import annotations

import hashlib
import hmac

from edgewrap.lab.opennebula.calls import Code, Refusal
from edgewrap.lab.opennebula.frontend import FrontEnd
from edgewrap.lab.opennebula.records import Owned, Record, User

_RIGHTS = {"USE": 0, "MANAGE": 1, "ADMIN": 2}
_FORBIDDEN_FROM = {"USE": 1, "MANAGE": 2, "ADMIN": 3}  # a lock of this level or a lower one forbids the right
_MAY_CREATE = frozenset({"VM", "IMAGE", "SECGROUP"})


def digest(password: str) -> str:
    """How a password is stored."""
    return hashlib.sha256(password.encode()).hexdigest()


def login(one: FrontEnd, session: str) -> User:
    """The user of a session `name:password`. Raises Refusal."""
    name, _, password = session.partition(":")
    for user in one.store.all(User):
        if user.name == name and hmac.compare_digest(user.password, digest(password)):
            return user
    raise Refusal(Code.AUTHENTICATION, "User couldn't be authenticated, aborting call.")


def may(user: User, right: str, record: Record) -> bool:
    """Whether the user has the right USE, MANAGE or ADMIN on the object."""
    if user.is_admin:
        return True
    if isinstance(record, User):
        return user.id == record.id and right != "ADMIN"
    if not isinstance(record, Owned):
        return False
    bit = _RIGHTS[right]
    of_owner = record.uid == user.id and record.permissions[bit] == "1"
    of_group = record.gid == user.gid and record.permissions[3 + bit] == "1"
    return of_owner or of_group or record.permissions[6 + bit] == "1"


def require(user: User, right: str, label: str, record: Record, *, even_locked: bool = False) -> None:
    """Refuse what the user may not do with the object. A lock (see `locks`) also applies to the group oneadmin."""
    lock = record.lock if isinstance(record, Owned) and not even_locked else None
    locked = lock is not None and lock.level <= _FORBIDDEN_FROM[right]
    if locked and user.is_admin:
        kind = label.replace(" ", "")
        raise Refusal(Code.AUTHORIZATION, f"User [{user.id}] : {kind} is locked. [{record.id}].")
    if locked or not may(user, right, record):
        raise _unauthorized(user, f"{right} {label} [{record.id}]")


def require_create(user: User, label: str) -> None:
    """Refuse to create an object of a kind that the user may not create."""
    if not user.is_admin and label not in _MAY_CREATE:
        raise _unauthorized(user, f"CREATE {label}")


def require_admin(user: User, what: str) -> None:
    """Refuse what is reserved to the group oneadmin."""
    if not user.is_admin:
        raise _unauthorized(user, what)


def _unauthorized(user: User, what: str) -> Refusal:
    return Refusal(Code.AUTHORIZATION, f"User [{user.id}] : Not authorized to perform {what}.")
