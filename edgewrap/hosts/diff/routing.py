"""What differs at the interfaces of groups, and in rules, routes and gateways. Pure.

network.sh makes what is missing and removes what is too much. Ours are our tables and the rules that look them up,
proxy entries on `gw-edge`, and everything on a group's own interface. The one exception is what cloud-init made for
those interfaces: rules for their addresses that look up a table of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edgewrap.hosts.desired import EDGE_PRIORITY, EDGE_TABLE, GATEWAY, OWN_TABLES, DesiredHost, Group
from edgewrap.hosts.facts import KERNEL, HostFacts, Link, Route, Rule
from edgewrap.hosts.operation import Operation, compared, first_of, operation, yes_or_no
from edgewrap.outputs import UNKNOWN

SHOWN = 3  # items in one attribute: cloud-init may have left one rule for each address
CLOUD_INIT_TABLES = range(100, 200)  # 100 + the interface's number


def missing_interfaces(host: DesiredHost, facts: HostFacts) -> tuple[Group, ...]:
    """The groups whose interface is not on the host: AWS has not attached it, or the kernel has not seen it yet."""
    return tuple(group for group in host.groups if facts.interface_of(group.mac) is None)


def routing_operations(host: DesiredHost, facts: HostFacts) -> Iterator[Operation]:
    """What the host needs, in the order in which a person would look at it."""
    yield from _interfaces(host, facts)
    yield from _rules(host, facts)
    yield from _routes(host, facts)
    yield from _gateways(host, facts)


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
            yield operation(host, "interface", group.key, after={"mac": group.mac, **wanted}, why=why)
            continue
        now = {
            **facts.interface_sysctls(link.name),
            "up": yes_or_no(link.up),
            "addresses": first_of(link.addresses, SHOWN),
            "other routes": first_of([route for route in facts.routes if _is_foreign(route, link)], SHOWN),
            "other rules": first_of([rule for rule in facts.rules if _made_by_cloud_init(rule, group)], SHOWN),
        }
        yield from compared(host, "interface", group.key, now, wanted)


def _is_foreign(route: Route, link: Link) -> bool:
    """Whether the route leaves by the group's interface without being ours. The kernel removes its own with their
    address."""
    return route.device == link.name and route.table not in OWN_TABLES and route.protocol != KERNEL


def _made_by_cloud_init(rule: Rule, group: Group) -> bool:
    ours = rule.source == group.address or rule.source in group.addresses
    return rule.table in CLOUD_INIT_TABLES and ours and not (rule.interface or rule.other)


def _rules(host: DesiredHost, facts: HostFacts) -> Iterator[Operation]:
    wanted = {"edge": Rule(EDGE_PRIORITY, EDGE_TABLE)}
    wanted |= {group.key: Rule(group.priority, group.table, group.block, GATEWAY) for group in host.groups}
    for name, rule in wanted.items():
        if rule not in facts.rules:
            yield operation(host, "rule", name, after={"priority": str(rule.priority), "rule": str(rule)})
    others = [rule for rule in facts.rules if rule.table in OWN_TABLES and rule not in wanted.values()]
    yield from _others(host, "rule", [f"{rule.priority} {rule}" for rule in others])


def _routes(host: DesiredHost, facts: HostFacts) -> Iterator[Operation]:
    """One operation for each group, since a block has up to 63 addresses."""
    others = {str(route): route for route in facts.routes if route.table in OWN_TABLES}
    for group in host.groups:
        link = facts.interface_of(group.mac)
        default = Route(group.table, "default", link.name if link else UNKNOWN, gateway=group.router, onlink=True)
        wanted = [str(default), *(str(Route(EDGE_TABLE, address, GATEWAY)) for address in group.addresses)]
        missing = [text for text in wanted if text not in others or others[text].kind != default.kind]
        yield from _missing(host, "route", group, wanted, missing)
        for text in set(wanted).difference(missing):
            del others[text]
    yield from _others(host, "route", list(others))


def _gateways(host: DesiredHost, facts: HostFacts) -> Iterator[Operation]:
    """The proxy ARP entries; one operation for each group, too."""
    others = {address for address, device in facts.proxies if device == GATEWAY}
    for group in host.groups:
        missing = [address for address in group.gateways if address not in others]
        yield from _missing(host, "gateway", group, group.gateways, missing)
        others.difference_update(group.gateways)
    yield from _others(host, "gateway", sorted(others))


def _missing(
    host: DesiredHost, kind: str, group: Group, wanted: Sequence[str], missing: Sequence[str]
) -> Iterator[Operation]:
    """What is missing of a group's routes or gateways."""
    if len(missing) == len(wanted):
        yield operation(host, kind, group.key, after={f"{kind}s": first_of(wanted, SHOWN), "missing": ""})
    elif missing:
        yield operation(host, kind, group.key, before={"missing": first_of(missing, SHOWN)}, after={"missing": ""})


def _others(host: DesiredHost, kind: str, others: Sequence[str]) -> Iterator[Operation]:
    """What is of ours, and must not be there."""
    if others:
        yield operation(host, kind, "others", before={f"{kind}s": first_of(others, SHOWN)})
