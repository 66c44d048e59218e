"""Users. There are the two groups of a fresh front-end: oneadmin (0) and users (1)."""

from __future__ import annotations

from collections.abc import Sequence

from edgewrap.lab.opennebula import xml
from edgewrap.lab.opennebula.auth import digest, require_admin
from edgewrap.lab.opennebula.calls import Calls, Code, Refusal
from edgewrap.lab.opennebula.common import Kind, common_calls, pool_calls
from edgewrap.lab.opennebula.frontend import GROUPS, FrontEnd
from edgewrap.lab.opennebula.records import ADMIN_GROUP, ONEADMIN, USERS_GROUP, User

_QUOTAS = (
    "<DATASTORE_QUOTA></DATASTORE_QUOTA><NETWORK_QUOTA></NETWORK_QUOTA><VM_QUOTA></VM_QUOTA><IMAGE_QUOTA></IMAGE_QUOTA>"
)
_DEFAULT_QUOTAS = f"<DEFAULT_USER_QUOTAS>{_QUOTAS}</DEFAULT_USER_QUOTAS>"
_MYSELF = -1


def render(_one: FrontEnd, users: Sequence[User], full: bool) -> list[str]:
    """Users as XML."""
    return [
        f"<USER><ID>{user.id}</ID><GID>{user.gid}</GID>{xml.ids('GROUPS', [user.gid])}"
        f"{xml.plain('GNAME', GROUPS[user.gid])}{xml.plain('NAME', user.name)}{xml.plain('PASSWORD', user.password)}"
        f"<AUTH_DRIVER>core</AUTH_DRIVER><ENABLED>1</ENABLED>{user.template.xml()}"
        f"{_QUOTAS + _DEFAULT_QUOTAS if full else ''}</USER>"
        for user in users
    ]


KIND = Kind(User, "user", "user", "USER", "USER_POOL", render)
calls = Calls(common_calls(KIND) | pool_calls(KIND, "userpool", filtered=False))


@calls.method("one.user.info")
def info(one: FrontEnd, user: User, number: int) -> str:
    """One user; -1 is the caller."""
    found = user if number == _MYSELF else KIND.owned(one, user, number, "USE")
    return render(one, [found], True)[0]


@calls.method("one.user.allocate")
def allocate(one: FrontEnd, user: User, name: str, password: str, driver: str = "core") -> int:
    """A new user, in the group users."""
    require_admin(user, "CREATE USER")
    if driver not in ("", "core"):
        raise Refusal(Code.INTERNAL, f"Authentication driver '{driver}' not available")
    KIND.check_name(one, name)
    return make(one, name, password, USERS_GROUP).id


@calls.method("one.user.delete")
def delete(one: FrontEnd, user: User, number: int) -> int:
    """Delete a user."""
    found = KIND.find(one, number)
    require_admin(user, f"MANAGE USER [{number}]")
    if number == ONEADMIN:
        raise Refusal(Code.ACTION, "Cannot delete user. oneadmin cannot be deleted.")
    one.store.drop(found)
    return number


@calls.method("one.user.passwd")
def passwd(one: FrontEnd, user: User, number: int, password: str) -> int:
    """Set a user's password; -1 is the caller."""
    found = user if number == _MYSELF else KIND.owned(one, user, number, "MANAGE")
    one.store.put(found.model_copy(update={"password": digest(password)}))
    return found.id


@calls.method("one.user.chgrp")
def chgrp(one: FrontEnd, user: User, number: int, gid: int) -> int:
    """Change a user's primary group."""
    found = KIND.find(one, number)
    require_admin(user, f"MANAGE USER [{number}]")
    if gid not in GROUPS:
        raise Refusal(Code.NO_EXISTS, f"Error getting group [{gid}].", gid)
    one.store.put(found.model_copy(update={"gid": gid}))
    return number


def make(one: FrontEnd, name: str, password: str, gid: int) -> User:
    """Store a new user."""
    number = one.store.next_id(User)
    return one.store.put(User(id=number, name=name, password=digest(password), gid=gid))


def bootstrap(one: FrontEnd, name: str, password: str) -> None:
    """Create the two users of a new front-end; later starts set the first one's password."""
    first = one.store.get(User, ONEADMIN)
    if first is None:
        make(one, name, password, ADMIN_GROUP)
        make(one, "serveradmin", password, ADMIN_GROUP)
    elif first.password != digest(password):
        one.store.put(first.model_copy(update={"password": digest(password)}))
