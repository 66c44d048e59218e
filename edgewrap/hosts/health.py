"""How hosts work, as they were observed: facts of `scripts/health.py`, and what is wrong by them. Pure.

A plan compares configuration. This looks at what is configured correctly and does not work: sessions of BGP, the
overlay between hosts, filters of others, file systems.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from edgewrap.change import PlaneName
from edgewrap.finding import Finding, Verdict
from edgewrap.hosts.operation import first_of
from edgewrap.outputs import HostOutput

ESTABLISHED = "Established"
NEARLY_FULL = 90  # percent
SHOWN = 5  # peers or filters in one text
BGP_PORT, VXLAN_PORT = "179", "8472"
_DEVICES = re.compile(r"\b(br|gw|vx)-edge\b|\bgw-port\b")
_NO_CONDITION = re.compile(r"(counter( packets \d+ bytes \d+)? )?(drop|reject)\b|policy drop$")


@dataclass(frozen=True, slots=True)
class Filter:
    """A rule, or the policy, of a base chain that is not ours: it drops or rejects packets. `table` has its family."""

    table: str
    chain: str
    hook: str
    rule: str

    def __str__(self) -> str:
        return f"table {self.table}, chain {self.chain}: {self.rule}"

    @property
    def unconditional(self) -> bool:
        """Whether it is about every packet that reaches it."""
        return _NO_CONDITION.match(self.rule) is not None

    @property
    def drops_forwarded(self) -> bool:
        """Whether packets of VMs do not pass it. Rules that accept those of gw-edge before it are known by then."""
        return _DEVICES.search(self.rule) is not None or (self.hook == "forward" and self.unconditional)

    def may_drop(self, port: str) -> bool:
        """Whether it may be about what other hosts send to this port."""
        return self.hook != "forward" and (
            self.unconditional or re.search(rf"\b{port}\b", self.rule) is not None or self.hook == "ingress"
        )


@dataclass(frozen=True, slots=True)
class HealthFacts:
    """How a host works. Peers are named by their primary addresses: `sessions` has the states of BGP's; EVPN knows the
    gateways of `known`, and those of `answered` have answered a probe through the overlay. `probes`: this host answers
    them. `unaccepted` are rules of ours that iptables lacks, in chains whose policy is DROP; `disks` has the percentage
    in use by path."""

    sessions: Mapping[str, str] = field(default_factory=dict)
    probes: bool = False
    known: frozenset[str] = frozenset()
    answered: frozenset[str] = frozenset()
    filters: tuple[Filter, ...] = ()
    unaccepted: tuple[str, ...] = ()
    disks: Mapping[str, int] = field(default_factory=dict)


def parse_health(lines: Iterable[str]) -> HealthFacts:
    """Parse what health.py printed. Raises ValueError for a value of another form."""
    sessions, disks, addresses = dict[str, str](), dict[str, int](), {"known": set[str](), "answered": set[str]()}
    filters, unaccepted, probes = list[Filter](), list[str](), False
    for line in lines:
        kind, _, rest = line.partition(" ")
        if kind in addresses:
            addresses[kind].add(str(IPv4Address(rest)))
        elif kind == "bgp":
            address, state = rest.split(maxsplit=1)  # a state may be `Idle (Admin)`
            sessions[str(IPv4Address(address))] = state
        elif kind == "filter":
            family, table, chain, hook, rule = rest.split(maxsplit=4)
            filters.append(Filter(f"{family} {table}", chain, hook, rule))
        elif kind == "unaccepted":
            unaccepted.append(rest)
        elif kind == "disk":
            path, percent = rest.split()
            disks[path] = int(percent)
        elif kind == "probes":
            probes = True
        else:
            raise ValueError(f"health: {kind}")
    known, answered = frozenset(addresses["known"]), frozenset(addresses["answered"])
    return HealthFacts(sessions, probes, known, answered, tuple(filters), tuple(unaccepted), disks)


def session_states(hosts: Mapping[str, HostOutput], facts: Mapping[str, HealthFacts]) -> dict[tuple[str, str], str]:
    """The state of each BGP session by its two hosts, in their order: Established only if no side says otherwise."""
    keys, order = {host.private_address: key for key, host in hosts.items()}, list(hosts)
    states: dict[tuple[str, str], str] = {}
    for one, health in facts.items():
        for address, state in health.sessions.items():
            if (other := keys.get(address)) is None:
                continue
            first, second = sorted((one, other), key=order.index)
            if states.get((first, second), ESTABLISHED) == ESTABLISHED:
                states[first, second] = state
    return states


def health_findings(hosts: Mapping[str, HostOutput], facts: Mapping[str, HealthFacts]) -> tuple[Finding, ...]:
    """What is wrong, host by host. `facts` are those of the hosts that were read; the others are reported as such."""
    return (*path_findings(hosts, facts), *(one for key in facts for one in _local(key, facts[key])))


def path_findings(hosts: Mapping[str, HostOutput], facts: Mapping[str, HealthFacts]) -> tuple[Finding, ...]:
    """What does not pass between hosts. During a change this may be so for some seconds."""
    sessions = tuple(_about(_pairs(hosts, facts, _no_session), facts, BGP_PORT))
    named = {finding.check for finding in sessions}  # without its sessions, nothing else of a host works either
    overlay = [pair for pair in _pairs(hosts, facts, _no_overlay) if not pair & named]
    return (*sessions, *_about(overlay, facts, VXLAN_PORT))


def _no_session(one: HealthFacts, peer: HealthFacts, address: str) -> bool:
    """A peer without sessions has no BGP yet."""
    return bool(peer.sessions) and one.sessions.get(address, ESTABLISHED) != ESTABLISHED


def _no_overlay(one: HealthFacts, peer: HealthFacts, address: str) -> bool:
    """A gateway that BGP should have announced counts as one that does not answer, too."""
    if not peer.probes or address in one.answered:
        return False
    settled = all(set(each.sessions.values()) == {ESTABLISHED} for each in (one, peer))
    return address in one.known or settled


def _pairs(
    hosts: Mapping[str, HostOutput],
    facts: Mapping[str, HealthFacts],
    fails: Callable[[HealthFacts, HealthFacts, str], bool],
) -> list[frozenset[str]]:
    """The pairs of hosts for which that is so, seen from either."""
    found = (
        frozenset((key, other))
        for key in facts
        for other in facts
        if key != other and fails(facts[key], facts[other], hosts[other].private_address)
    )
    return list(dict.fromkeys(found))


def _about(pairs: Sequence[frozenset[str]], facts: Mapping[str, HealthFacts], port: str) -> Iterator[Finding]:
    """One finding for each host with which others have no contact, so that one bad host is one finding."""
    left = list(pairs)
    while left:
        [(worst, _)] = Counter(key for pair in left for key in sorted(pair, reverse=True)).most_common(1)
        peers = sorted(key for pair in left if worst in pair for key in pair - {worst})
        left = [pair for pair in left if worst not in pair]
        causes = [f"on {key}, {one}" for key in (worst, *peers) for one in facts[key].filters if one.may_drop(port)]
        causes += [
            f"on {key}, iptables lacks `{rule}`"
            for key in (worst, *peers)
            for rule in facts[key].unaccepted
            if rule.startswith("INPUT")
        ]
        names = first_of(peers, SHOWN)
        if port == BGP_PORT:
            states = sorted({state for state in facts[worst].sessions.values() if state != ESTABLISHED})
            text = f"its BGP session with {names} is not established ({', '.join(states) or 'on their side'})"
            protocol = f"TCP {port}"
        else:
            text, protocol = f"the overlay does not pass between it and {names}", f"UDP {port}"
        advice = (
            f"the cause may be: {first_of(causes, SHOWN)}; remove it, or accept {protocol} from the other hosts there"
            if causes
            else f"check that the network ACL of the subnet, and filters on the hosts, let {protocol} pass between them"
        )
        yield Finding(PlaneName.HOSTS, worst, Verdict.WARNING, text, advice)


def _local(key: str, facts: HealthFacts) -> Iterator[Finding]:
    if facts.unaccepted:
        chains = " and ".join(dict.fromkeys(rule.split()[0] for rule in facts.unaccepted))
        text = f"iptables drops packets of the cluster: its policy of {chains} is DROP, as Docker and ufw set it"
        yield Finding(PlaneName.HOSTS, key, Verdict.WARNING, text, "`edgewrap apply` adds rules that accept them")
    if dropping := [one for one in facts.filters if one.drops_forwarded]:
        text = f"a filter that is not edgewrap's drops packets of VMs: {first_of(dropping, SHOWN)}"
        advice = (
            "remove it, or stop what sets it (`systemctl disable --now firewalld`); or add rules that accept these "
            'packets before it: `iifname "gw-edge" accept`, `oifname "gw-edge" accept`'
        )
        yield Finding(PlaneName.HOSTS, key, Verdict.WARNING, text, advice)
    for path, percent in facts.disks.items():
        if percent >= NEARLY_FULL:
            text = f"its file system {path} is {percent} % full"
            advice = "remove files there, or grow it (`hosts.root_volume_gb`); at 100 % VMs stop"
            yield Finding(PlaneName.HOSTS, key, Verdict.WARNING, text, advice)
