"""The public network: `br-edge` on every host, with the `fw` driver's security groups and filters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Self
from xml.etree.ElementTree import Element

from edgewrap.change import Action
from edgewrap.opennebula.kinds import address_range
from edgewrap.opennebula.kinds.access import too_open
from edgewrap.opennebula.kinds.address_range import DesiredRange, RangeFacts
from edgewrap.opennebula.kinds.base import EVERY_OBJECT, MARK_ATTRIBUTE, Existing, common
from edgewrap.opennebula.kinds.object_kind import Desired, DiffContext, OwnedObjects, SingleObject
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
    deletion,
    shown,
)
from edgewrap.opennebula.kinds.template import Template, text_of
from edgewrap.opennebula.kinds.update import ObjectUpdate, allocation, given_to_owner, id_or_ref
from edgewrap.opennebula.kinds.values import ids, natural, parsed
from edgewrap.outputs import UNDERLAY_MTUS, UNKNOWN, HostReport

BRIDGE = "br-edge"  # the hosts' bridge of the Elastic IPs
GUEST_MTU = 1500  # bytes; a guest's default
VXLAN_OVERHEAD = 50  # bytes
GROUPS, ADMITS_EVERYTHING = "SECURITY_GROUPS", "0"
INIT, READY, LOCK_CREATE, LOCK_DELETE, DONE, ERROR, UPDATE_FAILURE = range(7)
PENDING_STATES = (INIT, LOCK_CREATE)
KEEPS_RANGES = (LOCK_DELETE, DONE, ERROR)  # states in which the front-end refuses one.vn.rm_ar
MTU_ATTRIBUTE = "EDGEWRAP_MTU"  # the smallest MTU of the hosts, as last reported: GUEST_MTU follows from it


@dataclass(frozen=True, slots=True)
class NetworkFacts(Existing):
    """A virtual network. `parent` is the id of the network that a reservation was made from, `from_template` the id of
    the template that a network was made from; both are None for other networks. `updating_vms` are the ids of the VMs
    that will take a change of the network, `failed_vms` of those that could not."""

    kind = "virtual network"
    api = "vn"
    tag = "VNET"
    pool_arguments = EVERY_OBJECT
    join = "cluster.addvnet"
    leave = "cluster.delvnet"
    lockable = True

    state: int = READY
    parent: int | None = None
    from_template: int | None = None
    used_leases: int = 0
    ranges: tuple[RangeFacts, ...] = ()
    updating_vms: tuple[int, ...] = ()
    failed_vms: tuple[int, ...] = ()

    @classmethod
    def from_element(cls, element: Element) -> Self:
        """Leases are listed in the answer of one.vn.info, and only counted in that of one.vnpool.info."""
        return cls(
            *common(element),
            state=natural(element, "STATE", READY),
            parent=_reference(element, "PARENT_NETWORK_ID"),
            from_template=_reference(element, "TEMPLATE_ID", "TEMPLATE/TEMPLATE_ID"),
            used_leases=natural(element, "USED_LEASES", 0),
            ranges=address_range.parse(element),
            updating_vms=(*ids(element, "OUTDATED_VMS"), *ids(element, "UPDATING_VMS")),
            failed_vms=ids(element, "ERROR_VMS"),
        )

    @property
    def derived(self) -> bool:
        """A reservation, or a tenant's network made from a template."""
        return self.parent is not None or self.from_template is not None

    @property
    def bridge(self) -> str:
        """The hosts' bridge of its VMs."""
        return text_of(self.template, "BRIDGE")

    @property
    def update_error(self) -> str:
        """Why a network is in UPDATE_FAILURE, for people."""
        vms = ", ".join(f"VM {vm}" for vm in self.failed_vms) or "a VM that the front-end does not name"
        reason = text_of(self.template, "ERROR")
        return f"its last change could not be made for {vms}{f': {reason}' if reason else ''}"

    @property
    def error(self) -> str:
        """Why a network is in ERROR, as the front-end says."""
        return text_of(self.template, "ERROR") or "the front-end gives no reason"


@dataclass(frozen=True, slots=True)
class DesiredNetwork(Desired):
    ranges: tuple[DesiredRange, ...]


class PublicNetwork(SingleObject[NetworkFacts, DesiredNetwork]):
    """The public network, with an address range for each Elastic IP."""

    facts = NetworkFacts
    key = "public-network"

    def desired_object(self, context: DiffContext) -> DesiredNetwork:
        """PHYDEV stays empty: with one, the driver can delete the bridge with its last VM. NETROLE is as OneProvision
        set it."""
        spec, existing = context.spec.public_network, context.ours.one(self)
        underlay = underlay_mtu(context.reports, existing)
        pending = existing is not None and mtu_pending(context.reports, existing)
        attributes: Template = {
            "VN_MAD": "fw",
            "BRIDGE": BRIDGE,
            "PHYDEV": "",
            "NETROLE": "public",
            "FILTER_IP_SPOOFING": "YES",
            "FILTER_MAC_SPOOFING": "YES",
            "DNS": " ".join(str(server) for server in spec.dns),
            "GUEST_MTU": UNKNOWN if pending else _guest_mtu(underlay, existing),
            MTU_ATTRIBUTE: UNKNOWN if pending else "" if underlay is None else str(underlay),
            GROUPS: _security_groups(spec.default_security_group, existing),
            MARK_ATTRIBUTE: context.identity.mark(self.key),
        }
        # a range of the IPAM driver's is corrected where it is, and never created
        kept = existing.ranges if existing is not None and existing.state not in KEEPS_RANGES else ()
        known = {one.address for one in kept if one.by_driver}
        eips = (eip for eip in context.outputs.eips.values() if not eip.by_driver or eip.private_address in known)
        ranges = tuple(map(address_range.desired, eips))
        return DesiredNetwork(self.key, f"{context.identity.cluster}-public", attributes, ranges)

    def diff_object(
        self, context: DiffContext, existing: NetworkFacts | None, wanted: DesiredNetwork
    ) -> list[Operation]:
        cluster_id = context.cluster_id
        if existing is None or existing.state in KEEPS_RANGES:
            made = _creation(existing, wanted, context)
            return [made, *address_range.diff((), wanted.ranges, Ref(self.key))]
        update = ObjectUpdate(existing)
        update.contents(wanted, context.identity)
        update.membership(cluster_id, () if existing.used_leases else _other_clusters(existing, cluster_id))
        return [
            *update.operation(wanted),
            *address_range.diff(existing.ranges, wanted.ranges, existing.id),
            *_update_again(existing, wanted),
        ]

    def warnings(self, context: DiffContext, wanted: DesiredNetwork) -> Iterator[str]:
        """Ranges of others, a second cluster while addresses are leased, and a mode that is too open."""
        existing = context.ours.one(self)
        if existing is None:
            return
        ours = {one.id for one in address_range.matched(existing.ranges, wanted.ranges).values()}
        for one in existing.ranges:
            if not one.key and not one.by_driver and one.id not in ours:
                yield (
                    f"it has the {one}, which edgewrap did not make and leaves alone: `onevnet rmar {existing.id} "
                    f"{one.id}` if it is not needed"
                )
            if one.by_driver and one.id not in ours:
                yield (
                    f"the Elastic IP of the {one} is not in the state: the next apply adopts it, or AWS no longer has "
                    f"it. Then its VMs have no connection: `onevnet rmar {existing.id} {one.id}`"
                )
        others = _other_clusters(existing, context.cluster_id)
        if others and existing.used_leases:
            yield (
                f"it is also in the cluster {' and '.join(map(str, others))}, whose hosts do not carry its addresses: "
                "VMs there have no connection. edgewrap removes it from there when no address is leased; to do so now: "
                + " and ".join(f"`onecluster delvnet {cluster} {existing.id}`" for cluster in others)
            )
        yield too_open(existing)

    def removals(self, ours: OwnedObjects, shared: Sequence[int]) -> Iterable[Operation]:
        """Range by range first: only then does the front-end say why it cannot remove one."""
        network = ours.one(self)
        if network is not None:
            if network.state not in KEEPS_RANGES:
                yield from (
                    address_range.removal(existing, network.id)
                    for existing in network.ranges
                    if existing.key or existing.by_driver
                )
            yield self._removal(network)

    def range_releases(self, network: NetworkFacts, ranges: Iterable[RangeFacts]) -> list[Operation]:
        """Removes these ranges. In some states a network keeps its ranges: then it is deleted as a whole, and `apply`
        creates it without them."""
        if network.state in KEEPS_RANGES:
            return [self._removal(network)]
        return [address_range.removal(existing, network.id) for existing in ranges]

    def contents(self, ours: OwnedObjects) -> list[str]:
        """Address ranges of others."""
        network = ours.one(self)
        if network is None:
            return []
        return [
            f"the {network} has the {one}, which edgewrap did not make: it has no {address_range.KEY_ATTRIBUTE} "
            f"(`onevnet rmar {network.id} {one.id}`)"
            for one in network.ranges
            if not one.key and not one.by_driver
        ]

    def _removal(self, network: NetworkFacts) -> Operation:
        delete = () if network.state == LOCK_DELETE else (Call("vn.delete", (network.id,)),)
        return deletion(network, self.key, (*delete, Await(network.id, Settled.GONE)))


PUBLIC_NETWORK = PublicNetwork()


def _other_clusters(existing: NetworkFacts, cluster_id: int | None) -> tuple[int, ...]:
    return tuple(cluster for cluster in existing.clusters if cluster != cluster_id)


def _update_again(existing: NetworkFacts, wanted: DesiredNetwork) -> list[Operation]:
    """After the ranges: a VM that cannot take the change does not stop the other VMs' addresses."""
    if existing.state != UPDATE_FAILURE:
        return []
    before, after = {"STATE": "UPDATE_FAILURE"}, {"STATE": "READY"}
    again = change(existing.kind, wanted.label, Action.UPDATE, before, after, existing.update_error)
    return [Operation(wanted.key, again, (RetryUpdate(existing.id),))]


def _creation(existing: NetworkFacts | None, wanted: DesiredNetwork, context: DiffContext) -> Operation:
    """A network without ranges: an error in one of those would appear late, and put the network in ERROR."""
    made = Ref(wanted.key)
    steps: list[Step] = []
    action, why = Action.CREATE, ""
    if existing is not None:
        if existing.state == ERROR:
            action, why = Action.REPLACE, f"it is in ERROR: {existing.error}"
            steps.append(Call("vn.delete", (existing.id,)))
        steps.append(Await(existing.id, Settled.GONE))
    steps += [allocation(NetworkFacts, wanted, id_or_ref(context.cluster_id)), Await(made, Settled.READY)]
    groups = text_of(wanted.attributes, GROUPS)
    if ADMITS_EVERYTHING not in groups.split(","):  # the front-end has given it to the new network
        steps.append(Call("vn.update", (made, {GROUPS: groups}, MERGE)))
    steps += given_to_owner(NetworkFacts, wanted.key, context.identity)
    created = change(NetworkFacts.kind, wanted.label, action, after=shown(wanted.attributes), why=why)
    return Operation(wanted.key, created, tuple(steps))


def underlay_mtu(reports: Mapping[str, HostReport], existing: NetworkFacts | None) -> int | None:
    """The smallest MTU of the hosts in bytes: as reported now, else from the last report, which the network keeps."""
    reported = [report.mtu for report in reports.values() if report.mtu > 0]
    kept = parsed(text_of(existing.template, MTU_ATTRIBUTE)) if existing else None
    return min(reported) if reported else kept if kept in UNDERLAY_MTUS else None


def mtu_pending(reports: Mapping[str, HostReport], existing: NetworkFacts | None) -> bool:
    """Whether no host has ever reported its MTU, and this run will know it: not if it only assumes that hosts are
    ready, whose reports then have no pin."""
    unknown = any(report.phydev == UNKNOWN and report.pin is not None for report in reports.values())
    return unknown and underlay_mtu(reports, existing) is None


def _guest_mtu(underlay: int | None, existing: NetworkFacts | None) -> str:
    """Set only if the underlay is too small for a guest's usual MTU; kept as it is if no host ever reported one."""
    if underlay is None:
        return text_of(existing.template, "GUEST_MTU") if existing else ""
    passes = underlay - VXLAN_OVERHEAD
    return str(passes) if passes < GUEST_MTU else ""


def _security_groups(default: Literal["keep", "remove"], existing: NetworkFacts | None) -> str:
    """Without the group 0 if the spec says so, else unchanged: adding it again would open what someone has closed.
    Groups that others added stay."""
    listed = text_of(existing.template, GROUPS) if existing else ADMITS_EVERYTHING
    if default == "keep":
        return listed
    groups = [group.strip() for group in listed.split(",") if parsed(group.strip()) is not None]
    return ",".join(group for group in groups if group != ADMITS_EVERYTHING)


def _reference(element: Element, *paths: str) -> int | None:
    """The id at the first of these paths that has one: -1 for any other text, which a tenant may write."""
    values = (element.findtext(path) for path in paths)
    numbers = (parsed(value) for value in values if value)
    return next((-1 if number is None else number for number in numbers), None)
