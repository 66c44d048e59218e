"""Differences of `br-edge` and its two ports of ours: the gateway's veth pair, the VXLAN to other hosts. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from edgewrap.hosts.desired import BRIDGE, GATEWAY, PORT, VXLAN, VXLAN_PORT, DesiredHost, bridge_mtu
from edgewrap.hosts.facts import HostFacts, Link
from edgewrap.hosts.operation import Operation, differing, host_change, yes_or_no


def device_operations(host: DesiredHost, facts: HostFacts) -> Iterator[Operation]:
    """What the devices need; network.sh sets them up."""
    yield from _bridge(host, facts)
    yield from _gateway(host, facts)
    yield from _vxlan(host, facts)


def _bridge(host: DesiredHost, facts: HostFacts) -> Iterator[Operation]:
    bridge = facts.link(BRIDGE)
    wanted = {
        "kind": "bridge",
        "mac": host.bridge_mac,
        "mtu": _mtu(host, facts),
        "up": "yes",
        "addresses": "",
        "mcast_snooping": "no",
        "disable_ipv6": "1",
    }
    now = None
    if bridge is not None:
        now = {**_attributes(bridge, facts), "mcast_snooping": yes_or_no(bridge.mcast_snooping)}
    yield from _device(host, BRIDGE, now, wanted)


def _gateway(host: DesiredHost, facts: HostFacts) -> Iterator[Operation]:
    gateway, port = facts.link(GATEWAY), facts.link(PORT)
    wanted = {
        "kind": "veth",
        "mac": host.gateway_mac,
        "mtu": _mtu(host, facts),
        "up": "yes",
        "addresses": "",
        "send_redirects": "0",
        "rp_filter": "2",
        "arp_ignore": "1",
        "proxy_delay": "0",
        "disable_ipv6": "1",
        "peer": PORT,
        "bridge": BRIDGE,
        "peer mtu": _mtu(host, facts),
        "peer up": "yes",
        "peer addresses": "",
        "peer disable_ipv6": "1",
        "forwarding entry": f"{host.gateway_mac} static",
    }
    now = None
    if gateway is not None:
        now = {
            **_attributes(gateway, facts),
            "peer": gateway.lower,
            "bridge": port.master if port else "",
            "peer mtu": str(port.mtu) if port else "",
            "peer up": yes_or_no(port is not None and port.up),
            "peer addresses": " ".join(port.addresses) if port else "",
            "peer disable_ipv6": facts.interface_sysctls(PORT)["disable_ipv6"],
            "forwarding entry": " ".join(f"{mac} static" for mac, device in sorted(facts.static_fdb) if device == PORT),
        }
    yield from _device(host, GATEWAY, now, wanted)


def _vxlan(host: DesiredHost, facts: HostFacts) -> Iterator[Operation]:
    link = facts.link(VXLAN)
    wanted = {
        "kind": "vxlan",
        "mtu": _mtu(host, facts),
        "up": "yes",
        "addresses": "",
        "disable_ipv6": "1",
        "bridge": BRIDGE,
        "vxlan id": str(host.vni),
        "vxlan local": host.primary,
        "vxlan port": str(VXLAN_PORT),
        "vxlan learning": "no",
        "bridge learning": "no",
        "bridge neigh_suppress": "no",
    }
    now = None if link is None else {**_attributes(link, facts), "bridge": link.master, **dict(link.settings)}
    yield from _device(host, VXLAN, now, wanted)


def _device(host: DesiredHost, name: str, now: dict[str, str] | None, wanted: dict[str, str]) -> Iterator[Operation]:
    if now is None:
        yield Operation(host_change(host.key, "bridge", name, after=wanted))
        return
    before, after = differing(now, wanted)
    if after:
        yield Operation(host_change(host.key, "bridge", name, before=before, after=after))


def _attributes(link: Link, facts: HostFacts) -> dict[str, str]:
    return {
        **facts.interface_sysctls(link.name),
        "kind": link.kind,
        "mac": link.mac,
        "mtu": str(link.mtu),
        "up": yes_or_no(link.up),
        "addresses": " ".join(link.addresses),
    }


def _mtu(host: DesiredHost, facts: HostFacts) -> str:
    return str(bridge_mtu(facts.mtu_over(host.primary)))
