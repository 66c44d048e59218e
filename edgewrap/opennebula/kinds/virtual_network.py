"""The public network: `br-edge` on every host, with the `fw` driver's security groups and filters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from edgewrap.change import Action
from edgewrap.opennebula.kinds import address_range
from edgewrap.opennebula.kinds.address_range import DesiredRange, RangeFacts
from edgewrap.opennebula.kinds.base import MARK_ATTRIBUTE, Existing, Kind, common, ids, number
from edgewrap.opennebula.kinds.operation import (
    MERGE,
    Await,
    Call,
    Operation,
    Ref,
    RetryUpdate,
    Settled,
    Step,
    change,
    filled,
    shown,
)
from edgewrap.opennebula.kinds.ownership import NETWORK_KEY, Identity
from edgewrap.opennebula.kinds.template import Template, Value, text_of
from edgewrap.opennebula.kinds.update import LEAVE_GROUP, ObjectUpdate, id_or_ref
from edgewrap.outputs import EipOutput, HostReport

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from edgewrap.spec.networks import PublicNetwork

BRIDGE = "br-edge"
GUEST_MTU = 1500  # bytes; what a guest takes by itself
VXLAN_OVERHEAD = 50  # bytes
GROUPS, ADMITS_EVERYTHING = "SECURITY_GROUPS", "0"
INIT, READY, LOCK_CREATE, LOCK_DELETE, DONE, ERROR, UPDATE_FAILURE = range(7)
PENDING_STATES = (INIT, LOCK_CREATE)
MTU_ATTRIBUTE = "EDGEWRAP_MTU"  # the smallest MTU of the hosts, as last reported: what GUEST_MTU follows from


@dataclass(frozen=True, slots=True)
class NetworkFacts(Existing):
    """A virtual network. `parent` is the network that a reservation was made from, `from_template` the id of the
    template that a network was made from; both are None for a network in its own right. `updating_vms` are the ids of
    the VMs that are to take a change of the network, `failed_vms` of those that could not."""

    state: int = READY
    parent: int | None = None
    from_template: int | None = None
    used_leases: int = 0
    ranges: tuple[RangeFacts, ...] = ()
    updating_vms: tuple[int, ...] = ()
    failed_vms: tuple[int, ...] = ()

    @property
    def derived(self) -> bool:
        """A reservation, or a tenant's network made from a template."""
        return self.parent is not None or self.from_template is not None

    @property
    def update_error(self) -> str:
        """What is to be said of a network in UPDATE_FAILURE."""
        vms = ", ".join(f"VM {vm}" for vm in self.failed_vms) or "a VM that the front-end does not name"
        reason = text_of(self.template, "ERROR")
        return f"its last change could not be made for {vms}{f': {reason}' if reason else ''}"

    @property
    def error(self) -> str:
        """What the front-end says of a network in ERROR."""
        return text_of(self.template, "ERROR") or "the front-end gives no reason"


@dataclass(frozen=True, slots=True)
class DesiredNetwork:
    """The public network as it should be."""

    name: str
    attributes: Template
    ranges: tuple[DesiredRange, ...]


def parse(pool: Element) -> tuple[NetworkFacts, ...]:
    """The answer of one.vnpool.info. Leases are counted there, not listed."""
    return tuple(parse_one(element) for element in pool.findall("VNET"))


def parse_one(element: Element) -> NetworkFacts:
    """The answer of one.vn.info, which lists the leases."""
    return NetworkFacts(
        *common(Kind.NETWORK, element),
        state=number(element, "STATE") if element.findtext("STATE") else READY,
        parent=_reference(element, "PARENT_NETWORK_ID"),
        from_template=_reference(element, "TEMPLATE_ID", "TEMPLATE/TEMPLATE_ID"),
        used_leases=number(element, "USED_LEASES"),
        ranges=address_range.parse(element),
        updating_vms=(*ids(element, "OUTDATED_VMS"), *ids(element, "UPDATING_VMS")),
        failed_vms=ids(element, "ERROR_VMS"),
    )


def desired(
    identity: Identity,
    spec: PublicNetwork,
    eips: Mapping[str, EipOutput],
    reports: Mapping[str, HostReport],
    existing: NetworkFacts | None,
) -> DesiredNetwork:
    """The public network, with a range for every Elastic IP.

    PHYDEV stays empty: with one, the driver can delete the bridge with its last VM. NETROLE is as OneProvision set it.
    """
    underlay = underlay_mtu(reports, existing)
    attributes: dict[str, Value] = {
        "VN_MAD": "fw",
        "BRIDGE": BRIDGE,
        "PHYDEV": "",
        "NETROLE": "public",
        "FILTER_IP_SPOOFING": "YES",
        "FILTER_MAC_SPOOFING": "YES",
        "DNS": " ".join(str(server) for server in spec.dns),
        "GUEST_MTU": _guest_mtu(underlay, existing),
        MTU_ATTRIBUTE: "" if underlay is None else str(underlay),
        GROUPS: _security_groups(spec.default_security_group, existing),
        MARK_ATTRIBUTE: identity.mark(NETWORK_KEY).attributes(),
    }
    ranges = tuple(address_range.desired(eip) for eip in eips.values())
    return DesiredNetwork(f"{identity.cluster}-public", attributes, ranges)


def diff(
    existing: NetworkFacts | None, wanted: DesiredNetwork, identity: Identity, cluster_id: int | None
) -> list[Operation]:
    """What makes the network and its ranges as they should be."""
    if existing is None or existing.state in (LOCK_DELETE, DONE, ERROR):
        made = _creation(existing, wanted, identity, cluster_id)
        return [made, *address_range.diff((), wanted.ranges, Ref(NETWORK_KEY))]
    update = ObjectUpdate(existing)
    update.attributes(wanted.attributes)
    update.name(wanted.name)
    update.owner(identity.owner_uid)
    update.membership(cluster_id, () if existing.used_leases else _other_clusters(existing, cluster_id))
    return [
        *update.operation(NETWORK_KEY, wanted.name),
        *address_range.diff(existing.ranges, wanted.ranges, existing.id),
        *_update_again(existing, wanted.name),
    ]


def warnings(existing: NetworkFacts, wanted: DesiredNetwork, cluster_id: int | None) -> list[str]:
    """What differs and is not edgewrap's to change: ranges of others, a second cluster while addresses are leased."""
    ours = {one.id for one in address_range.matched(existing.ranges, wanted.ranges).values()}
    told = [
        f"it has the {one}, which edgewrap did not make and leaves alone: `onevnet rmar {existing.id} {one.id}` if it "
        "is not needed"
        for one in existing.ranges
        if not one.key and one.id not in ours
    ]
    others = _other_clusters(existing, cluster_id)
    if others and existing.used_leases:
        listed = " and ".join(f"`onecluster delvnet {cluster} {existing.id}`" for cluster in others)
        told.append(
            f"it is also in the cluster {' and '.join(map(str, others))}, whose hosts do not carry its addresses: VMs "
            "there have no connection. edgewrap removes it from there when no address is leased; to do so now: "
            f"{listed}"
        )
    return told


def _other_clusters(existing: NetworkFacts, cluster_id: int | None) -> tuple[int, ...]:
    return tuple(cluster for cluster in existing.clusters if cluster != cluster_id)


def _update_again(existing: NetworkFacts, name: str) -> list[Operation]:
    """After the ranges: a VM that cannot be changed does not keep the others from their addresses."""
    if existing.state != UPDATE_FAILURE:
        return []
    before, after = {"STATE": "UPDATE_FAILURE"}, {"STATE": "READY"}
    again = change(Kind.NETWORK.word, name, Action.UPDATE, before, after, existing.update_error)
    return [Operation(NETWORK_KEY, again, (RetryUpdate(existing.id),))]


def _creation(
    existing: NetworkFacts | None, wanted: DesiredNetwork, identity: Identity, cluster_id: int | None
) -> Operation:
    """A network without ranges: an error in one of those would come late, and spoil the network."""
    made = Ref(NETWORK_KEY)
    steps: list[Step] = []
    if existing is not None:
        if existing.state == ERROR:
            steps.append(Call("vn.delete", (existing.id,)))
        steps.append(Await(existing.id, Settled.GONE))
    template: dict[str, Value] = {"NAME": wanted.name, **filled(wanted.attributes)}
    steps += [Call("vn.allocate", (template, id_or_ref(cluster_id))), Await(made, Settled.READY)]
    groups = text_of(wanted.attributes, GROUPS)
    if ADMITS_EVERYTHING not in groups.split(","):  # the front-end has given it to the new network
        steps.append(Call("vn.update", (made, {GROUPS: groups}, MERGE)))
    if identity.owner_uid != identity.user_uid:
        steps.append(Call("vn.chown", (made, identity.owner_uid, LEAVE_GROUP)))
    if existing is not None and existing.state == ERROR:
        action, why = Action.REPLACE, f"it is in ERROR: {existing.error}"
    else:
        action, why = Action.CREATE, ""
    created = change(Kind.NETWORK.word, wanted.name, action, after=shown(wanted.attributes), why=why)
    return Operation(NETWORK_KEY, created, tuple(steps))


def underlay_mtu(reports: Mapping[str, HostReport], existing: NetworkFacts | None) -> int | None:
    """The smallest MTU of the hosts in bytes: as reported now, else as the network has kept it from the last report."""
    reported = [report.mtu for report in reports.values() if report.mtu > 0]
    kept = text_of(existing.template, MTU_ATTRIBUTE) if existing else ""
    return min(reported) if reported else int(kept) if kept.isdecimal() else None


def _guest_mtu(underlay: int | None, existing: NetworkFacts | None) -> str:
    """Set only if the underlay is too small for a guest's usual MTU; kept as it is if no host ever reported one."""
    if underlay is None:
        return text_of(existing.template, "GUEST_MTU") if existing else ""
    passes = underlay - VXLAN_OVERHEAD
    return str(passes) if passes < GUEST_MTU else ""


def _security_groups(default: Literal["keep", "remove"], existing: NetworkFacts | None) -> str:
    """Without the group 0 where that is asked for, else as it is: putting it back would open what somebody has closed.
    Those that others put there stay."""
    if default == "keep":
        return text_of(existing.template, GROUPS) if existing else ADMITS_EVERYTHING
    listed = text_of(existing.template, GROUPS) if existing else ""
    groups = [group.strip() for group in listed.split(",") if group.strip().isdecimal()]
    return ",".join(group for group in groups if group != ADMITS_EVERYTHING)


def _reference(element: Element, *paths: str) -> int | None:
    values = (element.findtext(path) for path in paths)
    return next((int(value) for value in values if value), None)
