"""Facts against desired: which operations one host needs. Pure; nothing where all is as wanted.

Only what is ours is ever removed: our tables and the rules that look them up, proxy entries on `gw-edge`, files with
our name, and whatever else stands on a group's own interface. The one exception is what cloud-init made for those
interfaces: rules for their addresses that look up a table of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network

from edgewrap.hosts.desired import EDGE_PRIORITY, EDGE_TABLE, GATEWAY, OWN_TABLES, DesiredHost, Group
from edgewrap.hosts.diff.devices import device_operations
from edgewrap.hosts.facts import KERNEL, BgpFacts, FileFact, HostFacts, Link, NftTable, Route, Rule, Unit
from edgewrap.hosts.first_boot import SetupState
from edgewrap.hosts.operation import AUTHORIZED_KEYS, BGP, UNDO, Operation, differing, host_change, yes_or_no
from edgewrap.hosts.render.files import (
    EDGE_TABLE_FILE,
    FIREWALL_FILE,
    FRR_CONF,
    GUARD_FILES,
    UNIT_NAMES,
    HostFile,
    host_files,
)
from edgewrap.outputs import UNKNOWN

_TABLE_FILES = {"edge": (EDGE_TABLE_FILE,), "guard": GUARD_FILES, "firewall": (FIREWALL_FILE,)}

GLOBAL_SYSCTLS = {
    "net/ipv4/ip_forward": "1",
    "net/ipv4/conf/all/send_redirects": "0",
    "net/bridge/bridge-nf-call-iptables": "1",
    "net/bridge/bridge-nf-call-ip6tables": "1",
    "net/netfilter/nf_conntrack_tcp_be_liberal": "1",
}
"""The host's kernel parameters. Those of one interface are attributes of that interface's operation, whose key does not
depend on the name that the kernel gives it."""

SHOWN = 3  # of what cloud-init left on an interface: it may be one rule an address
CLOUD_INIT_TABLES = range(100, 200)  # 100 + the interface's number

EMPTY_FACTS = HostFacts(
    links=(),
    routes=(),
    rules=(),
    proxies=frozenset(),
    static_fdb=frozenset(),
    sysctls={},
    files={},
    units={},
    tables={},
    bgp=BgpFacts(),
    authorized_keys=None,
    missing_tools=(),
)
"""The facts of a host that is not there yet: everything is to be created."""


def diff(host: DesiredHost, facts: HostFacts) -> tuple[Operation, ...]:
    """What the host needs, in the order in which a person would look at it; empty where it is as wanted."""
    return (
        *_undo(host, facts),
        *_setup(host, facts),
        *_files(host, facts),
        *_units(host, facts),
        *_sysctls(host, facts),
        *_tables(host, facts),
        *device_operations(host, facts),
        *_interfaces(host, facts),
        *_rules(host, facts),
        *_routes(host, facts),
        *_proxies(host, facts),
        *_bgp(host, facts),
        *_authorized_keys(host, facts),
    )


def missing_interfaces(host: DesiredHost, facts: HostFacts) -> tuple[Group, ...]:
    """The groups whose interface is not on the host: AWS has not attached it, or the kernel has not seen it yet."""
    return tuple(group for group in host.groups if facts.interface_of(group.mac) is None)


def _undo(host: DesiredHost, facts: HostFacts) -> Iterator[Operation]:
    """Left by a run that ended before it had confirmed its change; converge confirms it first of all."""
    if facts.undo.pending:
        before, after = {"last change": "not confirmed"}, {"last change": "confirmed"}
        why = "until then the host takes it back by itself"
        yield Operation(host_change(host.key, UNDO, "last change", before=before, after=after, why=why))


def _setup(host: DesiredHost, facts: HostFacts) -> Iterator[Operation]:
    """The host does it by itself; converge waits for it. One that came without user data stays as it is."""
    setup, after = facts.setup, {"state": str(SetupState.DONE)}
    if setup.state in (SetupState.RUNNING, SetupState.FAILED):
        before = {"state": str(setup.state), **({"reason": setup.reason} if setup.reason else {})}
        yield Operation(host_change(host.key, "setup", "packages", before=before, after=after, why="not done yet"))
    elif host.sets_itself_up and not facts.links:
        yield Operation(host_change(host.key, "setup", "packages", after=after, why="its first boot"))


def _files(host: DesiredHost, facts: HostFacts) -> Iterator[Operation]:
    wanted = {file.path: file for file in host_files(host)}
    for path, file in wanted.items():
        fact = facts.files.get(path)
        if fact is None:
            after = {"mode": file.mode, "owner": file.owner, "sha256": _shown(file, file.sha256)}
            yield Operation(host_change(host.key, "file", path, after=after), write=file)
            continue
        before, after = differing(
            {"mode": fact.mode, "owner": fact.owner, "sha256": fact.sha256},
            {"mode": file.mode, "owner": file.owner, "sha256": file.sha256},
        )
        if after:
            before, after = (
                {name: _shown(file, value) if name == "sha256" else value for name, value in side.items()}
                for side in (before, after)
            )
            yield Operation(host_change(host.key, "file", path, before=before, after=after), write=file)
    for path in facts.files:
        if path not in wanted:
            yield Operation(host_change(host.key, "file", path, before={"path": path}), delete=path)


def _shown(file: HostFile, checksum: str) -> str:
    """A checksum would let a short password be guessed."""
    return "(hidden)" if file.secret else checksum


def _units(host: DesiredHost, facts: HostFacts) -> Iterator[Operation]:
    for name in UNIT_NAMES:
        unit = facts.units.get(name, Unit())
        if not unit.enabled:
            yield Operation(host_change(host.key, "unit", name, after={"enabled": "yes"}))
        elif unit.active is False:
            yield Operation(host_change(host.key, "unit", name, before={"active": "no"}, after={"active": "yes"}))


def _sysctls(host: DesiredHost, facts: HostFacts) -> Iterator[Operation]:
    for name, value in GLOBAL_SYSCTLS.items():
        now = facts.sysctls.get(name)
        if now != value:
            before = None if now is None else {"value": now}
            yield Operation(host_change(host.key, "sysctl", name, before=before, after={"value": value}))


def _tables(host: DesiredHost, facts: HostFacts) -> Iterator[Operation]:
    """Each live nft table against the listing that its file gives on the same host, line by line."""
    files = {file.path: file for file in host_files(host)}
    for name, paths in _TABLE_FILES.items():
        table = facts.tables.get(name, NftTable())
        wanted = [files[path] for path in paths if path in files]
        if not wanted:
            if table.live:
                yield Operation(host_change(host.key, "nftables", name, before={"rules": "\n".join(table.live)}))
            continue
        after = {"sha256": wanted[0].sha256}
        if not table.live:
            yield Operation(host_change(host.key, "nftables", name, after=after))
        elif stale := [file for file in wanted if not _is_there(file, facts)]:
            before = {"sha256": facts.files.get(stale[0].path, FileFact("", "", "")).sha256}
            after = {"sha256": stale[0].sha256}
            yield Operation(host_change(host.key, "nftables", name, before=before, after=after))
        elif table.live != table.saved:
            live, saved = Counter(table.live), Counter(table.saved)
            before = {"rules": "\n".join((live - saved).elements())}
            after = {"rules": "\n".join((saved - live).elements())}
            yield Operation(host_change(host.key, "nftables", name, before=before, after=after))


def _is_there(file: HostFile, facts: HostFacts) -> bool:
    fact = facts.files.get(file.path)
    return fact is not None and fact.sha256 == file.sha256


def _interfaces(host: DesiredHost, facts: HostFacts) -> Iterator[Operation]:
    """The groups' interfaces.

    rp_filter is 2 (loose): the kernel takes the greater of this value and `all`'s, and 1 would drop what arrives on a
    group's interface, since the route back to its sender leaves by another one.
    """
    for group in host.groups:
        wanted = {
            "up": "yes",
            "addresses": f"{group.address}/32",
            "send_redirects": "0",
            "rp_filter": "2",
            "disable_ipv6": "1",
            "other routes": "",
            "other rules": "",
        }
        link = facts.interface_of(group.mac)
        if link is None:
            why = f"no interface has the MAC {group.mac} yet" if facts.links else ""
            yield Operation(host_change(host.key, "interface", group.key, after={"mac": group.mac, **wanted}, why=why))
            continue
        routes = tuple(route for route in facts.routes if _stands_on(route, link))
        rules = tuple(rule for rule in facts.rules if _made_by_cloud_init(rule, group))
        now = {
            **facts.interface_sysctls(link.name),
            "up": yes_or_no(link.up),
            "addresses": _some(link.addresses),
            "other routes": _some(routes),
            "other rules": _some(rules),
        }
        before, after = differing(now, wanted)
        if after:
            change = host_change(host.key, "interface", group.key, before=before, after=after)
            yield Operation(change, remove=(*map(_remove_route, routes), *map(_remove_rule, rules)))


def _some(things: Sequence[object]) -> str:
    """The things as text; of many, as cloud-init leaves them, the first ones and how many more."""
    more = f" and {len(things) - SHOWN} more" if len(things) > SHOWN else ""
    return ", ".join(map(str, things[:SHOWN])) + more


def _stands_on(route: Route, link: Link) -> bool:
    """Whether the route leaves by the group's interface without being ours. The kernel's own go with their address."""
    return route.device == link.name and route.table not in OWN_TABLES and route.protocol != KERNEL


def _rules(host: DesiredHost, facts: HostFacts) -> Iterator[Operation]:
    wanted = {"edge": Rule(EDGE_PRIORITY, EDGE_TABLE)}
    wanted |= {group.key: Rule(group.priority, group.table, group.block, GATEWAY) for group in host.groups}
    for name, rule in wanted.items():
        if rule not in facts.rules:
            yield Operation(host_change(host.key, "rule", name, after=_rule(rule)))
    for rule in facts.rules:
        if rule.table in OWN_TABLES and rule not in wanted.values():
            change = host_change(host.key, "rule", f"{rule.priority} {rule}", before=_rule(rule))
            yield Operation(change, remove=(_remove_rule(rule),))


def _rule(rule: Rule) -> dict[str, str]:
    return {"priority": str(rule.priority), "rule": str(rule)}


def _remove_rule(rule: Rule) -> str:
    return f"rule del priority {rule.priority} {rule}"


def _made_by_cloud_init(rule: Rule, group: Group) -> bool:
    return (
        rule.table in CLOUD_INIT_TABLES
        and rule.source != "all"
        and not (rule.interface or rule.other)
        and IPv4Network(rule.source).subnet_of(IPv4Network(group.block))
    )


def _routes(host: DesiredHost, facts: HostFacts) -> Iterator[Operation]:
    own = [route for route in facts.routes if route.table in OWN_TABLES]
    for name, wanted in _wanted_routes(host, facts):
        same = [route for route in own if (route.table, route.destination) == (wanted.table, wanted.destination)]
        own = [route for route in own if route not in same]
        wrong = [route for route in same if str(route) != str(wanted) or route.kind != wanted.kind]
        if same and not wrong:
            continue
        before = {"route": ", ".join(map(str, wrong))} if same else None
        change = host_change(host.key, "route", name, before=before, after={"route": str(wanted)})
        yield Operation(change, remove=tuple(map(_remove_route, wrong)))
    for route in own:
        name = route.destination if route.table == EDGE_TABLE else f"{route.destination} table {route.table}"
        change = host_change(host.key, "route", name, before={"route": str(route)})
        yield Operation(change, remove=(_remove_route(route),))


def _wanted_routes(host: DesiredHost, facts: HostFacts) -> Iterator[tuple[str, Route]]:
    for group in host.groups:
        link = facts.interface_of(group.mac)
        device = link.name if link else UNKNOWN
        yield group.key, Route(group.table, "default", device, gateway=group.router, onlink=True)
    for address in host.entry_addresses:
        yield address.address, Route(EDGE_TABLE, address.address, GATEWAY)


def _remove_route(route: Route) -> str:
    via = f" via {route.gateway}" if route.gateway else ""
    device = f" dev {route.device}" if route.device else ""
    metric = f" metric {route.metric}" if route.metric else ""
    return f"route del {route.destination}{via}{device} table {route.table}{metric}"


def _proxies(host: DesiredHost, facts: HostFacts) -> Iterator[Operation]:
    wanted = [address.gateway for address in host.entry_addresses]
    now = {address for address, device in facts.proxies if device == GATEWAY}
    for address in wanted:
        if address not in now:
            yield Operation(host_change(host.key, "proxy", address, after={"device": GATEWAY}))
    for address in sorted(now.difference(wanted)):
        change = host_change(host.key, "proxy", address, before={"device": GATEWAY})
        yield Operation(change, remove=(f"neighbour del proxy {address} dev {GATEWAY}",))


def _bgp(host: DesiredHost, facts: HostFacts) -> Iterator[Operation]:
    """What runs against its own file; a file that is to be written brings itself along."""
    if not facts.bgp.running:
        yield Operation(host_change(host.key, BGP, str(host.bgp.asn), after={"running": "yes"}))
        return
    file = next(file for file in host_files(host) if file.path == FRR_CONF)
    if _is_there(file, facts) and (facts.bgp.surplus or facts.bgp.missing):
        before = {"configuration": "\n".join(facts.bgp.surplus)}
        after = {"configuration": "\n".join(facts.bgp.missing)}
        yield Operation(host_change(host.key, BGP, str(host.bgp.asn), before=before, after=after))


def _authorized_keys(host: DesiredHost, facts: HostFacts) -> Iterator[Operation]:
    now, wanted = facts.authorized_keys, host.authorized_keys or None
    if now != wanted:
        before = {"keys": "\n".join(now)} if now is not None else None
        after = {"keys": "\n".join(wanted)} if wanted is not None else None
        yield Operation(host_change(host.key, AUTHORIZED_KEYS, host.user, before=before, after=after))
