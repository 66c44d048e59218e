"""The nft rules of a VPC's router and of its internet gateway, as text.

A file updates the existing table: it flushes its rules, sets and maps and fills them again in one transaction, so that
counters and the state of connections are kept.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping

from edgewrap.lab.cloud import CloudRule
from edgewrap.lab.fabric.desired import Port, Vpc

TABLE = "lab"
TO_GATEWAY = "igw"
"""The VPC router's interface to the internet gateway."""
TO_VPC, TO_INTERNET = "vpc", "internet"
"""The internet gateway's two interfaces."""

METADATA = "169.254.169.254"
"""Where instances read their metadata and user data."""
RESOLVER = "169.254.169.253"
"""Where a VPC's name server listens, beside the address that depends on the VPC's CIDR."""

VPC_COUNTERS = ("foreign_source", "denied_egress", "denied_ingress", "no_route_to_gateway")
GATEWAY_COUNTERS = ("no_public_address", "not_associated")

_ANYWHERE = "0.0.0.0/0"
_WITH_PORTS = ("tcp", "udp")


def vpc_rules(vpc: Vpc) -> str:
    """Source/destination check and security groups of one VPC's router.

    A packet inside the VPC is checked twice here: `egress` checks the port that it came from, `ingress`, later, the
    port that it goes to; so `accept` in one chain allows one side only.
    """
    checked = [port for port in vpc.ports if port.checked]
    lines = [
        *_counters(VPC_COUNTERS),
        *_named_set("checked", "ifname", [_quoted(port) for port in checked]),
        *_named_set("owned", "ifname . ipv4_addr", _owned(checked)),
        *_named_set("stranded", "ifname", [_quoted(port) for port in vpc.ports if not port.gateway]),
        *_named_set("foreign", "ifname . ipv4_addr", [], flags="dynamic; counter; size 4096;", keep=True),
    ]
    for group, addresses in vpc.members.items():
        lines += _named_set(f"members_{group}", "ipv4_addr", addresses)
    groups = sorted({group for port in vpc.ports for group in port.groups})
    for direction, side in (("egress", "daddr"), ("ingress", "saddr")):
        for group in groups:
            rules = [
                rule
                for rule in vpc.rules
                if rule.group_id == group and rule.direction == direction and ":" not in rule.cidr
            ]
            lines += _chain(f"{direction}_{group}", [_allow(rule, side) for rule in rules])
        for port in vpc.ports:
            lines += _chain(f"{direction}_{port.name}", [f"jump {direction}_{group}" for group in port.groups])
    lines += _chain(
        "source",
        [
            "iifname @checked iifname . ip saddr != @owned update @foreign { iifname . ip saddr counter }",
            "iifname @checked iifname . ip saddr != @owned counter name foreign_source drop",
        ],
        hook="prerouting",
        priority=-300,
    )
    metadata = f'iifname != "{TO_GATEWAY}" ip daddr {METADATA} tcp dport 80 accept'
    names = f'iifname != "{TO_GATEWAY}" ip daddr {RESOLVER} udp dport 53 accept'
    lines += _chain("input", [metadata, names, 'iifname != "lo" drop'], hook="input", priority=0)
    for direction, side, priority in (("egress", "iifname", 0), ("ingress", "oifname", 10)):
        jumps = [f"{_quoted(port)} : jump {direction}_{port.name}" for port in vpc.ports]
        checks = ["ct state established,related accept"]
        if direction == "egress":
            checks.insert(0, f'iifname @stranded oifname "{TO_GATEWAY}" counter name no_route_to_gateway drop')
        if jumps:
            checks.append(f"{side} vmap {{ {', '.join(jumps)} }}")
        checks.append(f'{side} != "{TO_GATEWAY}" counter name denied_{direction} drop')
        lines += _chain(direction, checks, hook="forward", priority=priority)
    return _file(lines)


def gateway_rules(vpc: Vpc) -> str:
    """The stateless one-to-one translation of one VPC's internet gateway.

    A packet from the VPC to a public address of the same VPC is translated on both sides and sent back.
    """
    outwards = [f"{private} : {public}" for private, public in sorted(vpc.public.items())]
    inwards = [f"{public} : {private}" for private, public in sorted(vpc.public.items())]
    return _file(
        [
            *_counters(GATEWAY_COUNTERS),
            *_named_set("private", "ipv4_addr", sorted(vpc.public)),
            *_named_set("public", "ipv4_addr", sorted(vpc.public.values())),
            *_named_map("outwards", outwards),
            *_named_map("inwards", inwards),
            *_chain(
                "translate",
                [
                    f'iifname "{TO_INTERNET}" ip daddr != @public counter name not_associated drop',
                    f'iifname "{TO_VPC}" ip saddr != @private counter name no_public_address drop',
                    f'iifname "{TO_VPC}" ip saddr set ip saddr map @outwards',
                    "ip daddr @public ip daddr set ip daddr map @inwards",
                ],
                hook="prerouting",
                priority=-300,
            ),
        ]
    )


def _allow(rule: CloudRule, side: str) -> str:
    words = []
    if rule.peer_group:
        words.append(f"ip {side} @members_{rule.peer_group}")
    elif rule.cidr != _ANYWHERE:
        words.append(f"ip {side} {ipaddress.IPv4Network(rule.cidr, strict=False)}")
    if rule.protocol in _WITH_PORTS:
        words.append(f"{rule.protocol} dport {rule.from_port}-{rule.to_port}")
    elif rule.protocol != "all":
        words.append(f"ip protocol {rule.protocol}")
    return " ".join([*words, "accept"])


def _owned(ports: Iterable[Port]) -> list[str]:
    return [f"{_quoted(port)} . {address}" for port in ports for address in port.addresses]


def _quoted(port: Port) -> str:
    return f'"{port.name}"'


def _file(lines: Iterable[str]) -> str:
    return "\n".join([f"add table ip {TABLE}", f"flush table ip {TABLE}", *lines, ""])


def _counters(names: Iterable[str]) -> list[str]:
    return [f"add counter ip {TABLE} {name}" for name in names]


def _named_set(name: str, kind: str, elements: Iterable[str], *, flags: str = "", keep: bool = False) -> list[str]:
    text = ", ".join(elements)
    extra = f"flags {flags} " if flags else ""
    lines = [f"add set ip {TABLE} {name} {{ type {kind}; {extra}}}"]
    if not keep:
        lines.append(f"flush set ip {TABLE} {name}")
    if text:
        lines.append(f"add element ip {TABLE} {name} {{ {text} }}")
    return lines


def _named_map(name: str, elements: list[str]) -> list[str]:
    lines = [f"add map ip {TABLE} {name} {{ type ipv4_addr : ipv4_addr; }}", f"flush map ip {TABLE} {name}"]
    return [*lines, f"add element ip {TABLE} {name} {{ {', '.join(elements)} }}"] if elements else lines


def _chain(name: str, rules: Iterable[str], *, hook: str = "", priority: int = 0) -> list[str]:
    base = f" {{ type filter hook {hook} priority {priority}; policy accept; }}" if hook else ""
    return [f"add chain ip {TABLE} {name}{base}", *(f"add rule ip {TABLE} {name} {rule}" for rule in rules)]


def public_routes(vpcs: Iterable[Vpc]) -> Mapping[str, str]:
    """Which VPC answers for each public address: address to VPC id."""
    return {public: vpc.id for vpc in vpcs for public in vpc.public.values()}
