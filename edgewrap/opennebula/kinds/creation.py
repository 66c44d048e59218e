"""The steps that kinds share when they create an object."""

from __future__ import annotations

from edgewrap.change import Action
from edgewrap.opennebula.kinds.base import Existing
from edgewrap.opennebula.kinds.identity import Identity
from edgewrap.opennebula.kinds.object_kind import Desired
from edgewrap.opennebula.kinds.operation import MERGE, Argument, Call, Operation, Ref, change, filled, shown
from edgewrap.opennebula.kinds.template import Template
from edgewrap.opennebula.kinds.update import LEAVE_GROUP


def creation(facts: type[Existing], wanted: Desired, identity: Identity, *arguments: Argument) -> Operation:
    """Creates an object with all of its attributes. `arguments` are those of the call, after the template."""
    allocation = Call(f"{facts.api}.allocate", (new_template(wanted), *arguments))
    created = change(facts.kind, wanted.label, Action.CREATE, after=shown(wanted.attributes))
    return Operation(wanted.key, created, (allocation, *given_to_owner(facts, wanted.key, identity)))


def new_template(wanted: Desired) -> Template:
    """What to write into a new object."""
    return {"NAME": wanted.name, **filled(wanted.attributes)}


def given_to_owner(facts: type[Existing], key: str, identity: Identity) -> tuple[Call, ...]:
    """Gives a new object to the owner of the cluster, if another user runs."""
    if identity.owner_uid == identity.user_uid:
        return ()
    return (Call(f"{facts.api}.chown", (Ref(key), identity.owner_uid, LEAVE_GROUP)),)


def marked_and_renamed(facts: type[Existing], wanted: Desired) -> tuple[Call, ...]:
    """Gives a new object with a temporary name its attributes, the mark among them, and only then its name."""
    made = Ref(wanted.key)
    return (
        Call(f"{facts.api}.update", (made, wanted.attributes, MERGE)),
        Call(f"{facts.api}.rename", (made, wanted.name)),
    )
