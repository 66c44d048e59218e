"""What a plan has to say of how hosts are set up, beside its changes. Pure."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from edgewrap.aws.inputs.model import Inputs
from edgewrap.change import PlaneName
from edgewrap.events import Event, EventKind
from edgewrap.first_boot.files import NODE_PACKAGES, sets_itself_up
from edgewrap.spec.models import Spec

KEY = "hosts' set-up"


def setup_notices(
    spec: Spec, inputs: Inputs, previous: Inputs | None, applied: str, replaced: Collection[str] = ()
) -> Iterator[Event]:
    """A warning where new hosts come that nobody sets up, and a line for each change that living hosts do not follow.

    `previous` are the inputs before this plan, `applied` is the spec last applied (JSON text, may be empty), and
    `replaced` are the keys of hosts whose instances are made anew.
    """
    living = [key for key in inputs.amis if previous is not None and key in previous.amis and key not in replaced]
    new = [key for key in inputs.amis if key not in living]
    if new and not sets_itself_up(spec):
        text = (
            f"{', '.join(new)}: opennebula.oneadmin_public_key is null, so the image must bring "
            f"{NODE_PACKAGES[spec.hosts.hypervisor]}, FRR, nftables and the front-end's key"
        )
        yield Event(EventKind.WARNING, PlaneName.AWS, KEY, text)
    if living and previous is not None and applied:
        for field, before, after, advice in _changed(spec, inputs, previous, json.loads(applied)):
            text = f"{field} {before} -> {after} takes effect on new hosts only; on {', '.join(living)}: {advice}"
            yield Event(EventKind.INFO, PlaneName.AWS, KEY, text)


def _changed(
    spec: Spec, inputs: Inputs, previous: Inputs, applied: Mapping[str, Any]
) -> Iterator[tuple[str, str, str, str]]:
    """Field, before, after, and what a host that runs already would take."""
    version = (previous.opennebula_version or "none", inputs.opennebula_version or "none")
    key = (_comment(applied["opennebula"]["oneadmin_public_key"]), _comment(spec.opennebula.oneadmin_public_key))
    hypervisor = (str(applied["hosts"]["hypervisor"]), spec.hosts.hypervisor)
    replaced = "or retire it and add another"
    if version[0] != version[1]:
        yield "opennebula.version", *version, f"upgrade its packages as OpenNebula's guide says, {replaced}"
    if applied["opennebula"]["oneadmin_public_key"] != spec.opennebula.oneadmin_public_key:
        yield "opennebula.oneadmin_public_key", *key, f"add the key to /var/lib/one/.ssh/authorized_keys, {replaced}"
    if hypervisor[0] != hypervisor[1]:
        yield "hosts.hypervisor", *hypervisor, f"install {NODE_PACKAGES[hypervisor[1]]}, {replaced}"


def _comment(key: str | None) -> str:
    """A public key as a person knows it: its type, the end of its text and its comment."""
    if key is None:
        return "none"
    kind, text, *comment = key.split(maxsplit=2)
    return " ".join([kind, f"…{text[-8:]}", *comment])
