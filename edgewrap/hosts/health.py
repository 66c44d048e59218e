"""How hosts work, as they were observed: facts of `scripts/health.py`, and what is wrong by them. Pure.

A plan compares configuration. This looks at what is configured correctly and does not work: sessions of BGP, the
overlay between hosts, filters of others, file systems.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
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
            addresses[kind].update(map(_address, rest.split()))
        elif kind == "bgp":
            address, state = rest.split(maxsplit=1)  # a state may be `Idle (Admin)`
            sessions[_address(address)] = state
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


@lru_cache(maxsize=4096)
def _address(text: str) -> str:
    """A checked IPv4 address. Every host lists those of all others: each is kept once."""
    return str(IPv4Address(text))


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
    keys = {hosts[key].private_address: key for key in facts}
    sessions = tuple(_about(_pairs(_no_sessions(keys, facts)), facts, BGP_PORT))
    named = {finding.check for finding in sessions}  # without its sessions, nothing else of a host works either
    overlay = [pair for pair in _pairs(_no_overlay(keys, facts)) if not named.intersection(pair)]
    return (*sessions, *_about(overlay, facts, VXLAN_PORT))


def _no_sessions(keys: Mapping[str, str], facts: Mapping[str, HealthFacts]) -> Iterator[tuple[str, str]]:
    """A peer without sessions has no BGP yet. `keys` are those of the hosts, by address."""
    for key, one in facts.items():
        failing = {address for address, state in one.sessions.items() if state != ESTABLISHED}
        yield from ((key, keys[address]) for address in failing & keys.keys() if facts[keys[address]].sessions)


def _no_overlay(keys: Mapping[str, str], facts: Mapping[str, HealthFacts]) -> Iterator[tuple[str, str]]:
    """A gateway that BGP should have announced counts as one that does not answer, too."""
    probing = frozenset(address for address, key in keys.items() if facts[key].probes)
    settled = {key for key, one in facts.items() if set(one.sessions.values()) == {ESTABLISHED}}
    for key, one in facts.items():
        for address in probing - one.answered:
            if address in one.known or {key, keys[address]} <= settled:
                yield key, keys[address]


def _pairs(found: Iterable[tuple[str, str]]) -> list[tuple[str, ...]]:
    """Pairs of two hosts, each once, whichever of them sees it; in the order of their keys, the later one first."""
    pairs = {tuple(sorted(pair, key=_place, reverse=True)) for pair in found if pair[0] != pair[1]}
    return sorted(pairs, key=lambda pair: (*map(_place, pair),))


def _place(key: str) -> tuple[int, str]:
    return len(key), key


def _about(pairs: Iterable[tuple[str, ...]], facts: Mapping[str, HealthFacts], port: str) -> Iterator[Finding]:
    """One finding for each host with which others have no contact, so that one bad host is one finding."""
    without: dict[str, set[str]] = {}
    for one, other in pairs:
        without.setdefault(one, set()).add(other)
        without.setdefault(other, set()).add(one)
    while any(without.values()):
        worst = max(without, key=lambda key: len(without[key]))
        peers = sorted(without.pop(worst))
        for peer in peers:
            without[peer].discard(worst)
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
