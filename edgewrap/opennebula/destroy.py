"""Destroying the whole cluster, once nothing depends on it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from edgewrap.errors import OpenNebulaError
from edgewrap.events import Emit
from edgewrap.opennebula import facts, in_use, teardown
from edgewrap.opennebula.api.client import FrontEnd
from edgewrap.opennebula.diff import OpenNebulaPlan
from edgewrap.opennebula.executor import Executor, await_settled
from edgewrap.opennebula.facts import OneFacts
from edgewrap.opennebula.kinds import KINDS, access, ownership
from edgewrap.opennebula.kinds.host import HOSTS, HostFacts
from edgewrap.opennebula.kinds.object_kind import OwnedObjects
from edgewrap.opennebula.kinds.virtual_network import PENDING_STATES, PUBLIC_NETWORK
from edgewrap.plane import Context, report_skipped, require_planned
from edgewrap.spec.models import Spec


@dataclass(frozen=True, slots=True)
class Destroyer:
    """Removes the cluster of the spec. The arguments are those of the plane's methods."""

    spec: Spec
    front_end: FrontEnd
    emit: Emit

    def plan(self, observed: OneFacts, context: Context) -> OpenNebulaPlan:
        """The plan that removes the cluster."""
        ours = self._removable(observed, context)
        return teardown.destroy_plan(ours, self._shared(observed, ours))

    def apply(self, plan: OpenNebulaPlan, context: Context) -> None:
        """Remove it, unless something has come to depend on it since."""
        if not plan.changes:
            return
        observed = facts.observe(self.front_end)
        ours = self._removable(observed, context)
        network = ours.one(PUBLIC_NETWORK)
        if network is not None and network.state in PENDING_STATES:
            with suppress(OpenNebulaError):  # one that settles in ERROR is removed as well
                await_settled(self.front_end, ours)
            observed = facts.observe(self.front_end)
            ours = self._removable(observed, context)
        fresh = teardown.destroy_plan(ours, self._shared(observed, ours))
        require_planned(fresh.changes, plan.changes)
        report_skipped(plan.changes, fresh.changes, self.emit)
        executor = Executor(self.front_end, self.emit)
        executor.run(fresh.ahead)
        if ours.of(HOSTS):  # look again: a VM without a NIC has no lease that would stop the next removals
            hosts = HostFacts.read_pool(self.front_end)
            late = in_use.vms_in(ours, in_use.read_vms(self.front_end), hosts)
            in_use.refuse(self.spec.name, late and [*late, "the hosts are disabled now"], "cannot be destroyed")
        executor.run(fresh.operations)

    def _removable(self, observed: OneFacts, context: Context) -> OwnedObjects:
        """Our objects, if they may be removed. Raises InUseError with every reason why not."""
        name = self.spec.name
        uuid = (context.outputs.uuid if context.outputs else "") or teardown.uuid_of(observed, name)
        ours = ownership.ours(facts.identify(observed, name, uuid), observed.everything)
        if not ours.by_key:
            return ours
        network = ours.one(PUBLIC_NETWORK)
        reasons = [
            *in_use.vms_in(ours, in_use.read_vms(self.front_end), observed.hosts),
            *in_use.leases(self.front_end, network, network.ranges if network else (), observed.networks),
            *(text for kind in KINDS for text in kind.contents(ours)),
            *in_use.foreign_objects(observed, ours, self._shared(observed, ours)),
            *access.locks(self.front_end, (existing for existing in ours.by_key.values() if existing.lockable)),
        ]
        in_use.refuse(self.spec.name, reasons, "cannot be destroyed")
        return ours

    def _shared(self, observed: OneFacts, ours: OwnedObjects) -> tuple[int, ...]:
        return in_use.shared_datastores(observed, ours, self.spec.opennebula.shared_datastores)
