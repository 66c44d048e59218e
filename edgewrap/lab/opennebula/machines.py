"""VMs: their records, and what a VM gets from its networks when it is allocated."""

from __future__ import annotations

from collections.abc import Sequence

from edgewrap.lab.opennebula import addresses, networks, ranges, xml
from edgewrap.lab.opennebula.auth import require, require_create
from edgewrap.lab.opennebula.calls import Calls, Code, Refusal
from edgewrap.lab.opennebula.common import Kind, check_name, common_calls, owner_xml, parse, selected
from edgewrap.lab.opennebula.context import context
from edgewrap.lab.opennebula.disks import common_clusters, disks
from edgewrap.lab.opennebula.frontend import FrontEnd
from edgewrap.lab.opennebula.records import AddressRange, History, Machine, Network, NetworkState, SecurityGroup, User
from edgewrap.lab.opennebula.template import Template, Value

PENDING, HOLD, ACTIVE, DONE, POWEROFF = 1, 2, 3, 6, 8
_NOT_DONE, _ANY = -1, -2
# Attributes of the VM itself; all others are the user's own, in USER_TEMPLATE.
# fmt: off
_OF_THE_MACHINE = frozenset((
    "CONTEXT", "CPU", "CPU_MODEL", "DISK", "FEATURES", "GRAPHICS", "INPUT", "MEMORY", "NIC", "NIC_DEFAULT", "NUMA_NODE",
    "OS", "PCI", "RAW", "TOPOLOGY", "VCPU",
))
# What a NIC inherits from its range, otherwise from its network (INHERIT_VNET_ATTR of the shipped configuration).
_INHERITED = (
    "AWS_ALLOCATION_ID", "BRIDGE_CONF", "CONF", "CVLANS", "EXTERNAL_IP", "FILTER_IP_SPOOFING", "FILTER_MAC_SPOOFING",
    "GATEWAY", "INBOUND_AVG_BW", "INBOUND_PEAK_BW", "INBOUND_PEAK_KB", "IP_LINK_CONF", "METRIC", "MTU",
    "OUTBOUND_AVG_BW", "OUTBOUND_PEAK_BW", "OUTBOUND_PEAK_KB", "OVS_BRIDGE_CONF", "QINQ_TYPE", "VLAN_TAGGED_ID",
    "VXLAN_MC", "VXLAN_MODE", "VXLAN_TEP",
)
# fmt: on
_IN_POOL = ("IP", "EXTERNAL_IP", "MAC", "NETWORK", "NETWORK_ID", "NIC_ID", "SECURITY_GROUPS")


def render(one: FrontEnd, machines: Sequence[Machine], full: bool) -> list[str]:
    """VMs as XML, in full or as the pool has them."""
    return [_full_xml(one, machine) if full else _pool_xml(one, machine) for machine in machines]


def _full_xml(one: FrontEnd, machine: Machine) -> str:
    return (
        f"<VM>{owner_xml(one, machine)}{xml.permissions(machine.permissions)}<LAST_POLL>0</LAST_POLL>"
        f"<STATE>{machine.state}</STATE><LCM_STATE>{machine.lcm_state}</LCM_STATE>"
        f"<PREV_STATE>{machine.state}</PREV_STATE><PREV_LCM_STATE>{machine.lcm_state}</PREV_LCM_STATE>"
        f"<RESCHED>0</RESCHED><STIME>{machine.started}</STIME><ETIME>{machine.ended}</ETIME>"
        f"{xml.plain('DEPLOY_ID', machine.deploy_id)}<MONITORING></MONITORING><SCHED_ACTIONS></SCHED_ACTIONS>"
        f"{machine.template.xml()}{machine.user_template.xml('USER_TEMPLATE')}"
        f"<HISTORY_RECORDS>{''.join(_history_xml(one, machine, n, h) for n, h in enumerate(machine.history))}"
        f"</HISTORY_RECORDS><BACKUPS><BACKUP_CONFIG/><BACKUP_IDS></BACKUP_IDS></BACKUPS></VM>"
    )


def _history_xml(one: FrontEnd, machine: Machine, sequence: int, stay: History) -> str:
    return (
        f"<HISTORY><OID>{machine.id}</OID><SEQ>{sequence}</SEQ>{xml.plain('HOSTNAME', stay.hostname)}"
        f"<HID>{stay.host_id}</HID><CID>{stay.cluster_id}</CID><STIME>{stay.start}</STIME><ETIME>{stay.end}</ETIME>"
        f"{xml.cdata('VM_MAD', stay.vm_mad)}{xml.cdata('TM_MAD', stay.tm_mad)}<DS_ID>{stay.datastore_id}</DS_ID>"
        f"{'<PLAN_ID>-2</PLAN_ID><ACTION_ID>-1</ACTION_ID>' if one.release.plans else ''}"
        f"<PSTIME>{stay.prolog_start}</PSTIME>"
        f"<PETIME>{stay.prolog_end}</PETIME><RSTIME>{stay.running_start}</RSTIME><RETIME>{stay.running_end}</RETIME>"
        f"<ESTIME>{stay.epilog_start}</ESTIME><EETIME>{stay.epilog_end}</EETIME><ACTION>{stay.action}</ACTION>"
        f"<UID>{stay.uid}</UID><GID>{stay.gid}</GID><REQUEST_ID>{stay.request_id}</REQUEST_ID></HISTORY>"
    )


def _pool_xml(one: FrontEnd, machine: Machine) -> str:
    template = machine.template
    nics = "".join(
        f"<NIC>{''.join(xml.cdata(key, nic[key]) for key in _IN_POOL if key in nic)}</NIC>"
        for nic in template.vectors("NIC")
    )
    stays = "".join(
        f"<HISTORY><OID>{machine.id}</OID><SEQ>{len(machine.history) - 1}</SEQ>{xml.cdata('HOSTNAME', stay.hostname)}"
        f"<HID>{stay.host_id}</HID><CID>{stay.cluster_id}</CID><DS_ID>{stay.datastore_id}</DS_ID>"
        f"{xml.cdata('VM_MAD', stay.vm_mad)}{xml.cdata('TM_MAD', stay.tm_mad)}{xml.cdata('ACTION', str(stay.action))}"
        f"</HISTORY>"
        for stay in machine.history[-1:]
    )
    return (
        f"<VM>{owner_xml(one, machine)}<LAST_POLL>0</LAST_POLL><STATE>{machine.state}</STATE>"
        f"<LCM_STATE>{machine.lcm_state}</LCM_STATE><RESCHED>0</RESCHED><STIME>{machine.started}</STIME>"
        f"<ETIME>{machine.ended}</ETIME>{xml.plain('DEPLOY_ID', machine.deploy_id)}"
        f"<TEMPLATE>{xml.plain('CPU', template.get('CPU'))}{xml.plain('MEMORY', template.get('MEMORY'))}"
        f"{xml.plain('VCPU', template.get('VCPU'))}{nics}</TEMPLATE><MONITORING/>"
        f"{machine.user_template.xml('USER_TEMPLATE')}<HISTORY_RECORDS>{stays}</HISTORY_RECORDS></VM>"
    )


KIND = Kind(Machine, "vm", "virtual machine", "VM", "VM_POOL", render)
calls = Calls(common_calls(KIND))


@calls.method("one.vm.update")
def update(one: FrontEnd, user: User, number: int, text: str, merge: int = 0) -> int:
    """Replace or extend the user template."""
    machine = KIND.owned(one, user, number, "MANAGE")
    if merge not in (0, 1):
        raise Refusal(Code.API, "Wrong update type")
    change = parse(text, "Cannot update template. ")
    template = machine.user_template.merged(change) if merge else change
    one.store.put(machine.model_copy(update={"user_template": template}))
    return number


def _pool(one: FrontEnd, user: User, flag: int, start: int, end: int, state: int, full: bool) -> str:
    shown = [
        machine
        for machine in selected(one.store.all(Machine), user, flag, start, end)
        if state in (_ANY, machine.state) or (state == _NOT_DONE and machine.state != DONE)
    ]
    return f"<VM_POOL>{''.join(render(one, shown, full))}</VM_POOL>"


@calls.method("one.vmpool.info")
def pool(one: FrontEnd, user: User, flag: int, start: int, end: int, state: int = _NOT_DONE) -> str:
    """VMs; state -1 means all except DONE, -2 all."""
    return _pool(one, user, flag, start, end, state, False)


@calls.method("one.vmpool.infoextended")
def pool_in_full(one: FrontEnd, user: User, flag: int, start: int, end: int, state: int = _NOT_DONE) -> str:
    """The same, each VM with all its attributes."""
    return _pool(one, user, flag, start, end, state, True)


@calls.method("one.vm.allocate")
def allocate(one: FrontEnd, user: User, text: str, on_hold: bool = False) -> int:
    """A new VM, PENDING or on HOLD, with its addresses leased."""
    require_create(user, "VM")
    template = parse(text)
    _check_size(template)
    number = one.store.next_id(Machine)
    name = template.get("NAME") or f"one-{number}"
    check_name(name)
    found_disks = disks(one, user, template.vectors("DISK"))
    nics = [_nic(one, user, number, index, wanted) for index, wanted in enumerate(template.vectors("NIC"))]
    clusters = common_clusters(found_disks, nics)
    parts: list[tuple[str, Value]] = [
        (found.name, found.value)
        for found in template.attributes
        if found.name in _OF_THE_MACHINE and found.name not in ("DISK", "NIC", "CONTEXT")
    ]
    parts += [("DISK", disk) for disk in found_disks]
    parts += [("NIC", nic) for nic in nics]
    parts += [("SECURITY_GROUP_RULE", rule) for rule in _rules(one, nics)]
    parts += [("AUTOMATIC_REQUIREMENTS", _requirements(one, clusters)), ("VMID", str(number))]
    if nics:
        on_clusters = " | ".join(f'("CLUSTERS/ID" @> {cluster})' for cluster in clusters)
        on_clusters = on_clusters if len(clusters) == 1 else f"({on_clusters})"
        parts += [("AUTOMATIC_DS_REQUIREMENTS", on_clusters), ("AUTOMATIC_NIC_REQUIREMENTS", on_clusters)]
    if given := template.vectors("CONTEXT"):
        found = [one.store.get(Network, int(nic["NETWORK_ID"])) for nic in nics]
        parts.append(("CONTEXT", context(one.release, given[0], nics, found)))
    machine = Machine(
        id=number,
        name=name,
        uid=user.id,
        gid=user.gid,
        template=Template.of(parts),
        user_template=template.without("NAME", *_OF_THE_MACHINE),
        state=HOLD if on_hold else PENDING,
        started=one.now,
    )
    return one.store.put(machine).id


def _check_size(template: Template) -> None:
    memory, cpu = template.get("MEMORY"), template.get("CPU")
    if not memory.isdecimal() or int(memory) == 0:
        raise Refusal(Code.INTERNAL, "MEMORY attribute must be a positive integer value")
    try:
        if float(cpu) > 0:
            return
    except ValueError:
        pass
    raise Refusal(Code.INTERNAL, "CPU attribute must be a positive float or integer value")


def _nic(one: FrontEnd, user: User, machine_id: int, nic_id: int, wanted: dict[str, str]) -> dict[str, str]:
    """The attributes of a NIC: the requested ones, and those of its network and its range. Raises Refusal."""
    network = _network(one, user, wanted)
    if network.state != NetworkState.READY:
        raise Refusal(Code.INTERNAL, f"Cannot get IP/MAC lease from virtual network {network.id}.")
    found, index = addresses.lease(one, network, machine_id, wanted.get("IP", ""), wanted.get("MAC", ""))
    inherited = {key: value for key in _INHERITED if (value := range_or_network(network, found, key))}
    nic = (
        wanted
        | inherited
        | {
            "AR_ID": str(found.id),
            "BRIDGE": network.bridge,
            "BRIDGE_TYPE": network.bridge_type,
            "CLUSTER_ID": ",".join(str(cluster) for cluster in network.clusters),
            "MAC": ranges.mac_at(found, index),
            "NAME": f"NIC{nic_id}",
            "NETWORK": network.name,
            "NETWORK_ID": str(network.id),
            "NIC_ID": str(nic_id),
            "SECURITY_GROUPS": networks.group_list(
                network.template.get("SECURITY_GROUPS"),
                found.attributes.get("SECURITY_GROUPS", ""),
                wanted.get("SECURITY_GROUPS", ""),
            ),
            "TARGET": f"one-{machine_id}-{nic_id}",
            "VN_MAD": network.vn_mad,
        }
    )
    if ip := ranges.ip_at(found, index):
        nic["IP"] = ip
    nic |= {
        key: value
        for key, value in (
            ("PHYDEV", network.phydev),
            ("VLAN_ID", network.vlan_id),
            ("OUTER_VLAN_ID", network.outer_vlan_id),
        )
        if value
    }
    return nic


def _network(one: FrontEnd, user: User, wanted: dict[str, str]) -> Network:
    number, name = wanted.get("NETWORK_ID", ""), wanted.get("NETWORK", "")
    if number.isdecimal():
        return networks.KIND.owned(one, user, int(number), "USE")
    owner = int(wanted["NETWORK_UID"]) if wanted.get("NETWORK_UID", "").isdecimal() else user.id
    for other in one.store.all(User):
        if other.name == wanted.get("NETWORK_UNAME"):
            owner = other.id
    network = networks.KIND.named(one, name, owner) if name else None
    if network is None:
        raise Refusal(
            Code.INTERNAL,
            f"User {owner} does not own a network with name: {name} . "
            "Set NETWORK_UNAME or NETWORK_UID of owner in NIC.",
        )
    require(user, "USE", "NET", network)
    return network


def range_or_network(network: Network, found: AddressRange, key: str) -> str:
    """An attribute of the range, or else of its network."""
    return found.attributes.get(key) or network.template.get(key)


def _rules(one: FrontEnd, nics: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """The rules of every security group that a NIC has."""
    numbers = sorted({int(number) for nic in nics for number in nic["SECURITY_GROUPS"].split(",") if number})
    groups = [group for number in numbers if (group := one.store.get(SecurityGroup, number))]
    return [
        rule | {"SECURITY_GROUP_ID": str(group.id), "SECURITY_GROUP_NAME": group.name}
        for group in groups
        for rule in group.template.vectors("RULE")
    ]


def _requirements(one: FrontEnd, clusters: Sequence[str]) -> str:
    """Where the VM can run: in a cluster that all its networks and images are in."""
    pinned = f"{'!(PUBLIC_CLOUD = YES) & ' if one.release.public_cloud else ''}!(PIN_POLICY = PINNED)"
    if not clusters:
        return pinned
    return f"({' | '.join(f'CLUSTER_ID = {cluster}' for cluster in clusters)}) & {pinned}"
