"""Notices of a plan about how hosts are set up: they are not changes, but the user must know. Pure."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from edgewrap.aws.inputs.model import Inputs
from edgewrap.change import PlaneName
from edgewrap.events import Event, EventKind
from edgewrap.first_boot.files import NODE_PACKAGES, sets_itself_up
from edgewrap.spec.contract import contract
from edgewrap.spec.disks import datastore_kind
from edgewrap.spec.load import public_document
from edgewrap.spec.models import Spec
from edgewrap.spec.on_change import Effect

KEY = "hosts' set-up"
VERSION = ("opennebula", "version")
DATASTORES = ("hosts", "datastore_volume")


def setup_notices(
    spec: Spec,
    inputs: Inputs,
    previous: Inputs | None,
    applied: str,
    replaced: Collection[str] = (),
    public_key: str = "",
) -> Iterator[Event]:
    """A warning if new hosts get no user data or let in another key, and a line for each change that takes effect on
    new hosts only.

    `previous` are the inputs before this plan, `applied` is the spec last applied (JSON text, may be empty),
    `replaced` are the keys of hosts whose instance is replaced, and `public_key` is the text of `ssh.public_key`, empty
    if it cannot be read.
    """
    existing = [key for key in inputs.amis if previous is not None and key in previous.amis and key not in replaced]
    new = [key for key in inputs.amis if key not in existing]
    if new and not sets_itself_up(spec):
        text = (
            f"{', '.join(new)}: opennebula.oneadmin_public_key is null, so the image must have "
            f"{NODE_PACKAGES[spec.hosts.hypervisor]}, FRR, nftables and the front-end's key"
        )
        yield Event(EventKind.WARNING, PlaneName.AWS, KEY, text)
    if new and public_key and public_key.split()[:2] != inputs.public_key.split()[:2]:
        text = (
            f"{', '.join(new)}: AWS's key pair has the key of the first apply, and ssh.public_key is another one: "
            "edgewrap cannot log in to new hosts with it; name the first key there until they are set up"
        )
        yield Event(EventKind.WARNING, PlaneName.AWS, KEY, text)
    if not (existing and previous is not None and applied):
        return
    document, now = json.loads(applied), json.loads(public_document(spec))
    for path, field in contract().fields():
        if field.on_change is None or field.on_change.effect is not Effect.NEW_HOSTS:
            continue
        before, after = _at(document, path), _at(now, path)
        if before is None:  # an earlier edgewrap, which did not know the field, did what is its default now
            before = field.schema.get("default")
        if path == VERSION:  # the one decided: `auto` may be another
            before, after = previous.opennebula_version or None, inputs.opennebula_version or None
        if path == DATASTORES:  # a volume's own fields change in place
            before, after = datastore_kind(before), datastore_kind(after)
        if before != after:
            text = (
                f"{'.'.join(path)} {_shown(before)} -> {_shown(after)} takes effect on new hosts only; on "
                f"{', '.join(existing)}: {field.on_change.detail}, or retire it and add another"
            )
            yield Event(EventKind.INFO, PlaneName.AWS, KEY, text)


def _at(document: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = document
    for step in path:
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _shown(value: Any) -> str:
    """A value on a line; a public key by its type, the end of its text and its comment."""
    if value is None:
        return "none"
    kind, *rest = str(value).split(maxsplit=2)
    return " ".join([kind, f"…{rest[0][-8:]}", *rest[1:]]) if rest else kind
