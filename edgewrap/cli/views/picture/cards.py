"""The graph as one card per host: its sessions, its VMs, its interface groups with their Elastic IPs. Pure.

A group with many free Elastic IPs shows only their number, so that 20 hosts with 100 Elastic IPs are still readable.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edgewrap.counted import counted
from edgewrap.engine.picture import FREE, FRONT_END, EdgeKind, Node, NodeKind, Picture

MOST_PEERS = 4  # of a host that are named
MOST_FREE = 2  # a group with more free Elastic IPs than this shows their number
BROKEN = "BROKEN"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a card. A line that is `broken` also says so in words; a `degraded` one is about what does not work
    because another host is broken."""

    text: str
    broken: bool = False
    degraded: bool = False


@dataclass(frozen=True, slots=True)
class GroupBox:
    """One interface group; a line for each Elastic IP that is in use or broken."""

    node: Node
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Card:
    """One host, or what is on no host (`node` is None then)."""

    node: Node | None
    lines: tuple[Line, ...]
    groups: tuple[GroupBox, ...]

    @property
    def title(self) -> str:
        return self.node.name if self.node else "on no host"

    @property
    def broken(self) -> bool:
        """Whether its host is, or something of it."""
        lines = (*self.lines, *(line for group in self.groups for line in group.lines))
        return any(line.broken for line in lines)

    @property
    def degraded(self) -> bool:
        """Whether its host misses something because another host is broken."""
        return any(line.degraded for line in self.lines)


def summary(picture: Picture) -> str:
    """What there is, in one sentence, and whether it works."""
    counts = [(len(picture.of(kind)), word) for kind, word in _WORDS.items()]
    parts = ", ".join(counted(count, word) for count, word in counts)
    return f"{parts}; {len(picture.broken) or 'nothing'} {BROKEN if picture.broken else 'is broken'}"


_WORDS = {
    NodeKind.HOST: "host",
    NodeKind.GROUP: "interface group",
    NodeKind.EIP: "Elastic IP",
    NodeKind.VM: "VM",
}


def cards(picture: Picture) -> tuple[Card, ...]:
    """A card for each host, and one more for groups and VMs that are on none."""
    on_hosts = [
        Card(
            host,
            (*_problems(host), *_sessions(picture, host), *_vms(picture.targets(EdgeKind.RUNS, host.key))),
            tuple(_group(picture, group, host) for group in picture.targets(EdgeKind.ENTRY, host.key)),
        )
        for host in picture.of(NodeKind.HOST)
    ]
    groups = [one for one in picture.of(NodeKind.GROUP) if not picture.sources(EdgeKind.ENTRY, one.key)]
    vms = [one for one in picture.of(NodeKind.VM) if not picture.sources(EdgeKind.RUNS, one.key)]
    if groups or vms:
        on_hosts.append(Card(None, tuple(_vms(vms)), tuple(_group(picture, group, None) for group in groups)))
    return tuple(on_hosts)


def front_end(picture: Picture) -> tuple[Line, ...]:
    """The front-end."""
    [node] = [one for one in picture.nodes if one.key == FRONT_END]
    return (Line("  ".join((node.name, *node.facts)), bool(node.problems)), *_problems(node))


def _problems(node: Node) -> Iterator[Line]:
    return (_line(text, broken=True) for text in node.problems)


def _line(text: str, *, broken: bool) -> Line:
    return Line(f"{BROKEN}: {text}" if broken else text, broken)


def _sessions(picture: Picture, host: Node) -> Iterator[Line]:
    """The sessions that work are one line, each other one is its own: broken here, unless its peer is the cause."""
    works = []
    for edge in picture.edges:
        if edge.kind is not EdgeKind.SESSION or host.key not in (edge.source, edge.target):
            continue
        peer = edge.target if edge.source == host.key else edge.source
        if edge.problem and edge.cause == peer:
            yield Line(f"no BGP with {peer}: {edge.problem}", degraded=True)
        elif edge.problem:
            yield _line(f"BGP with {peer}: {edge.problem}", broken=True)
        else:
            works.append(peer)
    if works:
        yield Line(f"BGP with {', '.join(works) if len(works) <= MOST_PEERS else counted(len(works), 'host')}")


def _vms(vms: Sequence[Node]) -> Iterator[Line]:
    for vm in vms:
        yield _line(f"{vm.name}: {', '.join(vm.facts)}", broken=bool(vm.problems))


def _group(picture: Picture, group: Node, host: Node | None) -> GroupBox:
    addresses = picture.targets(EdgeKind.ADDRESS, group.key)
    free = [eip for eip in addresses if FREE in eip.facts]
    folded = free if len(free) > MOST_FREE else []
    lines = [_address(picture, eip, host) for eip in addresses if eip not in folded]
    if folded:
        text = f"{len(folded)} free, {folded[0].name} to {folded[-1].name}"
        lines.append(_line(text, broken=bool(folded[0].problems)))
    return GroupBox(group, (*_problems(group), *lines))


def _address(picture: Picture, eip: Node, host: Node | None) -> Line:
    """An Elastic IP and who leases it: the name of a VM, or the host that it is on if that is not the entry host."""
    address, holder = eip.facts
    for vm in picture.targets(EdgeKind.LEASE, eip.key):
        elsewhere = [one.name for one in picture.sources(EdgeKind.RUNS, vm.key) if one != host]
        holder = f"{holder} on {elsewhere[0]}" if elsewhere else vm.name
    return _line(f"{eip.name} {address} {holder}", broken=bool(eip.problems))
