"""A host for every instance. It is set up while it is offline, and enabled when the hosts plane is done with it.

It is allocated without a monitoring driver: a front-end begins to monitor a host at `one.host.allocate`, by the name
that it has then, and OFFLINE does not cancel that attempt. Its failure would count for the host later, under its own
name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgewrap.change import Action
from edgewrap.opennebula.kinds.base import MARK_ATTRIBUTE, Existing, Kind, common, ids, number
from edgewrap.opennebula.kinds.operation import MERGE, Call, Operation, Ref, change, shown
from edgewrap.opennebula.kinds.ownership import Identity, temporary_name
from edgewrap.opennebula.kinds.template import Template, Value, text_of, vector_of
from edgewrap.opennebula.kinds.update import ObjectUpdate, id_or_ref
from edgewrap.outputs import HostOutput, HostPin, HostReport

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

ENABLE, DISABLE, OFFLINE = 0, 1, 2  # the numbers of one.host.status
MONITORED, ERROR = 2, 3
STATES = (
    "init",
    "monitoring",
    "monitored",
    "error",
    "disabled",
    "error, monitored again",
    "init, monitored",
    "disabled, monitored",
    "offline",
)
DISABLED = 4
DISABLED_STATES = (DISABLED, 7)
OFFLINE_STATE = 8
AGENT_RESTART = "OFFLINE first, so that the new driver's agent starts"
NO_DRIVER = "none"
DRIVER_ATTRIBUTES = ("IM_MAD", "VM_MAD")
SSH_ATTRIBUTE = "EDGEWRAP_SSH"
MAINTENANCE_ATTRIBUTE = "EDGEWRAP_MAINTENANCE"


@dataclass(frozen=True, slots=True)
class HostFacts(Existing):
    """A host; `vms` are the ids of the VMs on it."""

    state: int = 0
    vms: tuple[int, ...] = ()

    @property
    def status(self) -> str:
        """What a person or this tool has set: `enabled`, `disabled` or `offline`."""
        if self.state == OFFLINE_STATE:
            return "offline"
        return "disabled" if self.state in DISABLED_STATES else "enabled"

    @property
    def state_word(self) -> str:
        """The state that the front-end's monitoring has found."""
        return STATES[self.state] if self.state < len(STATES) else str(self.state)

    @property
    def under_maintenance(self) -> bool:
        """Somebody has said so with an attribute of the host: its status is his then."""
        return text_of(self.template, MAINTENANCE_ATTRIBUTE).upper() == "YES"

    @property
    def pin(self) -> HostPin | None:
        """The SSH host key that was pinned for this host: type and key, one line whatever the template holds."""
        parts = vector_of(self.template, SSH_ATTRIBUTE)
        complete = parts.get("INSTANCE_ID") and parts.get("HOST_KEY")
        return HostPin(parts["INSTANCE_ID"], " ".join(parts["HOST_KEY"].split()[:2])) if complete else None


@dataclass(frozen=True, slots=True)
class DesiredHost:
    """A host as it should be. `ready`: it is to be enabled; otherwise it stays as it is, or offline where it is new."""

    key: str
    name: str
    driver: str
    attributes: Template
    ready: bool


def parse(pool: Element) -> tuple[HostFacts, ...]:
    """The answer of one.hostpool.info."""
    return tuple(
        HostFacts(*common(Kind.HOST, element), state=number(element, "STATE"), vms=ids(element, "VMS"))
        for element in pool.findall("HOST")
    )


def desired(
    identity: Identity, driver: str, host: HostOutput, report: HostReport | None, existing: HostFacts | None = None
) -> DesiredHost:
    """The host of one instance. `driver` is the hypervisor's: kvm or lxc. A dead one keeps the name that it has: its
    address is gone, and the next one is not known before it runs again."""
    attributes: dict[str, Value] = {
        "IM_MAD": driver,
        "VM_MAD": driver,
        "REPLICA_STORAGE_IP": host.private_address,
        MARK_ATTRIBUTE: identity.mark(host.key).attributes(),
    }
    pin = report.pin if report else None
    if pin is not None and pin.instance_id == host.instance_id:
        attributes[SSH_ATTRIBUTE] = {"INSTANCE_ID": pin.instance_id, "HOST_KEY": pin.host_key}
    name = existing.name if existing and host.is_dead else host.name
    return DesiredHost(host.key, name, driver, attributes, report is not None and report.ready)


def diff(
    existing: HostFacts | None, wanted: DesiredHost, identity: Identity, cluster_id: int | None
) -> list[Operation]:
    """What makes the host as it should be."""
    born = temporary_name(identity.uuid, wanted.key)
    if existing is None:
        return [_creation(wanted, born, cluster_id)]
    update = ObjectUpdate(existing)
    status = existing.status
    incomplete = MARK_ATTRIBUTE not in existing.template  # a run died right after it had allocated the host
    restarts = status != "offline" and not incomplete and drivers_differ(existing, wanted)
    if status != "offline" and (incomplete or restarts):
        update.steps.append(Call("host.status", (existing.id, OFFLINE)))
    if incomplete:
        status = "offline"
    update.attributes(wanted.attributes)
    update.name(wanted.name)
    update.membership(cluster_id)
    if restarts:  # the old driver's agent stops at OFFLINE only
        update.steps.append(Call("host.status", (existing.id, ENABLE if status == "enabled" else DISABLE)))
    if wanted.ready and status != "enabled" and not existing.under_maintenance:
        update.status(status, "enabled", ENABLE)
    return update.operation(wanted.key, wanted.key, AGENT_RESTART if restarts else "")


def drivers_differ(existing: HostFacts, wanted: DesiredHost) -> bool:
    """Whether the host gets another monitoring or virtualization driver."""
    return any(text_of(existing.template, name) != wanted.attributes[name] for name in DRIVER_ATTRIBUTES)


def removal(existing: HostFacts, key: str) -> Operation:
    """Takes a host away whose instance is gone."""
    gone = change(Kind.HOST.word, key, Action.DELETE, {"NAME": existing.name})
    return Operation(key, gone, (Call("host.delete", (existing.id,)),))


def disabling(existing: HostFacts, key: str) -> Operation:
    """No new VM comes to a host that is about to go."""
    disabled = change(
        Kind.HOST.word, key, Action.UPDATE, {"STATUS": existing.status}, {"STATUS": "disabled"}, "it is about to go"
    )
    return Operation(key, disabled, (Call("host.status", (existing.id, DISABLE)),))


def pins(hosts: Mapping[str, HostFacts]) -> dict[str, HostPin]:
    """The pinned SSH host keys, by the host's key."""
    return {key: host.pin for key, host in hosts.items() if host.pin is not None}


def _creation(wanted: DesiredHost, born: str, cluster_id: int | None) -> Operation:
    made = Ref(wanted.key)
    after = {"NAME": wanted.name, **shown(wanted.attributes), "STATUS": "enabled" if wanted.ready else "offline"}
    return Operation(
        wanted.key,
        change(Kind.HOST.word, wanted.key, Action.CREATE, after=after),
        (
            Call("host.allocate", (born, NO_DRIVER, wanted.driver, id_or_ref(cluster_id))),
            Call("host.status", (made, OFFLINE)),
            Call("host.update", (made, wanted.attributes, MERGE)),
            Call("host.rename", (made, wanted.name)),
        ),
        (Call("host.status", (made, ENABLE)),) if wanted.ready else (),
    )
