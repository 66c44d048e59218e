"""What a host is: the output of `scripts/facts.sh`, parsed. Pure."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Interface
from itertools import pairwise
from shlex import quote
from sys import intern

from edgewrap.hosts.authorized_keys import own_block
from edgewrap.hosts.blocks import BEGIN, END, NAMES, QEMU, own_lines
from edgewrap.hosts.disks import DiskFacts, parse_disks
from edgewrap.hosts.first_boot import Setup, parse_setup
from edgewrap.hosts.health import HealthFacts, parse_health
from edgewrap.hosts.ip_json import FactsError, Row, escaped, parse_rows
from edgewrap.hosts.render.files import GLOBAL_SYSCTLS, OWN_PATHS, UNIT_NAMES, script
from edgewrap.hosts.rollback import RollbackFacts, parse_rollback
from edgewrap.outputs import UNDERLAY_MTUS

MAIN_TABLE = 254
TABLES = ("edge", "guard", "firewall")
KERNEL = 2  # the protocol of routes and rules that networkd leaves alone

_INTERFACE_SYSCTLS = {
    "send_redirects": "net/ipv4/conf/{}/send_redirects",
    "rp_filter": "net/ipv4/conf/{}/rp_filter",
    "arp_ignore": "net/ipv4/conf/{}/arp_ignore",
    "proxy_delay": "net/ipv4/neigh/{}/proxy_delay",
    "disable_ipv6": "net/ipv6/conf/{}/disable_ipv6",
}
_SETTINGS = (
    ("vxlan", "info_kind", "info_data", ("id", "local", "port", "learning")),
    ("bridge", "info_slave_kind", "info_slave_data", ("learning", "neigh_suppress")),
)

_SECTION = "\n##edgewrap:section "


@dataclass(frozen=True, slots=True)
class Link:
    """A network interface. `lower` is the interface that it is on top of or paired with, `master` the bridge that it is
    a port of. `addresses` have their prefix lengths and do not include link-local ones; `mtu` is in bytes; `settings`
    are those of a VXLAN and of a bridge's port."""

    name: str
    mac: str
    mtu: int
    up: bool
    kind: str = ""
    master: str = ""
    lower: str = ""
    mcast_snooping: bool = False
    addresses: tuple[str, ...] = ()
    settings: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Route:
    """An IPv4 route. `kind` and `protocol` are rtnetlink's numbers (1: unicast, 2: local); `gateway` may be empty."""

    table: int
    destination: str
    device: str
    gateway: str = ""
    metric: int = 0
    protocol: int = 3
    kind: int = 1
    onlink: bool = False

    def __str__(self) -> str:
        via = f" via {self.gateway}" if self.gateway else ""
        metric = f" metric {self.metric}" if self.metric else ""
        onlink = " onlink" if self.onlink else ""
        return f"{self.destination}{via} dev {self.device}{onlink} table {self.table}{metric}"


@dataclass(frozen=True, slots=True)
class Rule:
    """An IPv4 rule of the routing policy. `source` is a CIDR, an address or `all`; `other`: it has conditions that no
    rule of ours has."""

    priority: int
    table: int
    source: str = "all"
    interface: str = ""
    protocol: int = KERNEL
    other: bool = False

    def __str__(self) -> str:
        interface = f" iif {self.interface}" if self.interface else ""
        return f"from {self.source}{interface} lookup {self.table}"


@dataclass(frozen=True, slots=True)
class FileFact:
    """A file of ours: its mode in octal, `user:group` and the checksum of its content. `text` is its content without
    passwords, only for people."""

    mode: str
    owner: str
    sha256: str
    text: str = field(default="", compare=False)

    @property
    def attributes(self) -> dict[str, str]:
        """What a plan compares."""
        return {"mode": self.mode, "owner": self.owner, "sha256": self.sha256}


@dataclass(frozen=True, slots=True)
class NftTable:
    """An nft table as the kernel has it, and as its file makes it; both as this host's nft lists them. A text that
    many hosts have is kept once."""

    live: str = ""
    saved: str = ""


@dataclass(frozen=True, slots=True)
class Unit:
    """A systemd unit; `active` is None if systemd does not run."""

    enabled: bool = False
    active: bool | None = None


@dataclass(frozen=True, slots=True)
class BgpFacts:
    """Whether bgpd runs, and which lines its running configuration has and its file does not (`surplus`), or the other
    way round (`missing`). They never contain a password."""

    running: bool = False
    surplus: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HostFacts:
    """Everything that the plane reads; the defaults are those of a host that does not exist yet. `proxies` and
    `static_fdb` are pairs (address or MAC, interface); `tables` are ours, by the names that the changes have (`edge`,
    `guard`, `firewall`); `units` by their full names; `authorized_keys` are the lines of our block, None without one;
    `blocks` has, for each file of others that is there, the lines of our block in it, by path; `setup` is the state of
    the first-boot setup, `rollback` whether a change is not confirmed yet."""

    links: tuple[Link, ...] = ()
    routes: tuple[Route, ...] = ()
    rules: tuple[Rule, ...] = ()
    proxies: frozenset[tuple[str, str]] = frozenset()
    static_fdb: frozenset[tuple[str, str]] = frozenset()
    sysctls: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, FileFact] = field(default_factory=dict)
    units: Mapping[str, Unit] = field(default_factory=dict)
    tables: Mapping[str, NftTable] = field(default_factory=dict)
    bgp: BgpFacts = BgpFacts()
    authorized_keys: tuple[str, ...] | None = None
    blocks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    missing_tools: tuple[str, ...] = ()
    setup: Setup = field(default_factory=Setup)
    rollback: RollbackFacts = field(default_factory=RollbackFacts)
    disks: DiskFacts = field(default_factory=DiskFacts)
    health: HealthFacts = field(default_factory=HealthFacts, compare=False)

    def link(self, name: str) -> Link | None:
        """The interface called `name`."""
        return next((link for link in self.links if link.name == name), None)

    def interface_of(self, mac: str) -> Link | None:
        """The interface with that MAC; never a VLAN or another device stacked on it."""
        return next((link for link in self.links if link.mac == mac and not link.lower), None)

    def mtu_over(self, address: str) -> int:
        """The MTU of the interface that has the address, in bytes; 0 if none has it."""
        return next((link.mtu for link in self.links for own in link.addresses if own.split("/")[0] == address), 0)

    def interface_sysctls(self, name: str) -> dict[str, str]:
        """The kernel parameters of the interface called `name`, by their short names. A kernel without IPv6 counts as
        one that has it disabled."""
        return {
            short: self.sysctls.get(path.format(name), "1" if short == "disable_ipv6" else "")
            for short, path in _INTERFACE_SYSCTLS.items()
        }

    @property
    def phydev(self) -> str:
        """The interface of the default route; empty without one."""
        routes = [route for route in self.routes if route.table == MAIN_TABLE and route.destination == "default"]
        return min(routes, key=lambda route: route.metric).device if routes else ""

    @property
    def phydev_mtu(self) -> int:
        """The MTU of that interface in bytes; 0 without one."""
        link = self.link(self.phydev)
        return link.mtu if link else 0


def facts_command(user: str) -> str:
    """The script that prints the facts, for a root shell. `user`: whose authorized keys it reads."""
    variables = {"user": user, "own_files": " ".join(OWN_PATHS), "global_sysctls": " ".join(GLOBAL_SYSCTLS)}
    variables["health"] = script("health.py")
    variables |= {"block_files": f"{NAMES} {QEMU}", "begin": BEGIN, "end": END}
    settings = "".join(f"{name}={quote(value)}\n" for name, value in variables.items())
    return f"{settings}{script('set-up.sh')}{script('disk-facts.sh')}{script('facts.sh')}"


def parse_facts(text: str) -> HostFacts:
    """Parse what facts.sh printed. Raises FactsError if it is incomplete or has an impossible value."""
    parts = (part.partition("\n") for part in f"\n{text}".split(_SECTION)[1:])
    sections = {name: body for name, ended, body in parts if ended}
    if "end" not in sections:
        raise FactsError(f"the answer ends after section {escaped(list(sections)[-1]) if sections else 'none'}")
    try:
        facts = _facts(sections)
    except (KeyError, ValueError, RecursionError) as error:
        raise FactsError(f"the answer cannot be read: {type(error).__name__}: {escaped(str(error))}") from error
    link = facts.link(facts.phydev)  # it carries VXLAN, and its MTU goes into OpenNebula's template
    if link is not None and link.mtu not in UNDERLAY_MTUS:
        rule = f"must be a whole number from {UNDERLAY_MTUS[0]} to {UNDERLAY_MTUS[-1]}"
        raise FactsError(f"links: mtu of {link.name} is {link.mtu}", rule)
    return facts


def lines_of(text: str) -> tuple[str, ...]:
    """The lines that are not empty. Only a line feed ends one, as for the host's own programs; `str.splitlines` would
    split a name or a comment at other characters, too."""
    return tuple(stripped for line in text.split("\n") if (stripped := line.strip()))


def _facts(sections: Mapping[str, str]) -> HostFacts:
    def rows(name: str) -> tuple[Row, ...]:
        return parse_rows(name, sections[name])

    def lines(name: str) -> tuple[str, ...]:
        return lines_of(sections[name])

    listed = [line.split(maxsplit=3) for line in lines("files")]
    texts = _texts(sections["texts"], [path for *_, path in listed])
    return HostFacts(
        links=tuple(map(_link, rows("links"))),
        routes=tuple(map(_route, rows("routes"))),
        rules=tuple(map(_rule, rows("rules"))),
        proxies=frozenset((row.address("dst"), row.interface("dev")) for row in rows("proxies")),
        static_fdb=frozenset(
            (row.hexadecimal("mac"), row.interface("ifname")) for row in rows("fdb") if row.word("state") == "static"
        ),
        sysctls=dict(line.rsplit(":", 1) for line in lines("sysctls")),
        files={path: FileFact(mode, owner, sha256, texts.get(path, "")) for mode, owner, sha256, path in listed},
        units=_units(lines("units")),
        tables={
            name: NftTable(*(intern(sections[f"{state}-{name}"].strip()) for state in ("live", "saved")))
            for name in TABLES
        },
        bgp=BgpFacts(
            running="running" in lines("bgp"),
            surplus=tuple(line[1:] for line in lines("bgp") if line.startswith("-")),
            missing=tuple(line[1:] for line in lines("bgp") if line.startswith("+")),
        ),
        authorized_keys=own_block(_decoded(sections["keys"])),
        blocks={
            path: own_lines(_decoded("".join(text))) or () for path, *text in (line.split() for line in lines("blocks"))
        },
        missing_tools=lines("tools"),
        setup=parse_setup(sections["setup"]),
        rollback=parse_rollback(lines("rollback")),
        disks=parse_disks(lines("disks")),
        health=parse_health(lines("health")),
    )


def _texts(section: str, paths: Iterable[str]) -> dict[str, str]:
    """The text of each file, from lines `path:line` that are in the order of the files. Most are the same on all hosts,
    and kept once."""
    text, starts = f"\n{section.rstrip(chr(10))}", list[tuple[int, str]]()
    for path in paths:
        start = text.find(f"\n{path}:", starts[-1][0] if starts else 0)
        if start >= 0:
            starts.append((start, path))
    texts = {}
    for (start, path), (end, _) in pairwise([*starts, (len(text), "")]):
        last = text.rfind(f"\n{path}:", start, end)
        lines, _, _ = text[last + 1 : end].partition("\n")
        texts[path] = intern(f"{text[start:last]}\n{lines}".replace(f"\n{path}:", "\n")[1:])
    return texts


def _decoded(text: str) -> str:
    return base64.b64decode(text).decode(errors="replace")


def _link(row: Row) -> Link:
    info = row.nested("linkinfo")
    return Link(
        name=row.interface("ifname"),
        mac=row.hexadecimal("address", ""),
        mtu=row.number("mtu"),
        up="UP" in row.words("flags"),
        kind=info.word("info_kind"),
        master=row.interface("master", ""),
        lower=row.interface("link", ""),
        mcast_snooping=info.nested("info_data").word("mcast_snooping") in ("1", "yes"),
        addresses=tuple(
            f"{address}/{each.number('prefixlen')}"
            for each in row.rows("addr_info")
            if (address := each.hexadecimal("local", "")) and not address.startswith("fe80:")
        ),
        settings=tuple(
            (f"{kind} {name}", info.nested(data).word(name))
            for kind, kind_field, data, names in _SETTINGS
            if info.word(kind_field) == kind
            for name in names
        ),
    )


def _units(lines: Sequence[str]) -> dict[str, Unit]:
    words = [line.split() for line in lines]
    names = {line[0] for line in words if len(line) == 2}
    return {
        name: Unit([name, "enabled"] in words, [name, "active"] in words if ["systemd"] in words else None)
        for name in names | set(UNIT_NAMES)
    }


def _route(row: Row) -> Route:
    return Route(
        table=row.numeral("table", MAIN_TABLE),
        destination=row.network("dst", "default"),
        device=row.interface("dev", ""),
        gateway=row.address("gateway", ""),
        metric=row.number("metric", 0),
        protocol=row.numeral("protocol", 3),
        kind=row.numeral("type", 1),
        onlink="onlink" in row.words("flags"),
    )


def _rule(row: Row) -> Rule:
    source = row.network("src", "all")
    if "srclen" in row.values:
        source = f"{source}/{row.number('srclen')}"
    known = {"priority", "src", "srclen", "iif", "iif_detached", "table", "protocol"}
    return Rule(
        priority=row.number("priority"),
        table=row.numeral("table", 0),
        source=source if source == "all" else str(IPv4Interface(source).network).removesuffix("/32"),
        interface=row.interface("iif", ""),
        protocol=row.numeral("protocol", KERNEL),
        other=not known.issuperset(row.values),
    )
