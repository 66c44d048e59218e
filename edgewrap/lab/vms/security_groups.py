"""The rules that OpenNebula's drivers create on a host for a NIC's security groups: pure functions.

The chains, rules and sets, and their order, are those of the drivers of 7.0.2. 7.4.0's are the same; 6.10's have no
rule in INPUT, so there a NIC's groups do not filter what the VM sends to an address of its bridge:

    FORWARD ─ bridged frames ─► opennebula ─ from the port ─► one-VM-NIC-o
                                           ─ to the port ───► one-VM-NIC-i
                                           ─ ACCEPT
    INPUT ─── from the port ─► one-VM-NIC-o

Each NIC's chain starts with the anti-spoofing filters and ends in DROP; packets that a rule of a group allows return
before. A NIC without any group blocks everything: the driver would let everything pass if the list of groups were
missing, but front-ends from 6.10 on always send a list, which may be empty.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from edgewrap.lab.vms.record import Nic, Rule

GLOBAL_CHAIN = "opennebula"
MAX_ELEMENTS = 65536  # of a set of networks and ports, as OpenNebulaNetwork.conf is shipped

IPV4, IPV6, SET = "iptables", "ip6tables", "ipset"
BOTH = (IPV4, IPV6)
_FAMILIES = {IPV4: "inet", IPV6: "inet6"}

# Neighbour discovery: always passes, by direction.
_DISCOVERY = {"i": (134, 135, 136, 137), "o": (133, 135, 136)}
# The codes that are allowed for a type without a code; for every other type: code 0.
_ICMP_CODES = {3: (*range(8), *range(9, 16)), 5: range(4), 9: (0, 16), 11: range(2), 12: range(3)}
_ICMPV6_CODES = {1: range(8), 3: range(2), 4: range(4), 138: (0, 1, 255), 139: range(3), 140: range(3)}


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a tool: `iptables`, `ip6tables` or `ipset`."""

    tool: str
    text: str


def chain_of(vm_id: int, nic: Nic) -> str:
    """The prefix of a NIC's chains and sets."""
    return f"one-{vm_id}-{nic.id}"


def bootstrap(tool: str) -> list[Command]:
    """Commands that create the global chain."""
    return [
        Command(tool, f"-N {GLOBAL_CHAIN}"),
        Command(tool, f"-A FORWARD -m physdev --physdev-is-bridged -j {GLOBAL_CHAIN}"),
        Command(tool, f"-A {GLOBAL_CHAIN} -j ACCEPT"),
    ]


def activation(vm_id: int, nic: Nic, rules: Iterable[Rule]) -> list[Command]:
    """Commands for one NIC of a VM with these rules."""
    chain = chain_of(vm_id, nic)
    known = tuple(rules)
    commands = [*_chains(chain, nic.port), *_filters(chain, nic)]
    for group in nic.security_groups:
        wanted = [rule for rule in known if rule.get("SECURITY_GROUP_ID") == group]
        made = [command for rule in wanted for command in _Admission(chain, group, rule).commands()]
        commands += dict.fromkeys(made)  # a command that two rules of a group share is run once
    return commands + [Command(tool, f"-A {chain}-{way} -j DROP") for tool in BOTH for way in "io"]


def deactivation(chain: str, listings: dict[str, str], sets: Iterable[str]) -> list[Command]:
    """Commands that delete a NIC's rules, given `-S` of each tool and the names of the existing sets."""
    commands = []
    for tool, listing in listings.items():
        lines = listing.splitlines()
        jumps = [line for line in lines if line.startswith("-A ") and line.split()[-1] in (f"{chain}-i", f"{chain}-o")]
        commands += [Command(tool, f"-D {line.removeprefix('-A ')}") for line in jumps]
        chains = [line.split()[1] for line in lines if line.startswith("-N ") and _belongs(line.split()[1], chain)]
        commands += [Command(tool, f"-{verb} {name}") for verb in "FX" for name in chains]
    return commands + [Command(SET, f"destroy {name}") for name in sets if _belongs(name, chain)]


def _belongs(name: str, chain: str) -> bool:
    return name == chain or name.startswith(f"{chain}-")


def _chains(chain: str, port: str) -> list[Command]:
    """The NIC's chains and the jumps to them. Each is inserted first, so the last one is at the top."""
    jump = f"-I {GLOBAL_CHAIN} -m physdev --physdev-is-bridged"
    return [
        Command(tool, text)
        for tool in BOTH
        for text in (
            f"-N {chain}-i",
            f"-N {chain}-o",
            f"{jump} --physdev-out {port} -j {chain}-i",
            f"{jump} --physdev-in {port} -j {chain}-o",
            f"-I INPUT -m physdev --physdev-in {port} -j {chain}-o",
        )
    ]


def _filters(chain: str, nic: Nic) -> list[Command]:
    """The rules before the groups' rules: against spoofing, and for known connections."""
    out = f"-A {chain}-o"
    commands = [
        Command(IPV6, f"-A {chain}-{way} -p icmpv6 --icmpv6-type {number} -j RETURN")
        for way, numbers in _DISCOVERY.items()
        for number in numbers
    ]
    if nic.filters_mac:
        commands += [Command(tool, f"{out} -m mac ! --mac-source {nic.mac} -j DROP") for tool in BOTH]
    if nic.filters_address:
        own, own6 = f"{chain}-ip-spoofing", f"{chain}-ip6-spoofing"
        dhcp = "-p udp --source 0.0.0.0/32 --sport 68 --destination 255.255.255.255/32 --dport 67"
        commands += [Command(IPV4, f"{out} {dhcp} -j RETURN"), Command(SET, f"create {own} hash:ip family inet")]
        commands += [Command(SET, f"add -exist {own} {nic.address}")] if nic.address else []
        commands += [
            Command(IPV4, f"{out} -m set ! --match-set {own} src -j DROP"),
            Command(SET, f"create {own6} hash:ip family inet6"),
            Command(IPV6, f"{out} -m set ! --match-set {own6} src -j DROP"),
        ]
    known = "-m state --state ESTABLISHED,RELATED -j RETURN"
    return commands + [Command(tool, f"-A {chain}-{way} {known}") for tool in BOTH for way in "io"]


@dataclass(frozen=True, slots=True)
class _Admission:
    """What one rule of a group allows at a NIC."""

    chain: str
    group: str
    rule: Rule

    def commands(self) -> list[Command]:
        """By what the rule names: a protocol, ports or an ICMP type of it, from anywhere or from a network."""
        by_network = "IP" in self.rule or "SIZE" in self.rule
        if kind := self.rule.get("ICMPV6_TYPE"):
            return self._icmp_from("ni6", IPV6, "icmpv6", kind, _ICMPV6_CODES) if by_network else self._icmp(IPV6, kind)
        if kind := self.rule.get("ICMP_TYPE"):
            return self._icmp_from("ni", IPV4, "icmp", kind, _ICMP_CODES) if by_network else self._icmp(IPV4, kind)
        if ports := self.rule.get("RANGE"):
            return self._ports_from(ports) if by_network else self._on(BOTH, f"-m multiport --dports {ports}")
        return self._from() if by_network else self._on(self._tools())

    @property
    def _protocol(self) -> str:
        named = self.rule["PROTOCOL"].lower()
        return "esp" if named == "ipsec" else named

    @property
    def _way(self) -> str:
        return "i" if self.rule["RULE_TYPE"].upper() == "INBOUND" else "o"

    def _set(self, kind: str) -> str:
        return f"{self.chain}-{self.group}-{self._way}-{kind}"

    def _tools(self) -> Sequence[str]:
        return {"icmp": (IPV4,), "icmpv6": (IPV6,)}.get(self._protocol, BOTH)

    def _on(self, tools: Iterable[str], match: str = "") -> list[Command]:
        words = f"-A {self.chain}-{self._way} -p {self._protocol} {match}".rstrip()
        return [Command(tool, f"{words} -j RETURN") for tool in tools]

    def _icmp(self, tool: str, kind: str) -> list[Command]:
        protocol = "icmp" if tool == IPV4 else "icmpv6"
        words = f"-A {self.chain}-{self._way} -p {protocol} --{protocol}-type {kind}"
        return [Command(tool, f"{words} -j RETURN")]

    def _from(self) -> list[Command]:
        """A protocol from a network."""
        commands = []
        for tool, network in self._networks():
            name = self._set(f"{self._protocol}-n-{_FAMILIES[tool]}")
            side = "src" if self._way == "i" else "dst"
            match = f"-A {self.chain}-{self._way} -p {self._protocol} -m set --match-set {name} {side} -j RETURN"
            commands += [
                Command(SET, f"create {name} hash:net family {_FAMILIES[tool]}"),
                Command(tool, match),
                Command(SET, f"add -exist {name} {network}"),
            ]
        return list(dict.fromkeys(commands))

    def _ports_from(self, ports: str) -> list[Command]:
        """Ports of a protocol from a network."""
        commands = []
        for tool, network in self._networks():
            name = self._set(f"nr-{_FAMILIES[tool]}")
            commands += [
                Command(SET, f"create {name} hash:net,port family {_FAMILIES[tool]} maxelem {MAX_ELEMENTS}"),
                self._to_set(tool, name),
                *(
                    Command(SET, f"add -exist {name} {network},{self._protocol}:{part.replace(':', '-')}")
                    for part in ports.split(",")
                ),
            ]
        return list(dict.fromkeys(commands))

    def _icmp_from(
        self, kind: str, tool: str, protocol: str, number: str, expanded: Mapping[int, Iterable[int]]
    ) -> list[Command]:
        """A type of ICMP, with all its codes, from a network."""
        name = self._set(kind)
        codes = expanded.get(int(number), (0,))
        return [
            Command(SET, f"create {name} hash:net,port family {_FAMILIES[tool]}"),
            self._to_set(tool, name),
            *(
                Command(SET, f"add -exist {name} {network},{protocol}:{number}/{code}")
                for _, network in self._networks()
                for code in codes
            ),
        ]

    def _to_set(self, tool: str, name: str) -> Command:
        sides = "src,dst" if self._way == "i" else "dst,dst"
        return Command(tool, f"-A {self.chain}-{self._way} -m set --match-set {name} {sides} -j RETURN")

    def _networks(self) -> list[tuple[str, str]]:
        """The networks that IP and SIZE make, each with the tool of its family."""
        if not self.rule.get("IP") or not self.rule.get("SIZE"):
            return []
        first = ipaddress.ip_address(self.rule["IP"])
        tool = IPV4 if first.version == 4 else IPV6
        last = type(first)(int(first) + int(self.rule["SIZE"]) - 1)
        return [(tool, str(network)) for network in ipaddress.summarize_address_range(first, last)]
