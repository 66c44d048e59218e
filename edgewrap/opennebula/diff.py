"""Compares spec, outputs and reports with the facts: every operation of the plane, and which must run in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgewrap.change import Change, changes_of
from edgewrap.opennebula.facts import OneFacts, identify
from edgewrap.opennebula.kinds import KINDS, ownership
from edgewrap.opennebula.kinds.base import Existing
from edgewrap.opennebula.kinds.cluster import CLUSTER
from edgewrap.opennebula.kinds.host import with_kept_names
from edgewrap.opennebula.kinds.object_kind import DiffContext, OwnedObjects
from edgewrap.opennebula.kinds.operation import Operation
from edgewrap.outputs import HostReport, Outputs
from edgewrap.spec.models import Spec


@dataclass(frozen=True, slots=True)
class OpenNebulaPlan:
    """What a run does on the front-end: shown, approved, and then executed. `ahead` is done before AWS removes or
    replaces anything, `operations` after it. `obstacles` are the reasons why `apply` refuses.
    `hosts_left` are the keys of hosts that are removed or replaced; `ranges_removed` says whether their network loses
    address ranges. `destroy`: the plan removes the whole cluster."""

    ahead: tuple[Operation, ...] = ()
    operations: tuple[Operation, ...] = ()
    obstacles: tuple[str, ...] = ()
    hosts_left: tuple[str, ...] = ()
    ranges_removed: bool = False
    destroy: bool = False

    @property
    def changes(self) -> tuple[Change, ...]:
        """All changes: those ahead of AWS first, then by kind."""
        return changes_of((*self.ahead, *self.operations))


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The operations to run. `cluster` first: the others need its id. Each of the `chains` runs in order, beside the
    others. `warnings` are for people, each with the name of its object. `changed` are the existing objects that a user
    can lock and that the operations change or delete."""

    ours: OwnedObjects
    cluster: tuple[Operation, ...]
    chains: tuple[tuple[Operation, ...], ...]
    warnings: tuple[tuple[str, str], ...]
    changed: tuple[Existing, ...]

    @property
    def operations(self) -> tuple[Operation, ...]:
        """All of them, in the order of their kinds."""
        return (*self.cluster, *(one for chain in self.chains for one in chain))


def reconcile(
    spec: Spec, facts: OneFacts, outputs: Outputs, reports: Mapping[str, HostReport], cluster_id: int | None = None
) -> Reconciliation:
    """The operations that make the front-end as it should be; pure. `cluster_id`: a cluster that was just created.

    Raises ForeignObjectError if an object that is not ours has a name that one of ours will get, InUseError if the
    hypervisor of a host with VMs would change, and OpenNebulaError if a datastore that the spec shares does not exist.
    """
    context = diff_context(spec, facts, outputs, reports, cluster_id)
    ours = context.ours
    desired = [(kind, kind.desired(context)) for kind in KINDS]
    for kind, wanted in desired:
        by_name: dict[str, list[Existing]] = {}
        for existing in facts.of(kind.facts):
            by_name.setdefault(existing.name, []).append(existing)
        for one in wanted:
            mine = ours.by_key.get(one.key)
            ownership.refuse_foreign(context.identity, one.name, mine, by_name.get(one.name, ()))
    for kind, wanted in desired:
        kind.check(context, wanted)
    operations = {kind: kind.diff(context, wanted) for kind, wanted in desired}
    cluster = tuple(operations.pop(CLUSTER))
    warnings = [(one.name, kind.warnings(context, one)) for kind, wanted in desired for one in wanted]
    return Reconciliation(
        ours,
        cluster,
        chains=tuple(tuple(chain) for kind, found in operations.items() for chain in kind.chains(found)),
        warnings=tuple((name, text) for name, texts in warnings for text in texts if text),
        changed=tuple(one for kind in KINDS if operations.get(kind) for one in ours.of(kind).values() if one.lockable),
    )


def diff_context(
    spec: Spec, facts: OneFacts, outputs: Outputs, reports: Mapping[str, HostReport], cluster_id: int | None = None
) -> DiffContext:
    """What every kind computes its diff from."""
    identity = identify(facts, spec.name, outputs.uuid)
    ours = ownership.ours(identity, facts.everything)
    cluster = ours.one(CLUSTER)
    outputs = with_kept_names(outputs, ours, spec.hosts.address)
    return DiffContext(spec, outputs, reports, facts, identity, ours, cluster.id if cluster else cluster_id)
