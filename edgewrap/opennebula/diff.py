"""Spec, outputs and reports against the facts: every operation of the plane, in the order in which they run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from edgewrap.opennebula.facts import OneFacts, OwnedObjects, identify, of_identity
from edgewrap.opennebula.hypervisor_change import refuse_change_under_vms
from edgewrap.opennebula.kinds import access, address_range, cluster, datastore, host, virtual_network, vn_template
from edgewrap.opennebula.kinds.base import Existing
from edgewrap.opennebula.kinds.host import DesiredHost
from edgewrap.opennebula.kinds.operation import Call, Operation
from edgewrap.opennebula.kinds.ownership import NETWORK_KEY, TEMPLATE_KEY, Identity, refuse_foreign, temporary_name
from edgewrap.outputs import UNKNOWN, HostReport, Outputs
from edgewrap.spec.models import Spec


@dataclass(frozen=True, slots=True)
class Notice:
    """A warning for people about one object; `subject` is its name."""

    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What is to be done. `cluster` comes first: the others need its id. `warnings` are for people."""

    identity: Identity
    ours: OwnedObjects
    cluster: tuple[Operation, ...]
    others: tuple[Operation, ...]
    warnings: tuple[Notice, ...]

    @property
    def operations(self) -> tuple[Operation, ...]:
        """All of them, in order."""
        return (*self.cluster, *self.others)

    @property
    def changed(self) -> tuple[Existing, ...]:
        """What is there, may be locked, and is changed or deleted: our network (its ranges are part of it), our
        template."""
        keys = {NETWORK_KEY if one.change.kind == address_range.KIND else one.key for one in self.others}
        found = ((NETWORK_KEY, self.ours.network), (TEMPLATE_KEY, self.ours.template))
        return tuple(existing for key, existing in found if existing is not None and key in keys)


def reconcile(
    spec: Spec, facts: OneFacts, outputs: Outputs, reports: Mapping[str, HostReport], cluster_id: int | None = None
) -> Reconciliation:
    """The operations that make the front-end as it should be; pure. `cluster_id`: a cluster that was just made.

    Raises ForeignObjectError where an object that is not ours has a name that one of ours is to get, InUseError if the
    hypervisor of a host with VMs would change, and OpenNebulaError where a datastore that the spec shares is not there.
    """
    identity = identify(facts, spec.name, outputs.uuid)
    ours = of_identity(facts, identity)
    if ours.cluster is not None:
        cluster_id = ours.cluster.id
    driver = spec.hosts.hypervisor
    shared = datastore.shared(spec.opennebula.shared_datastores, facts.datastores)
    wanted_cluster = cluster.desired(identity, shared)
    image = datastore.desired_image(identity)
    system = datastore.desired_system(identity, spec.opennebula.replica, outputs.hosts)
    hosts = [
        host.desired(identity, driver, output, reports.get(key), ours.hosts.get(key))
        for key, output in outputs.hosts.items()
    ]
    network = virtual_network.desired(identity, spec.public_network, outputs.eips, reports, ours.network)
    device = vn_template.phydev(spec.private_network.phydev, reports, ours.template)
    underlay = virtual_network.underlay_mtu(reports, ours.network)
    passes = vn_template.mtu(spec.private_network.mtu, underlay, ours.template)
    template = vn_template.desired(identity, spec.private_network, device.name, cluster_id, passes)

    refuse_foreign(identity, wanted_cluster.name, ours.cluster, facts.clusters)
    refuse_foreign(identity, image.name, ours.image, facts.datastores)
    refuse_foreign(identity, system.name, ours.system, facts.datastores)
    for wanted in hosts:
        refuse_foreign(identity, wanted.name, ours.hosts.get(wanted.key), facts.hosts)
    refuse_foreign(identity, network.name, ours.network, facts.networks)
    refuse_foreign(identity, template.name, ours.template, facts.templates)
    refuse_change_under_vms(ours, hosts)

    others = [
        *datastore.diff(ours.image, image, identity, cluster_id),
        *datastore.diff(ours.system, system, identity, cluster_id),
        *_host_operations(ours, hosts, identity, cluster_id),
        *virtual_network.diff(ours.network, network, identity, cluster_id),
    ]
    if device.name or ours.template is not None:
        others += vn_template.diff(ours.template, template, identity)
    told = [(template.name, device.warning)]
    if ours.network is not None:
        told += [(network.name, text) for text in virtual_network.warnings(ours.network, network, cluster_id)]
    told += [(one.name, access.too_open(one)) for one in (ours.network, ours.template) if one is not None]
    names = {one.id: one.name for one in facts.datastores}
    return Reconciliation(
        identity,
        ours,
        tuple(cluster.diff(ours.cluster, wanted_cluster, identity.uuid, names)),
        tuple(others),
        tuple(Notice(subject, text) for subject, text in told if text),
    )


def _host_operations(
    ours: OwnedObjects, wanted: list[DesiredHost], identity: Identity, cluster_id: int | None
) -> list[Operation]:
    """First the hosts whose instance is gone: their addresses may be others' by now."""
    keys = {one.key for one in wanted}
    removals = [host.removal(existing, key) for key, existing in ours.hosts.items() if key not in keys]
    operations = [
        operation for one in wanted for operation in host.diff(ours.hosts.get(one.key), one, identity, cluster_id)
    ]
    parked = _parked(ours, wanted, identity.uuid)
    if parked:
        operations[0] = replace(operations[0], steps=(*parked, *operations[0].steps))
    return [*removals, *operations]


def _parked(ours: OwnedObjects, wanted: list[DesiredHost], uuid: str) -> tuple[Call, ...]:
    """Renames hosts of ours out of the way whose name another of our hosts is to get: AWS gives addresses again."""
    names = {one.key: one.name for one in wanted}
    return tuple(
        Call("host.rename", (existing.id, temporary_name(uuid, key)))
        for key, existing in ours.hosts.items()
        if key in names
        and existing.name not in (names[key], UNKNOWN)
        and any(other != key and name == existing.name for other, name in names.items())
    )
