"""Virtual networks: allocation, states over time, deletion. Their ranges' calls are in `leases`."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from edgewrap.lab.opennebula import addresses, ranges, xml
from edgewrap.lab.opennebula.auth import require_create
from edgewrap.lab.opennebula.calls import Calls, Code, Refusal
from edgewrap.lab.opennebula.common import Kind, common_calls, existing_cluster, owner_xml, parse, pool_calls
from edgewrap.lab.opennebula.driver_calls import driver_of
from edgewrap.lab.opennebula.frontend import FrontEnd
from edgewrap.lab.opennebula.locks import lock_calls
from edgewrap.lab.opennebula.records import Machine, Network, NetworkState, User
from edgewrap.lab.opennebula.system import drivers
from edgewrap.lab.opennebula.template import Template, Value

_ON_PHYSICAL_DEVICE = frozenset({"802.1Q", "vxlan", "ovswitch_vxlan"})
_LOCKED = (NetworkState.LOCK_CREATE, NetworkState.LOCK_DELETE)
_RECOVERIES = (  # by the number of the operation: its name and the states that it applies to
    ("failure", _LOCKED),
    ("success", (*_LOCKED, NetworkState.ERROR, NetworkState.UPDATE_FAILURE)),
    ("delete", (*_LOCKED, NetworkState.ERROR)),
    ("retry", (NetworkState.UPDATE_FAILURE,)),
)
# Attributes of the network that are also in its template.
_SHOWN = ("BRIDGE", "BRIDGE_TYPE", "PHYDEV", "SECURITY_GROUPS", "VN_MAD")


def render(one: FrontEnd, networks: Sequence[Network], full: bool) -> list[str]:
    """Networks as XML; ends and leases of their ranges only in full."""
    guests: defaultdict[int, set[int]] = defaultdict(set)
    for machine in one.store.all(Machine):
        for nic in machine.template.vectors("NIC"):
            if machine.state != 6:
                guests[int(nic["NETWORK_ID"])].add(machine.id)
    return [_network_xml(one, network, guests[network.id], full) for network in networks]


def _network_xml(one: FrontEnd, network: Network, guests: set[int], full: bool) -> str:
    cursor = one.release.range_cursor
    previous = 0 if network.state == NetworkState.LOCK_CREATE else network.state
    pool = "".join(ranges.render(found, full=full, cursor=cursor) for found in network.ranges)
    return (
        f"<VNET>{owner_xml(one, network)}{xml.permissions(network.permissions)}{xml.ids('CLUSTERS', network.clusters)}"
        f"{xml.cdata('BRIDGE', network.bridge)}{xml.cdata('BRIDGE_TYPE', network.bridge_type)}"
        f"{xml.cdata('STATE', str(network.state))}{xml.cdata('PREV_STATE', str(previous))}"
        f"{_id_or_empty('PARENT_NETWORK_ID', network.parent_id)}"
        f"{_id_or_empty('TEMPLATE_ID', network.template_id) if one.release.network_template_id else ''}"
        f"{xml.cdata('VN_MAD', network.vn_mad)}{xml.cdata_or_empty('PHYDEV', network.phydev)}"
        f"{xml.cdata_or_empty('VLAN_ID', network.vlan_id)}{xml.cdata_or_empty('OUTER_VLAN_ID', network.outer_vlan_id)}"
        f"<VLAN_ID_AUTOMATIC>{int(network.vlan_id_automatic)}</VLAN_ID_AUTOMATIC>"
        f"<OUTER_VLAN_ID_AUTOMATIC>{int(network.outer_vlan_id_automatic)}</OUTER_VLAN_ID_AUTOMATIC>"
        f"<USED_LEASES>{sum(len(found.leases) for found in network.ranges)}</USED_LEASES><VROUTERS></VROUTERS>"
        f"{xml.ids('UPDATED_VMS', guests.difference(network.failed_vms))}"
        f"<OUTDATED_VMS></OUTDATED_VMS><UPDATING_VMS></UPDATING_VMS>{xml.ids('ERROR_VMS', network.failed_vms)}"
        f"{network.template.xml()}<AR_POOL>{pool}</AR_POOL></VNET>"
    )


def _id_or_empty(tag: str, number: int | None) -> str:
    return f"<{tag}/>" if number is None else f"<{tag}>{number}</{tag}>"


def _reshape(one: FrontEnd, network: Network) -> Network:
    """After an update: the template's attributes of the network itself take effect; those that it leaves out stay."""
    old = one.store.get(Network, network.id) or network
    template = network.template if network.state == NetworkState.LOCK_CREATE else network.template.without("AR")
    kept: dict[str, Value] = {
        name: old.template.get(name) for name in _SHOWN if old.template.has(name) and not template.has(name)
    }
    for name, fixed in (("VLAN_ID", network.vlan_id), ("OUTER_VLAN_ID", network.outer_vlan_id)):
        if old.template.has(name):
            kept[name] = template.get(name) or fixed
    template = template.with_(kept)
    return network.model_copy(
        update={
            "template": template,
            "bridge": template.get("BRIDGE") or network.bridge,
            "bridge_type": template.get("BRIDGE_TYPE") or network.bridge_type,
            "phydev": template.get("PHYDEV"),
            "vn_mad": template.get("VN_MAD") or network.vn_mad,
            "vlan_id": template.get("VLAN_ID") if template.has("VLAN_ID") else network.vlan_id,
        }
    )


KIND = Kind(Network, "vn", "virtual network", "NET", "VNET_POOL", render, _reshape)
calls = Calls(common_calls(KIND) | pool_calls(KIND, "vnpool", filtered=True) | lock_calls(KIND))


@calls.method("one.vn.allocate")
def allocate(one: FrontEnd, user: User, text: str, cluster_id: int = -1) -> int:
    """A new network in LOCK_CREATE. CLUSTER_IDS in its template is ignored."""
    require_create(user, "NET")
    clusters = (existing_cluster(one, cluster_id),)
    return create(one, user, parse(text), clusters, template_id=None).id


def create(
    one: FrontEnd, user: User, template: Template, clusters: tuple[int, ...], *, template_id: int | None
) -> Network:
    """Store a new network in LOCK_CREATE, with or without a template. Raises Refusal."""
    name = KIND.check_name(one, template.get("NAME"), user.id)
    driver = template.get("VN_MAD")
    if not driver:
        raise Refusal(Code.INTERNAL, "No VN_MAD in template for Virtual Network.")
    bridge_type = drivers(one.release).bridge_types.get(driver)
    if bridge_type is None:
        raise Refusal(Code.INTERNAL, f'VN_MAD named "{driver}" is not defined in oned.conf')
    tags = _Tags.of(template)
    phydev = template.get("PHYDEV")
    if driver in _ON_PHYSICAL_DEVICE and not phydev:
        raise Refusal(Code.INTERNAL, f"PHYDEV is mandatory for driver {driver}")
    if driver in _ON_PHYSICAL_DEVICE and not tags.vlan and not tags.automatic:
        raise Refusal(Code.INTERNAL, f"VLAN_ID (or AUTOMATIC_VLAN_ID) is mandatory for driver {driver}")
    number = one.store.next_id(Network)
    bridge = template.get("BRIDGE") or (f"onebr.{tags.vlan}" if tags.vlan else f"onebr{number}")
    own = {
        "BRIDGE": bridge,
        "BRIDGE_TYPE": template.get("BRIDGE_TYPE") or bridge_type,
        "PHYDEV": phydev,
        "SECURITY_GROUPS": group_list(template.get("SECURITY_GROUPS"), "0"),
        "VN_MAD": driver,
    }
    if one.ipam is not None:
        one.queued[number] = one.ipam.accepted
    return one.store.put(
        Network(
            id=number,
            name=name,
            uid=user.id,
            gid=user.gid,
            template=template.without("NAME", *_Tags.NAMES).with_(own),
            clusters=clusters,
            bridge=bridge,
            bridge_type=own["BRIDGE_TYPE"],
            vn_mad=driver,
            phydev=phydev,
            vlan_id=_vlan(one, number) if tags.automatic else tags.vlan,
            vlan_id_automatic=tags.automatic,
            outer_vlan_id=_vlan(one, number) if tags.outer_automatic else tags.outer,
            outer_vlan_id_automatic=tags.outer_automatic,
            template_id=template_id if one.release.network_template_id else None,
            due=one.soon(),
        )
    )


def group_list(*listed: str) -> str:
    """The security groups of several lists (`0,100`) as one, each once and in order."""
    numbers = {int(part) for text in listed for part in text.split(",") if part.strip().isdecimal()}
    return ",".join(str(number) for number in sorted(numbers))


@dataclass(frozen=True, slots=True)
class _Tags:
    """The VLAN ids that a template asks for."""

    NAMES = ("VLAN_ID", "AUTOMATIC_VLAN_ID", "OUTER_VLAN_ID", "AUTOMATIC_OUTER_VLAN_ID")

    vlan: str
    automatic: bool
    outer: str
    outer_automatic: bool

    @classmethod
    def of(cls, template: Template) -> _Tags:
        vlan, automatic, outer, outer_automatic = (template.get(name) for name in cls.NAMES)
        # A given id has precedence over an automatic one.
        return cls(vlan, not vlan and _yes(automatic), outer, not outer and _yes(outer_automatic))


def _yes(text: str) -> bool:
    return text.upper() == "YES"


def _vlan(one: FrontEnd, number: int) -> str:
    """A VLAN id for network `number`: START plus its id, or the next one that no network has."""
    used = {network.vlan_id for network in one.store.all(Network) if network.vlan_id_automatic}
    candidate = drivers(one.release).first_vlan + number
    while str(candidate) in used:
        candidate += 1
    return str(candidate)


@calls.method("one.vn.delete")
def delete(one: FrontEnd, user: User, number: int) -> int:
    """Start to delete a network without leases: it is in LOCK_DELETE until it is deleted."""
    network = KIND.owned(one, user, number, "MANAGE")
    if network.state in (NetworkState.LOCK_CREATE, NetworkState.LOCK_DELETE):
        state = NetworkState.NAMES[network.state]
        raise Refusal(
            Code.ACTION, f"Cannot delete virtual network. Can not remove a Virtual Network, wrong state {state}"
        )
    if any(found.leases for found in network.ranges):
        raise Refusal(Code.ACTION, "Cannot delete virtual network. Can not remove a virtual network with leases in use")
    _unregister_all(one, network)
    one.store.put(network.model_copy(update={"state": NetworkState.LOCK_DELETE, "due": one.soon()}))
    if network.parent_id is not None:
        addresses.release(one, network.parent_id, "VNET", number)
    return number


def _unregister_all(one: FrontEnd, network: Network) -> None:
    """Report to the drivers that all ranges are removed. If one fails, the ranges before it are removed all the same,
    and there is no reason. Raises Refusal."""
    left = network
    for found in network.ranges:
        if not addresses.unregister(one, network, found, with_network=True).ok:
            one.store.put(left)
            raise Refusal(Code.ACTION, "Cannot delete virtual network. ", keep=True)
        left = addresses.without_range(left, found.id)


@calls.method("one.vn.recover")
def recover(one: FrontEnd, user: User, number: int, operation: int) -> int:
    """Recover a network from a state that it does not leave by itself. A retry of its VMs' update always succeeds."""
    network = KIND.owned(one, user, number, "MANAGE")
    if operation not in range(len(_RECOVERIES)):
        raise Refusal(Code.ACTION, "Wrong recovery operation code")
    name, states = _RECOVERIES[operation]
    if network.state not in states:
        found = NetworkState.NAMES[network.state]
        raise Refusal(Code.INTERNAL, f"Could not perform 'recover {name}' on VN {number}, wrong state {found}.")
    if name == "delete" or (name == "success" and network.state == NetworkState.LOCK_DELETE):
        one.store.drop(network)
        return number
    template = network.template.without("ERROR")
    if name == "failure":
        template = template.with_({"ERROR": f"{time.ctime(one.clock())} : Failure forced by user"})
    state = NetworkState.ERROR if name == "failure" else NetworkState.READY
    one.store.put(network.model_copy(update={"template": template, "state": state, "failed_vms": (), "due": 0.0}))
    return number


def advance(one: FrontEnd) -> None:
    """Due networks become READY or ERROR, or are deleted; their clusters count deleted ones a moment longer."""
    for network in one.store.all(Network):
        if not one.passed(network.due):
            continue
        if network.state == NetworkState.LOCK_DELETE:
            one.store.drop(network)
            for cluster_id in network.clusters:
                one.still_counted[cluster_id] = network.due + one.linger
        elif not registers(one, network) and not _behind_a_driver(one, network):
            one.store.put(_settled(one, network))


def registers(one: FrontEnd, network: Network) -> bool:
    """Whether a new network has a range that a driver must register. `settle` does that, never a call that happens to
    be made then."""
    if one.ipam is None or network.state != NetworkState.LOCK_CREATE:
        return False
    wanted = network.template.vectors("AR")
    return any(driver_of(addresses.with_driver(network, given)) for given in wanted)


def settle(one: FrontEnd, number: int) -> None:
    """A new network becomes READY or ERROR, unless it was deleted or settled since then."""
    network = one.store.get(Network, number)
    if network is not None and network.state == NetworkState.LOCK_CREATE:
        one.store.put(_settled(one, network))


def _behind_a_driver(one: FrontEnd, network: Network) -> bool:
    """Whether a new network waits: drivers and the creation of networks are in one queue, one at a time."""
    if one.ipam is None:
        return False
    older = (other for other in one.store.all(Network) if other.id < network.id)
    return one.ipam.finished < one.queued.get(network.id, 0) or any(registers(one, other) for other in older)


def _settled(one: FrontEnd, network: Network) -> Network:
    """A new network with its ranges; an invalid one puts it into ERROR, with the reason."""
    wanted = network.template.vectors("AR")
    shown: dict[str, Value] = {}
    if not network.vlan_id_automatic:
        shown["VLAN_ID"] = network.vlan_id
    if not network.outer_vlan_id_automatic:
        shown["OUTER_VLAN_ID"] = network.outer_vlan_id
    state = NetworkState.READY
    try:
        for given in wanted:
            network = addresses.add_range(one, network, given)
    except ranges.RangeError as error:
        state = NetworkState.ERROR
        shown["ERROR"] = f"{time.ctime(one.clock())} : {error}"
    template = network.template.without("AR").with_(shown)
    return network.model_copy(update={"template": template, "state": state, "due": 0.0})
