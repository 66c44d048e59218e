"""Fields of the spec that all hosts must have alike: BGP and the VXLAN pass only between hosts with the same values."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from edgewrap.change import Action, Change, PlaneName
from edgewrap.finding import Finding, Verdict
from edgewrap.hosts.operation import first_of
from edgewrap.hosts.plan import HostsPlan
from edgewrap.hosts.render.files import FRR_CONF
from edgewrap.hosts.render.frr import PEERS
from edgewrap.outputs import UNKNOWN, Outputs
from edgewrap.spec.load import public_document
from edgewrap.spec.models import Spec

ASN, PASSWORD, VNI = "evpn.asn", "evpn.password", "public_network.vni"
FIELDS = (ASN, PASSWORD, VNI)
SHOWN = 5  # hosts
_BGP = "router bgp "
_PASSWORD = f"neighbor {PEERS} password"  # frr.conf's line


def shared_field_findings(spec: Spec, applied: str, plan: HostsPlan, outputs: Outputs) -> Iterator[Finding]:
    """A failure if the plan changes such a field while a host that stays could not be read: it would be cut off from
    the others. Hosts that are off do not count. `applied` is the spec last applied, as JSON text; empty if none is.

    It is compared with the spec, but the hosts may have other values than it says: older ones after a run that left
    them out or did not get to them, or with a new password in the same variable; newer ones after a run of this plane
    only. So a field that differs counts if a host that was read changes it, or none was read; and so does what all
    hosts that were read change. If only some of them do, the others, and maybe the one that was not read, have the new
    value already.
    """
    staying = {key: one for key, one in outputs.hosts.items() if one.instance_id != UNKNOWN and not one.is_dead}
    unread = [key for key in plan.facts.failures if key in staying]
    if not unread:
        return
    read = [plan.changes_of(key) for key, host in staying.items() if plan.knows(host)]
    secret = spec.evpn.password is not None
    in_spec = set(_differing(applied, public_document(spec)) if applied else ())
    if read:
        in_spec &= {field for changes in read for change in changes for field in _touched(change)}
    on_hosts = [{field for change in changes for field in _changed(change, secret=secret)} for changes in read]
    changed = in_spec | (set.intersection(*on_hosts) if on_hosts else set())
    if changed:
        hosts, index = first_of(unread, SHOWN), staying[unread[0]].index
        fields = ", ".join(field for field in FIELDS if field in changed)
        text = f"cannot change while {hosts} cannot be read: no packets pass between hosts with different values"
        advice = (
            f"make {hosts} answer over SSH and re-run, replace a host (`edgewrap replace {unread[0]}`), retire it "
            f"(`retired: [{index}]`), or keep the value until then"
        )
        yield Finding(PlaneName.HOSTS, fields, Verdict.FAILURE, text, advice)


def _touched(change: Change) -> Iterator[str]:
    """The fields that a change on a host may be about. Not on a host that has had no BGP yet: its frr.conf is the
    package's own."""
    if change.action is not Action.UPDATE:
        return
    if change.kind == "bridge" and "vxlan id" in change.after:
        yield VNI
    had_bgp = not _has(change.diff, f"+ {_BGP}") or _has(change.diff, f"- {_BGP}")
    if change.kind == "file" and change.key.endswith(f"/{FRR_CONF}") and "sha256" in change.after and had_bgp:
        yield from (ASN, PASSWORD)


def _changed(change: Change, *, secret: bool) -> Iterator[str]:
    """The fields that a change on a host is about, by its lines. Passwords are hidden: if no shown line of a file that
    has a `secret` differs, the password does."""
    before, after = ({line[2:] for line in change.diff if line.startswith(f"{sign} {_BGP}")} for sign in "-+")
    password = (secret and not change.diff) or _has(change.diff, *(f"{sign}  {_PASSWORD}" for sign in "+-"))
    differs = {ASN: bool(before - after), PASSWORD: password, VNI: True}
    return (field for field in _touched(change) if differs[field])


def _has(lines: Sequence[str], *beginnings: str) -> bool:
    return any(line.startswith(beginnings) for line in lines)


def _differing(applied: str, now: str) -> Iterable[str]:
    """The fields that differ between two specs, as JSON. One that an earlier edgewrap did not know does not."""
    before, after = json.loads(applied), json.loads(now)
    values = {field: (_at(before, field), _at(after, field)) for field in FIELDS}
    return [field for field, (old, new) in values.items() if old != new and old is not ...]


def _at(value: Any, field: str) -> Any:
    for key in field.split("."):
        value = value.get(key, ...) if isinstance(value, Mapping) else ...
    return value
