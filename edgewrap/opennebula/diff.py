"""Compares spec, outputs and reports with the facts: every operation of the plane, in the order in which they run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgewrap.opennebula.facts import OneFacts, OwnedObjects, identify, of_identity
from edgewrap.opennebula.kinds import KINDS
from edgewrap.opennebula.kinds.base import Existing
from edgewrap.opennebula.kinds.cluster import CLUSTER
from edgewrap.opennebula.kinds.identity import Identity
from edgewrap.opennebula.kinds.object_kind import DiffContext
from edgewrap.opennebula.kinds.operation import Operation
from edgewrap.opennebula.kinds.ownership import refuse_foreign
from edgewrap.outputs import HostReport, Outputs
from edgewrap.spec.models import Spec


@dataclass(frozen=True, slots=True)
class Notice:
    """A warning for people about one object; `subject` is its name."""

    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The operations to run. `cluster` first: the others need its id. `warnings` are for people. `changed` are the
    existing objects that a user can lock and that the operations change or delete."""

    identity: Identity
    ours: OwnedObjects
    cluster: tuple[Operation, ...]
    others: tuple[Operation, ...]
    warnings: tuple[Notice, ...]
    changed: tuple[Existing, ...]

    @property
    def operations(self) -> tuple[Operation, ...]:
        """All of them, in order."""
        return (*self.cluster, *self.others)


def reconcile(
    spec: Spec, facts: OneFacts, outputs: Outputs, reports: Mapping[str, HostReport], cluster_id: int | None = None
) -> Reconciliation:
    """The operations that make the front-end as it should be; pure. `cluster_id`: a cluster that was just created.

    Raises ForeignObjectError if an object that is not ours has a name that one of ours will get, InUseError if the
    hypervisor of a host with VMs would change, and OpenNebulaError if a datastore that the spec shares does not exist.
    """
    context = diff_context(spec, facts, outputs, reports, cluster_id)
    identity, ours = context.identity, context.ours
    desired = [(kind, kind.desired(context)) for kind in KINDS]
    for kind, wanted in desired:
        for one in wanted:
            refuse_foreign(identity, one.name, ours.by_key.get(one.key), facts.of(kind.facts))
    for kind, wanted in desired:
        kind.check(context, wanted)

    operations = {kind: kind.diff(context, wanted) for kind, wanted in desired}
    warnings = [
        Notice(one.name, text)
        for kind, wanted in desired
        for one in wanted
        for text in kind.warnings(context, one)
        if text
    ]
    return Reconciliation(
        identity,
        ours,
        cluster=tuple(operations[CLUSTER]),
        others=tuple(one for kind, found in operations.items() if kind is not CLUSTER for one in found),
        warnings=tuple(warnings),
        changed=tuple(one for kind in KINDS if operations[kind] for one in ours.of(kind).values() if one.lockable),
    )


def diff_context(
    spec: Spec, facts: OneFacts, outputs: Outputs, reports: Mapping[str, HostReport], cluster_id: int | None = None
) -> DiffContext:
    """What every kind computes its diff from."""
    identity = identify(facts, spec.name, outputs.uuid)
    ours = of_identity(facts, identity)
    if ours.cluster is not None:
        cluster_id = ours.cluster.id
    return DiffContext(spec, outputs, reports, facts, identity, ours, cluster_id)
