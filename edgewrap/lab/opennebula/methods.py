"""All methods of the front-end, and the changes of state over time."""

from __future__ import annotations

from edgewrap.lab.opennebula import (
    clusters,
    datastores,
    hosts,
    images,
    leases,
    lifecycle,
    machines,
    networks,
    secgroups,
    system,
    users,
    vntemplates,
)
from edgewrap.lab.opennebula.auth import login
from edgewrap.lab.opennebula.calls import Answer, BadCall, Calls
from edgewrap.lab.opennebula.execution import execute
from edgewrap.lab.opennebula.frontend import FrontEnd
from edgewrap.lab.opennebula.records import User

METHODS = Calls()
for _part in (
    clusters,
    datastores,
    hosts,
    images,
    leases,
    lifecycle,
    machines,
    networks,
    secgroups,
    system,
    users,
    vntemplates,
):
    METHODS.update(_part.calls)


def call(one: FrontEnd, method: str, params: tuple[object, ...]) -> Answer:
    """Answer one call; the first parameter is the session. Raises KeyError, BadCall or calls.Refusal."""
    found = METHODS[method]
    if not params:
        raise BadCall("Not enough parameters")
    session, *given = params
    if not isinstance(session, str):
        raise BadCall("Parameter that is supposed to be string is not")

    def work() -> Answer:
        user = login(one, session)
        advance(one)
        return found.answer(one, user, given)

    changed = given[0] if method.startswith("one.vn.") and method != "one.vn.info" and given else None
    return execute(one, work, changed if type(changed) is int else None)


def advance(one: FrontEnd) -> None:
    """Make the changes of state that have become due since the last call."""
    hosts.advance(one)
    images.advance(one)
    lifecycle.advance(one)
    networks.advance(one)


def bootstrap(one: FrontEnd, name: str, password: str) -> None:
    """Initialise a front-end in an empty store; set the first user's password in any case."""
    with one.store.transaction():
        fresh = one.store.get(User, 0) is None
        users.bootstrap(one, name, password)
        if fresh:
            clusters.bootstrap(one)
            datastores.bootstrap(one)
            secgroups.bootstrap(one)
