"""A cluster's Terraform state as data, and that of a first run whose Terraform was killed before it had saved one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

from edgewrap.aws.elastic_ips import ElasticIp
from edgewrap.aws.inputs.lookups import InstanceNow
from edgewrap.aws.inputs.model import Inputs
from edgewrap.aws.outputs import host_name, read_outputs
from edgewrap.aws.state.store import StateStore
from edgewrap.aws.state.untracked import addresses_in, driver_ids_in, ids_in
from edgewrap.errors import StateError
from edgewrap.outputs import Outputs


@dataclass(frozen=True, slots=True)
class AwsState:
    """What the Terraform state says: the outputs, the inputs kept in it, the spec last applied completely (JSON text,
    empty if none was), and the addresses and ids of its resources. `tracked` are the allocation ids of the Elastic IPs
    that the IPAM driver requested, by key; `requested` are those that AWS has now, None if it was not asked;
    `failing` are the status checks that fail now, by instance id; `unassigned` are the private addresses of Elastic IPs
    that the interface of their group does not have now. `revision` names the state and counts its changes; every apply
    changes it."""

    outputs: Outputs
    inputs: Inputs
    applied: str
    addresses: frozenset[str] = frozenset()
    ids: frozenset[str] = frozenset()
    tracked: Mapping[str, str] = field(default_factory=dict)
    requested: tuple[ElasticIp, ...] | None = None
    revision: str = ""
    failing: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unassigned: frozenset[str] = frozenset()

    def with_instances(self, now: Mapping[str, InstanceNow]) -> AwsState:
        """The same with the hosts' instances as they are `now`, by their ids."""
        hosts = {}
        for key, host in self.outputs.hosts.items():
            found = now[host.instance_id]
            public = "" if self.inputs.host_address == "private" else found.public_address
            name = host_name(public, host.private_address, self.inputs)
            hosts[key] = replace(host, state=found.state, public_address=public, name=name)
        outputs = replace(self.outputs, hosts=hosts)
        return replace(self, outputs=outputs, unassigned=_unassigned(outputs, now))


def read_state(store: StateStore, name: str, *, locked: bool) -> AwsState | None:
    """The state of the cluster `name`; None if there is nothing in it. `locked`: this run holds the cluster's lock.

    Raises StateError if it is damaged, lost, or another cluster's.
    """
    document = store.read()
    if document is None or not document.resources:
        return _started_state(store, name, locked=locked)
    values = document.outputs
    inputs = _own_inputs(values.get("inputs") or document.inputs(), name, document.place)
    resources = document.resources
    outputs, addresses, ids = read_outputs(values, inputs), addresses_in(resources), ids_in(resources)
    return AwsState(
        outputs,
        inputs,
        _applied(values.get("applied")),
        addresses,
        ids,
        driver_ids_in(resources),
        revision=f"{document.lineage}/{document.serial}",
    )


def _unassigned(outputs: Outputs, now: Mapping[str, InstanceNow]) -> frozenset[str]:
    """The private addresses of Elastic IPs that the interface of their group does not have though it is attached."""
    assigned = {
        group.key: now[outputs.hosts[group.host].instance_id].private_addresses
        for group in outputs.groups.values()
        if group.host in outputs.hosts
    }
    attached = {key for key, addresses in assigned.items() if outputs.groups[key].primary_address in addresses}
    eips = (eip for eip in outputs.eips.values() if eip.group in attached)
    return frozenset(eip.private_address for eip in eips if eip.private_address not in assigned[eip.group])


def _applied(value: object) -> str:
    """The spec last applied, which is only compared with the spec: empty if the text is not JSON."""
    with suppress(ValueError, TypeError, RecursionError):
        json.loads(value)  # type: ignore[arg-type]
        return str(value)
    return ""


def _started_state(store: StateStore, name: str, *, locked: bool) -> AwsState | None:
    """What the first run decided; read only by a run that holds the lock, since otherwise that first run may still be
    running."""
    text = store.pending_inputs() if locked else None
    if text is None:
        return None
    inputs = _own_inputs(text, name, store.place)
    return AwsState(read_outputs({}, inputs), inputs, "")


def _own_inputs(text: object, name: str, place: str) -> Inputs:
    inputs = Inputs.from_text(text)
    found = inputs.foundation.name
    if found != name:
        raise StateError(
            f"the Terraform state {place} is that of the cluster {found}, not of {name}",
            cause="two specs keep their state in the same place, or the cluster's name was changed",
            advice=f"nothing was changed; keep the state of {name} elsewhere (terraform.backend, EDGEWRAP_DIR), or "
            f"write `name: {found}`",
        )
    return inputs
