"""A cluster as a graph: what there is, how it is connected, and what is broken; pure. `edgewrap graph` and the report
draw it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from edgewrap.change import PlaneName
from edgewrap.engine.status import UNKNOWN_STATE, ClusterStatus, HostStatus, VmStatus

ESTABLISHED = "Established"
FRONT_END = "front-end"
FREE = "free"


class NodeKind(StrEnum):
    """What a node is."""

    FRONT_END = "front-end"
    HOST = "host"
    GROUP = "interface group"
    EIP = "elastic ip"
    VM = "vm"


class EdgeKind(StrEnum):
    """How two nodes are connected, from the first to the second."""

    MANAGES = "manages"  # the front-end, a host
    SESSION = "bgp session"  # two hosts
    ENTRY = "entry host of"  # a host, an interface group
    ADDRESS = "address of"  # an interface group, an Elastic IP
    LEASE = "leased by"  # an Elastic IP, a VM
    RUNS = "runs"  # a host, a VM


@dataclass(frozen=True, slots=True)
class Node:
    """One thing."""

    key: str
    """Identifies the node in edges: `host-0`, `eip-3`, `vm-7`."""
    kind: NodeKind
    """What the node is."""
    name: str
    """What people call it: `host-0`, `VM 7 web`."""
    facts: tuple[str, ...] = ()
    """Short texts about it."""
    problems: tuple[str, ...] = ()
    """What is broken, empty if nothing is."""
    cause: str = ""
    """The key of another thing that is broken, if that is the reason."""


@dataclass(frozen=True, slots=True)
class Edge:
    """One connection of two nodes."""

    kind: EdgeKind
    """How they are connected."""
    source: str
    """The key of the first node."""
    target: str
    """The key of the second node."""
    problem: str = ""
    """What is broken, empty if it works."""
    cause: str = ""
    """The key of a node that is broken, if that is the reason."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One cluster."""

    name: str
    """The cluster's name."""
    place: str
    """Where it is in AWS."""
    nodes: tuple[Node, ...]
    """What there is, in the order of the indexes."""
    edges: tuple[Edge, ...]
    """How the nodes are connected."""

    def of(self, kind: NodeKind) -> tuple[Node, ...]:
        """All nodes of one kind."""
        return tuple(node for node in self.nodes if node.kind is kind)

    def targets(self, kind: EdgeKind, key: str) -> tuple[Node, ...]:
        """What a node is connected to."""
        keys = {edge.target for edge in self.edges if edge.kind is kind and edge.source == key}
        return tuple(node for node in self.nodes if node.key in keys)

    def sources(self, kind: EdgeKind, key: str) -> tuple[Node, ...]:
        """What is connected to a node."""
        keys = {edge.source for edge in self.edges if edge.kind is kind and edge.target == key}
        return tuple(node for node in self.nodes if node.key in keys)

    @property
    def defects(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Everything that is broken by itself, once, with its problems: not what is broken because of another thing."""
        nodes = ((one.name, one.problems) for one in self.nodes if one.problems and not one.cause)
        edges = (
            (f"BGP session of {one.source} and {one.target}", (one.problem,))
            for one in self.edges
            if one.problem and not one.cause
        )
        return (*nodes, *edges)

    @property
    def broken(self) -> tuple[str, ...]:
        """A line for each defect."""
        return tuple(f"{name}: {'; '.join(problems)}" for name, problems in self.defects)


def picture_of(status: ClusterStatus) -> Picture:
    """The graph of a cluster's status."""
    place = ", ".join((status.region, f"zone {status.zone}", status.vpc_id))
    return Picture(status.name, place, tuple(_nodes(status)), tuple(_edges(status)))


def _nodes(status: ClusterStatus) -> Iterator[Node]:
    down = {host.key: text for host in status.hosts if (text := _down(host))}
    entries = {host.key: "" for host in status.hosts} | down
    unread = status.front_end == UNKNOWN_STATE
    version = () if unread else (f"OpenNebula {status.front_end}",)
    yield Node(FRONT_END, NodeKind.FRONT_END, FRONT_END, version, ("it could not be read",) if unread else ())
    for host in status.hosts:
        warnings = (finding.text for finding in status.warnings if finding.check == host.key)
        addresses = tuple(address for address in (host.public_address, host.private_address) if address)
        states = (host.instance, host.opennebula, host.network if host.network == "ready" else "")
        facts = (" ".join(addresses), ", ".join(word for word in states if word))
        problems = tuple(dict.fromkeys((*_host_problems(host), *warnings)))
        yield Node(host.key, NodeKind.HOST, host.key, facts, problems)
    groups = {group.key for group in status.groups}
    for group in status.groups:
        yield Node(group.key, NodeKind.GROUP, group.key, (group.block,), *_entry_problem(group.entry_host, entries, ""))
    for eip in status.eips:
        why = _entry_problem(eip.entry_host, entries, eip.group if eip.group in groups else "")
        yield Node(eip.key, NodeKind.EIP, eip.key, (eip.public_address, eip.vm or FREE), *why)
    for vm in status.vms:
        failed, cause = vm_failed(vm), vm.host if vm.host in down else ""
        texts = (f"its state is {vm.state}",) if failed else ()
        yield Node(_vm_key(vm.id), NodeKind.VM, f"VM {vm.id} {vm.name}", (vm.state,), texts, cause if failed else "")


def vm_failed(vm: VmStatus) -> bool:
    """Whether OpenNebula itself says that something is wrong with it."""
    return vm.state == UNKNOWN_STATE or "fail" in vm.state


def _host_problems(host: HostStatus) -> Iterator[str]:
    if host.instance != "running":
        yield f"its instance is {host.instance}"
        return  # nothing else of it can work
    if host.opennebula.startswith("error") or host.opennebula == "none":
        yield "OpenNebula has no such host" if host.opennebula == "none" else f"OpenNebula: {host.opennebula}"
    if host.network == "differs":
        yield "its configuration differs from the spec"
    elif host.network != "ready":
        yield host.network


def _down(host: HostStatus) -> str:
    """Why nothing on the host is known to work, as the end of a sentence; empty if it was read."""
    if host.instance != "running":
        return f"its instance is {host.instance}"
    return "" if host.network in ("ready", "differs") else f"it could not be read ({host.network})"


def _entry_problem(entry: str, hosts: Mapping[str, str], group: str) -> tuple[tuple[str, ...], str]:
    """What is wrong with an entry host, and the key of what is the cause: that host, or without one the `group`."""
    if entry not in hosts:
        return ("it has no entry host",), group
    return ((f"its entry host {entry} does not work: {hosts[entry]}",), entry) if hosts[entry] else ((), "")


def _vm_key(number: int) -> str:
    return f"vm-{number}"


def _edges(status: ClusterStatus) -> Iterator[Edge]:
    known = {host.key for host in status.hosts}
    of_hosts = {finding.check for finding in status.warnings if finding.plane is PlaneName.HOSTS}
    explaining = {one.key for one in status.hosts if one.instance != "running" or one.network != "ready"} | of_hosts
    for host in status.hosts:
        if host.opennebula != "none":
            yield Edge(EdgeKind.MANAGES, FRONT_END, host.key)
    for session in status.sessions:
        if known.issuperset(session.hosts):
            works = session.state == ESTABLISHED
            cause = next((key for key in session.hosts if key in explaining), "")
            yield Edge(EdgeKind.SESSION, *session.hosts, *(("", "") if works else (session.state, cause)))
    for group in status.groups:
        if group.entry_host in known:
            yield Edge(EdgeKind.ENTRY, group.entry_host, group.key)
    for eip in status.eips:
        yield Edge(EdgeKind.ADDRESS, eip.group, eip.key)
    for vm in status.vms:
        yield from (Edge(EdgeKind.LEASE, key, _vm_key(vm.id)) for key in vm.eips)
        if vm.host in known:
            yield Edge(EdgeKind.RUNS, vm.host, _vm_key(vm.id))
