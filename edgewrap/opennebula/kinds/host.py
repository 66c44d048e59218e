"""A host for each instance. It is configured while it is offline, and enabled when the hosts plane is done with it.

It is allocated without a monitoring driver: a front-end begins to monitor a host at `one.host.allocate`, by the name
that it has then, and OFFLINE does not cancel that attempt. Its failure would count for the host later, under its own
name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self
from xml.etree.ElementTree import Element

from edgewrap.change import Action
from edgewrap.errors import InUseError, OpenNebulaError
from edgewrap.opennebula.kinds.base import MARK_ATTRIBUTE, Existing, Identity, common
from edgewrap.opennebula.kinds.object_kind import Desired, DiffContext, ObjectKind, OwnedObjects
from edgewrap.opennebula.kinds.operation import Call, Operation, Ref, change, shown
from edgewrap.opennebula.kinds.template import Value, text_of, vector_of
from edgewrap.opennebula.kinds.update import ObjectUpdate, id_or_ref, marked_and_renamed
from edgewrap.opennebula.kinds.values import ids, natural
from edgewrap.outputs import UNKNOWN, HostOutput, HostPin, Outputs

ENABLE, DISABLE, OFFLINE = 0, 1, 2  # the numbers of one.host.status
STATES = (
    "init", "monitoring", "monitored", "error", "disabled", "error, monitored again", "init, monitored",
    "disabled, monitored", "offline",
)  # fmt: skip
INIT, MONITORED, ERROR, DISABLED = 0, 2, 3, 4
NO_DRIVER = "none"
DRIVER_ATTRIBUTES = ("IM_MAD", "VM_MAD")
SSH_ATTRIBUTE = "EDGEWRAP_SSH"
_HOST_KEY = re.compile(r"[a-z0-9@.-]{1,64} [A-Za-z0-9+/]+={0,3}")
MAINTENANCE_ATTRIBUTE = "EDGEWRAP_MAINTENANCE"
_KEY = re.compile(r"host-\d+")


@dataclass(frozen=True, slots=True)
class HostFacts(Existing):
    """A host; `vms` are the ids of the VMs on it."""

    kind = "host"
    api = "host"
    tag = "HOST"
    join = "cluster.addhost"

    state: int = 0
    vms: tuple[int, ...] = ()

    @classmethod
    def from_element(cls, element: Element) -> Self:
        return cls(*common(element), state=natural(element, "STATE", 0), vms=ids(element, "VMS"))

    @property
    def status(self) -> str:
        """What a person or edgewrap has set: `enabled`, `disabled` or `offline`."""
        word = self.state_word.partition(",")[0]
        return word if word in ("disabled", "offline") else "enabled"

    @property
    def state_word(self) -> str:
        """The state that the front-end's monitoring has found."""
        return STATES[self.state] if self.state < len(STATES) else str(self.state)

    @property
    def under_maintenance(self) -> bool:
        """An attribute of the host says so: edgewrap leaves its status alone then."""
        return text_of(self.template, MAINTENANCE_ATTRIBUTE).upper() == "YES"

    @property
    def pin(self) -> HostPin | None:
        """The SSH host key that was pinned for this host: type and key. Raises OpenNebulaError if it is damaged."""
        parts = vector_of(self.template, SSH_ATTRIBUTE)
        if SSH_ATTRIBUTE not in self.template:
            return None
        instance, key = parts.get("INSTANCE_ID", ""), " ".join(parts.get("HOST_KEY", "").split()[:2])
        if not instance or not _HOST_KEY.fullmatch(key):
            raise OpenNebulaError(
                f"the pinned host key of {self} is damaged: it needs INSTANCE_ID and HOST_KEY, a public key",
                cause=f"someone has edited its attribute {SSH_ATTRIBUTE}",
                advice=f"correct it (`onehost update {self.id}`), or replace the host; to trust the next key that the "
                f"host shows, delete {SSH_ATTRIBUTE}",
            )
        return HostPin(instance, key)

    def advice_if_in_the_way(self, cluster: str) -> str:
        return (
            f"its name is that of an instance of this cluster: if the host is out of date, `onehost delete {self.id}`"
        )


@dataclass(frozen=True, slots=True)
class DesiredHost(Desired):
    """A host as it should be. `ready`: it will be enabled; otherwise its status stays, and a new one is offline."""

    ready: bool

    @property
    def label(self) -> str:
        """A host's name can be unknown until AWS has started its instance."""
        return self.key


class Hosts(ObjectKind[HostFacts, DesiredHost]):
    """The hosts. Their key has the index of their instance."""

    facts = HostFacts

    def has_key(self, key: str) -> bool:
        return _KEY.fullmatch(key) is not None

    def desired(self, context: DiffContext) -> Sequence[DesiredHost]:
        return [_desired(context, host) for host in context.outputs.hosts.values()]

    def check(self, context: DiffContext, wanted: Sequence[DesiredHost]) -> None:
        """Raises InUseError with each host that would get other drivers while it has VMs: running VMs belong to the
        old ones."""
        ours = context.ours.of(self)
        changing = [one for one in wanted if one.key in ours and _drivers_differ(ours[one.key], one)]
        reasons = vms_on(ours, [one.key for one in changing])
        if not reasons:
            return
        driver = context.spec.hosts.hypervisor
        present = {text_of(ours[one.key].template, name) for one in changing for name in DRIVER_ATTRIBUTES}
        before = ", ".join(sorted(present - {driver}))
        raise InUseError(
            f"the hosts' drivers cannot change from {before} to {driver}: {'; '.join(reasons)}",
            cause=f"OpenNebula would manage the running VMs with the {driver} drivers, which did not start them",
            advice=(
                "move or terminate these VMs, then re-run; to keep the drivers, set hosts.hypervisor back, or restore "
                "IM_MAD and VM_MAD with `onehost update` if they were changed by hand"
            ),
        )

    def diff(self, context: DiffContext, wanted: Sequence[DesiredHost]) -> list[Operation]:
        """First the hosts whose instance is deleted: other hosts may have their addresses by now."""
        ours = context.ours.of(self)
        keys = {one.key for one in wanted}
        removals = [_removal(existing, key) for key, existing in ours.items() if key not in keys]
        operations = [operation for one in wanted for operation in _diff(context, ours.get(one.key), one)]
        renames = _freed_names(ours, wanted, context.identity)
        if renames:
            operations[0] = replace(operations[0], steps=(*renames, *operations[0].steps))
        return [*removals, *operations]

    def chains(self, operations: Sequence[Operation]) -> Sequence[Sequence[Operation]]:
        """Each host is one, unless a name becomes free: another host may get it."""
        frees_name = any("NAME" in operation.change.before for operation in operations)
        return [operations] if frees_name else [[operation] for operation in operations]

    def removals(self, ours: OwnedObjects, shared: Sequence[int]) -> Iterable[Operation]:
        return [_removal(existing, key) for key, existing in ours.of(self).items()]


HOSTS = Hosts()


def with_kept_names(outputs: Outputs, ours: OwnedObjects, address: str) -> Outputs:
    """The outputs, in which a dead host keeps its name, and so does one that runs without its public address: the next
    address is not known yet. `address` is the spec's `hosts.address`."""
    names = {key: existing.name for key, existing in ours.of(HOSTS).items()}
    hosts = {
        key: replace(host, name=names.get(key, host.name))
        if host.is_dead or (host.lost_address and address != "private")
        else host
        for key, host in outputs.hosts.items()
    }
    return replace(outputs, hosts=hosts)


def _desired(context: DiffContext, host: HostOutput) -> DesiredHost:
    """The host of one instance."""
    driver, report = context.spec.hosts.hypervisor, context.reports.get(host.key)
    attributes: dict[str, Value] = {
        "IM_MAD": driver,
        "VM_MAD": driver,
        "REPLICA_STORAGE_IP": host.private_address,
        MARK_ATTRIBUTE: context.identity.mark(host.key),
    }
    pin = report.pin if report else None
    if pin is not None and pin.instance_id == host.instance_id:
        attributes[SSH_ATTRIBUTE] = {"INSTANCE_ID": pin.instance_id, "HOST_KEY": pin.host_key}
    return DesiredHost(host.key, host.name, attributes, report is not None and report.ready)


def _removal(existing: HostFacts, key: str) -> Operation:
    deleted = change(HostFacts.kind, key, Action.DELETE, {"NAME": existing.name})
    return Operation(key, deleted, (Call("host.delete", (existing.id,)),))


def disabling(existing: HostFacts, key: str) -> Operation:
    """Disables a host that will be removed: it gets no new VM."""
    before, after = {"STATUS": existing.status}, {"STATUS": "disabled"}
    disabled = change(HostFacts.kind, key, Action.UPDATE, before, after, "it will be removed")
    return Operation(key, disabled, (Call("host.status", (existing.id, DISABLE)),))


def vms_on(hosts: Mapping[str, HostFacts], keys: Iterable[str]) -> list[str]:
    """The VMs on these hosts, for people."""
    return [
        f"{key} ({hosts[key].name}) has the VMs {', '.join(map(str, hosts[key].vms))}" for key in keys if hosts[key].vms
    ]


def _diff(context: DiffContext, existing: HostFacts | None, wanted: DesiredHost) -> list[Operation]:
    if existing is None:
        return [_creation(context, wanted)]
    update = ObjectUpdate(existing)
    status = existing.status
    incomplete = MARK_ATTRIBUTE not in existing.template  # a run ended right after it had allocated the host
    restarts = status != "offline" and not incomplete and _drivers_differ(existing, wanted)
    if status != "offline" and (incomplete or restarts):
        update.steps.append(Call("host.status", (existing.id, OFFLINE)))
    if incomplete:
        status = "offline"
    update.contents(wanted, context.identity)
    update.membership(context.cluster_id)
    if restarts:  # the old driver's agent stops at OFFLINE only
        update.steps.append(Call("host.status", (existing.id, ENABLE if status == "enabled" else DISABLE)))
    if wanted.ready and status != "enabled" and not existing.under_maintenance:
        update.differs("STATUS", status, "enabled")
        update.deferred_steps.append(Call("host.status", (existing.id, ENABLE)))
    return update.operation(wanted, "OFFLINE first, so that the new driver's agent starts" if restarts else "")


def _drivers_differ(existing: HostFacts, wanted: DesiredHost) -> bool:
    """Whether the host gets another monitoring or virtualization driver."""
    return any(text_of(existing.template, name) != wanted.attributes[name] for name in DRIVER_ATTRIBUTES)


def _freed_names(ours: Mapping[str, HostFacts], wanted: Sequence[DesiredHost], identity: Identity) -> tuple[Call, ...]:
    """Renames hosts of ours whose name another host of ours will get: AWS reuses addresses."""
    names = {one.key: one.name for one in wanted}
    taken = set(names.values())
    return tuple(
        Call("host.rename", (existing.id, identity.temporary_name(key)))
        for key, existing in ours.items()
        if key in names and existing.name not in (names[key], UNKNOWN) and existing.name in taken
    )


def _creation(context: DiffContext, wanted: DesiredHost) -> Operation:
    made, first_name = Ref(wanted.key), context.identity.temporary_name(wanted.key)
    after = {"NAME": wanted.name, **shown(wanted.attributes), "STATUS": "enabled" if wanted.ready else "offline"}
    steps = (
        Call("host.allocate", (first_name, NO_DRIVER, context.spec.hosts.hypervisor, id_or_ref(context.cluster_id))),
        Call("host.status", (made, OFFLINE)),
        *marked_and_renamed(HostFacts, wanted),
    )
    enabling = (Call("host.status", (made, ENABLE)),) if wanted.ready else ()
    return Operation(wanted.key, change(HostFacts.kind, wanted.label, Action.CREATE, after=after), steps, enabling)
