"""A cluster as a graph: what there is, how it is connected, and what is broken; pure. `edgewrap graph` and the report
draw it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

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
    def broken(self) -> tuple[str, ...]:
        """A line for everything that is broken. An Elastic IP that only shares the problem of its interface group has
        none, nor has a session of a host that is broken itself."""
        shared = {edge.target for node in self.of(NodeKind.GROUP) if node.problems for edge in self._addresses(node)}
        nodes = (f"{one.name}: {text}" for one in self.nodes if one.key not in shared for text in one.problems)
        bad = {node.key for node in self.nodes if node.problems}
        edges = (
            f"BGP session of {edge.source} and {edge.target}: {edge.problem}"
            for edge in self.edges
            if edge.problem and not bad & {edge.source, edge.target}
        )
        return (*nodes, *edges)

    def _addresses(self, group: Node) -> Iterator[Edge]:
        return (edge for edge in self.edges if edge.kind is EdgeKind.ADDRESS and edge.source == group.key)


def picture_of(status: ClusterStatus) -> Picture:
    """The graph of a cluster's status."""
    place = ", ".join((status.region, f"zone {status.zone}", status.vpc_id))
    return Picture(status.name, place, tuple(_nodes(status)), tuple(_edges(status)))


def _nodes(status: ClusterStatus) -> Iterator[Node]:
    dead = {host.key: host.instance for host in status.hosts if host.instance != "running"}
    known = {host.key for host in status.hosts}
    unread = status.front_end == UNKNOWN_STATE
    version = () if unread else (f"OpenNebula {status.front_end}",)
    yield Node(FRONT_END, NodeKind.FRONT_END, FRONT_END, version, ("it could not be read",) if unread else ())
    for host in status.hosts:
        warnings = tuple(finding.text for finding in status.warnings if finding.check == host.key)
        addresses = tuple(address for address in (host.public_address, host.private_address) if address)
        states = (host.instance, host.opennebula, host.network if host.network == "ready" else "")
        facts = (" ".join(addresses), ", ".join(word for word in states if word))
        yield Node(host.key, NodeKind.HOST, host.key, facts, (*_host_problems(host), *warnings))
    for group in status.groups:
        yield Node(group.key, NodeKind.GROUP, group.key, (group.block,), _entry_problem(group.entry_host, dead, known))
    for eip in status.eips:
        problems = _entry_problem(eip.entry_host, dead, known)
        yield Node(eip.key, NodeKind.EIP, eip.key, (eip.public_address, eip.vm or FREE), problems)
    for vm in status.vms:
        problems = (f"its state is {vm.state}",) if vm_failed(vm) else ()
        yield Node(_vm_key(vm.id), NodeKind.VM, f"VM {vm.id} {vm.name}", (vm.state,), problems)


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


def _entry_problem(entry: str, dead: dict[str, str], known: set[str]) -> tuple[str, ...]:
    if entry in dead:
        return (f"the instance of its entry host {entry} is {dead[entry]}",)
    return () if entry in known else ("it has no entry host",)


def _vm_key(number: int) -> str:
    return f"vm-{number}"


def _edges(status: ClusterStatus) -> Iterator[Edge]:
    known = {host.key for host in status.hosts}
    for host in status.hosts:
        if host.opennebula != "none":
            yield Edge(EdgeKind.MANAGES, FRONT_END, host.key)
    for session in status.sessions:
        if known.issuperset(session.hosts):
            yield Edge(EdgeKind.SESSION, *session.hosts, "" if session.state == ESTABLISHED else session.state)
    for group in status.groups:
        if group.entry_host in known:
            yield Edge(EdgeKind.ENTRY, group.entry_host, group.key)
    for eip in status.eips:
        yield Edge(EdgeKind.ADDRESS, eip.group, eip.key)
    for vm in status.vms:
        yield from (Edge(EdgeKind.LEASE, key, _vm_key(vm.id)) for key in vm.eips)
        if vm.host in known:
            yield Edge(EdgeKind.RUNS, vm.host, _vm_key(vm.id))
