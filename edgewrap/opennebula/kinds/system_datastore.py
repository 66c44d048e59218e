"""The system datastore: VMs' disks are on the hosts; one host keeps copies of the images for the others."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from edgewrap.change import Action
from edgewrap.errors import OpenNebulaError
from edgewrap.opennebula.kinds.base import MARK_ATTRIBUTE
from edgewrap.opennebula.kinds.datastore import Datastore
from edgewrap.opennebula.kinds.object_kind import Desired, DiffContext
from edgewrap.opennebula.kinds.operation import MERGE, Call, Operation, change
from edgewrap.opennebula.kinds.template import Template, text_of
from edgewrap.outputs import UNKNOWN, HostOutput

if TYPE_CHECKING:
    from edgewrap.opennebula.facts import OwnedObjects

REPLICA = "REPLICA_HOST"


class SystemDatastore(Datastore):
    """The system datastore."""

    key = "system-datastore"

    def desired_object(self, context: DiffContext) -> Desired:
        attributes: Template = {
            "TYPE": "SYSTEM_DS",
            "TM_MAD": "ssh",
            REPLICA: replica_host(context.spec.opennebula.replica, context.outputs.hosts),
            MARK_ATTRIBUTE: context.identity.mark(self.key).attributes(),
        }
        return Desired(self.key, f"{context.identity.cluster}-system", attributes)

    def move_replicas(
        self, ours: OwnedObjects, removed: Collection[str], replica: str, hosts: Mapping[str, HostOutput]
    ) -> list[Operation]:
        """Before the hosts `removed` (keys) are: if one of them keeps the replicas, a host that stays keeps them."""
        existing = ours.one(self)
        if existing is None or replica in removed:
            return []
        present = text_of(existing.template, REPLICA)
        wanted = replica_host(replica, {key: host for key, host in hosts.items() if key not in removed})
        if wanted == UNKNOWN or present not in {ours.hosts[key].name for key in removed}:
            return []
        before, after = {REPLICA: present}, {REPLICA: wanted}
        moved = change(existing.kind, existing.name, Action.UPDATE, before, after, "its host will be removed")
        return [Operation(self.key, moved, (Call("datastore.update", (existing.id, after, MERGE)),))]


SYSTEM_DATASTORE = SystemDatastore()


def replica_host(replica: str, hosts: Mapping[str, HostOutput]) -> str:
    """The name of the host that keeps the replicas: `auto` is the first host that is not dead, `none` is empty (no
    replica), else a host's key. Raises OpenNebulaError for anything else."""
    if replica == "none":
        return ""
    if replica == "auto":
        return next((host.name for host in sorted(hosts.values(), key=lambda host: host.is_dead)), "")
    if replica in hosts:
        return hosts[replica].name
    raise OpenNebulaError(
        f"opennebula.replica: this cluster has no host {replica}",
        cause=f"the hosts are {', '.join(hosts) or 'none'}",
        advice="set it to auto (the first host), to none, or to one of these hosts",
    )
