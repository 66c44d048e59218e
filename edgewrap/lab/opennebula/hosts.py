"""Hosts: their states, and how monitoring changes them."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence

from edgewrap.lab.opennebula import inventory, xml
from edgewrap.lab.opennebula.auth import require_create
from edgewrap.lab.opennebula.calls import Calls, Code, Refusal, allocating
from edgewrap.lab.opennebula.common import Kind, check_name, common_calls, existing_cluster, pool_calls
from edgewrap.lab.opennebula.frontend import FULL_REPORT_S, Attempt, FrontEnd
from edgewrap.lab.opennebula.records import Capacity, Host, HostState, Machine, User
from edgewrap.lab.opennebula.template import Template

_NAME_EXTRAS = frozenset(".-_:")
_DRIVERS = frozenset({"kvm", "qemu", "lxc", "dummy"})  # the IM_MADs that the front-end has
_NOTHING = Capacity(memory=0, cpu=0, disk_free=0, disk_total=0, disk_used=0, dummy=False)


def render(one: FrontEnd, hosts: Sequence[Host], full: bool) -> list[str]:
    """Hosts as XML; the figures of monitoring only in full."""
    guests = running(one)
    return [_host_xml(one, host, guests[host.id], full) for host in hosts]


def running(one: FrontEnd) -> defaultdict[int, list[Machine]]:
    """The VMs that use capacity of each host, by host id."""
    found: defaultdict[int, list[Machine]] = defaultdict(list)
    for machine in one.store.all(Machine):
        if machine.history and not machine.history[-1].end:
            found[machine.history[-1].host_id].append(machine)
    return found


def _host_xml(one: FrontEnd, host: Host, guests: Sequence[Machine], full: bool) -> str:
    return (
        f"<HOST><ID>{host.id}</ID>{xml.plain('NAME', host.name)}<STATE>{host.state}</STATE>"
        f"<PREV_STATE>{host.state}</PREV_STATE>{xml.cdata('IM_MAD', host.im_mad)}{xml.cdata('VM_MAD', host.vm_mad)}"
        f"<CLUSTER_ID>{host.cluster_id}</CLUSTER_ID>{xml.plain('CLUSTER', one.cluster_name(host.cluster_id))}"
        f"{_share_xml(one, host.capacity or _NOTHING, guests)}{xml.ids('VMS', [guest.id for guest in guests])}"
        f"{host.template.xml()}{_monitoring_xml(one, host) if full else '<MONITORING/>'}</HOST>"
    )


def _share_xml(one: FrontEnd, found: Capacity, guests: Sequence[Machine]) -> str:
    memory = sum(int(float(guest.template.get("MEMORY", "0")) * 1024) for guest in guests)
    cpu = sum(round(float(guest.template.get("CPU", "0")) * 100) for guest in guests)
    devices = "<PCI_DEVICES></PCI_DEVICES><NUMA_NODES></NUMA_NODES>"
    if found.dummy:
        devices = inventory.dummy(one.release.inventory_file).devices
    return (
        f"<HOST_SHARE><MEM_USAGE>{memory}</MEM_USAGE><CPU_USAGE>{cpu}</CPU_USAGE>"
        f"<TOTAL_MEM>{found.memory}</TOTAL_MEM><TOTAL_CPU>{found.cpu}</TOTAL_CPU>"
        f"<MAX_MEM>{found.memory}</MAX_MEM><MAX_CPU>{found.cpu}</MAX_CPU>"
        f"<RUNNING_VMS>{len(guests)}</RUNNING_VMS><VMS_THREAD>1</VMS_THREAD>"
        f"<DATASTORES>{xml.cdata('DISK_USAGE', '0')}{xml.cdata('FREE_DISK', str(found.disk_free))}"
        f"{xml.cdata('MAX_DISK', str(found.disk_total))}{xml.cdata('USED_DISK', str(found.disk_used))}</DATASTORES>"
        f"{devices}</HOST_SHARE>"
    )


def _monitoring_xml(one: FrontEnd, host: Host) -> str:
    if host.capacity is None:
        return "<MONITORING/>"
    seen = int(one.monitored.get(host.id, 0))
    figures = inventory.figures(one.release, host.capacity)
    return f"<MONITORING><TIMESTAMP>{seen}</TIMESTAMP><ID>{host.id}</ID>{figures}</MONITORING>"


def _reshape(one: FrontEnd, host: Host) -> Host:
    """A template without drivers keeps them; monitoring writes its attributes again at its next run."""
    im_mad = host.template.get("IM_MAD") or host.im_mad
    vm_mad = host.template.get("VM_MAD") or host.vm_mad
    template = host.template.with_({"IM_MAD": im_mad, "VM_MAD": vm_mad})
    due = _next_look(one) if host.state == HostState.MONITORED else host.due
    return host.model_copy(update={"im_mad": im_mad, "vm_mad": vm_mad, "template": template, "due": due})


def _next_look(one: FrontEnd) -> float:
    return one.clock() + one.interval if one.monitor == "none" else 0.0


def _begin_monitoring(one: FrontEnd, host: Host) -> Host:
    """Request a login to the host's current name. Nothing happens without a driver: the real one's log says
    `Cannot find driver none`."""
    if not has_driver(host):
        return host
    if one.monitor == "ssh":
        one.starts.append(Attempt(host.id, host.name, host.im_mad))
    return host.model_copy(update={"due": _next_look(one)})


KIND = Kind(Host, "host", "host", "HOST", "HOST_POOL", render, _reshape)
calls = Calls(common_calls(KIND) | pool_calls(KIND, "hostpool", filtered=False))


@calls.method("one.host.allocate")
def allocate(one: FrontEnd, user: User, name: str, im_mad: str, vm_mad: str, cluster_id: int = -1) -> int:
    """A new host, enabled; its monitoring starts at once. Names of drivers are not checked, as on a real front-end."""
    require_create(user, "HOST")
    cluster_id = existing_cluster(one, cluster_id)
    with allocating(one, "host"):
        for word, driver in (("IM_MAD_NAME", im_mad), ("VMM_MAD_NAME", vm_mad)):
            if not driver:
                raise Refusal(Code.INTERNAL, f"{word} cannot be empty.")
        check_name(name)
        for char in name if one.release.host_names_checked else "":
            if not (char.isascii() and char.isalnum()) and char not in _NAME_EXTRAS:
                raise Refusal(Code.INTERNAL, f"Invalid HOSTNAME, '{char}' is invalid character for a HOSTNAME")
        KIND.check_name(one, name)
    host = Host(
        id=one.store.next_id(Host),
        name=name,
        im_mad=im_mad,
        vm_mad=vm_mad,
        cluster_id=cluster_id,
        template=Template.of([("IM_MAD", im_mad), ("RESERVED_CPU", ""), ("RESERVED_MEM", ""), ("VM_MAD", vm_mad)]),
    )
    return one.store.put(_begin_monitoring(one, host)).id


_rename = calls["one.host.rename"].handler


@calls.method("one.host.rename")
def rename(one: FrontEnd, user: User, number: int, name: str) -> int:
    """Rename a host; the front-end reaches its VMs by the new name from now on."""
    _rename(one, user, number, name)
    for machine in running(one)[number]:
        stay = machine.history[-1].model_copy(update={"hostname": name})
        one.store.put(machine.model_copy(update={"history": (*machine.history[:-1], stay)}))
    return number


@calls.method("one.host.status")
def status(one: FrontEnd, user: User, number: int, wanted: int) -> int:
    """0 enables, 1 disables, 2 takes offline. Only from OFFLINE does 0 start the monitoring. A disabled host whose
    capacity is known is MONITORED at once, whatever its health; any other host shows INIT until it is seen again."""
    host = KIND.owned(one, user, number, "ADMIN")
    if wanted not in (0, 1, 2):
        raise Refusal(Code.INTERNAL, "Wrong status code")
    change: dict[str, object] = {"state": HostState.DISABLED}
    if wanted == 0:
        known = host.state == HostState.DISABLED and host.capacity is not None
        reports_later = host.state == HostState.MONITORED and one.monitor == "ssh"
        due = one.clock() + FULL_REPORT_S if reports_later else _next_look(one)
        change = {"state": HostState.MONITORED if known else HostState.INIT, "due": due}
    elif wanted == 2:
        template = host.template.without("TOTALCPU", "TOTALMEMORY")
        change = {"state": HostState.OFFLINE, "capacity": None, "template": template, "due": 0.0}
    starts = wanted == 0 and host.state == HostState.OFFLINE
    host = host.model_copy(update=change)
    one.store.put(_begin_monitoring(one, host) if starts else host)
    return number


@calls.method("one.host.delete")
def delete(one: FrontEnd, user: User, number: int) -> int:
    """Delete a host without running VMs."""
    host = KIND.owned(one, user, number, "ADMIN")
    if running(one)[number]:
        raise Refusal(Code.ACTION, "Cannot delete host. Can not remove a host with running VMs")
    one.store.drop(host)
    one.monitored.pop(number, None)
    return number


def is_watched(host: Host) -> bool:
    """Whether the front-end monitors the host: a disabled one, too, though it stays DISABLED."""
    return host.state != HostState.OFFLINE


def has_driver(host: Host) -> bool:
    """Whether the front-end has the host's monitoring driver."""
    return host.im_mad in _DRIVERS


def seen_well(one: FrontEnd, host: Host, agent: str, name: str) -> None:
    """The host answered at that name: it is MONITORED, with what the agent on it reports."""
    as_dummy = one.monitor == "none"
    told = inventory.attributes(one.release, host.name, agent, as_dummy=as_dummy)
    template = host.template.without("ERROR").merged(told)
    one.monitored[host.id] = one.clock()
    one.store.put(
        host.model_copy(
            update={
                "state": _unless_disabled(host, HostState.MONITORED),
                "capacity": inventory.capacity(as_dummy=as_dummy),
                "template": template,
                "agent": agent,
                "agent_at": name,
                "due": 0.0,
            }
        )
    )


def seen_ill(one: FrontEnd, host: Host, reason: str) -> None:
    """The host did not answer: it is in ERROR, and its template has the reason and the time."""
    text = f"Error monitoring Host {host.name} ({host.id}): {reason}"
    state = _unless_disabled(host, HostState.ERROR)
    if host.state == state and host.template.get("ERROR").endswith(f" : {text}"):
        return
    template = host.template.with_({"ERROR": f"{time.ctime(one.clock())} : {text}"})
    one.store.put(host.model_copy(update={"state": state, "template": template}))


def _unless_disabled(host: Host, state: int) -> int:
    return host.state if host.state == HostState.DISABLED else state


def advance(one: FrontEnd) -> None:
    """With `--monitor none`: hosts become MONITORED when they are due."""
    for host in one.store.all(Host):
        if one.passed(host.due) and is_watched(host):
            seen_well(one, host, host.im_mad, host.name)
