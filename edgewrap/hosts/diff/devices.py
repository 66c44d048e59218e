"""Differences of `br-edge` and its two ports of ours: the gateway's veth pair, the VXLAN to other hosts. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from edgewrap.hosts.desired import BRIDGE, GATEWAY, PORT, VXLAN, VXLAN_PORT, DesiredHost, bridge_mtu
from edgewrap.hosts.facts import HostFacts, Link
from edgewrap.hosts.operation import Operation, compared, yes_or_no


def device_operations(host: DesiredHost, facts: HostFacts) -> Iterator[Operation]:
    """What the devices need; network.sh sets them up."""
    mtu = str(bridge_mtu(facts.mtu_over(host.primary)))
    common = {"mtu": mtu, "up": "yes", "addresses": "", "disable_ipv6": "1"}
    bridge = {"kind": "bridge", "mac": host.bridge_mac, **common, "mcast_snooping": "no"}
    gateway = {
        "kind": "veth",
        "mac": host.gateway_mac,
        **common,
        "send_redirects": "0",
        "rp_filter": "2",
        "arp_ignore": "1",
        "proxy_delay": "0",
        "peer": PORT,
        "bridge": BRIDGE,
        **{f"peer {name}": value for name, value in common.items()},
        "forwarding entry": f"{host.gateway_mac} static",
    }
    vxlan = {
        "kind": "vxlan",
        **common,
        "bridge": BRIDGE,
        "vxlan id": str(host.vni),
        "vxlan local": host.primary,
        "vxlan port": str(VXLAN_PORT),
        "vxlan learning": "no",
        "bridge learning": "no",
        "bridge neigh_suppress": "no",
    }
    for name, wanted in {BRIDGE: bridge, GATEWAY: gateway, VXLAN: vxlan}.items():
        link = facts.link(name)
        now = None if link is None else _attributes(link, facts)
        if now is not None and name == GATEWAY:
            port = _attributes(facts.link(PORT) or Link(PORT, mac="", mtu=0, up=False), facts)
            now |= {**{f"peer {name}": value for name, value in port.items()}, "bridge": port["bridge"]}
            entries = sorted(mac for mac, device in facts.static_fdb if device == PORT)
            now["forwarding entry"] = " ".join(f"{mac} static" for mac in entries)
        yield from compared(host, "bridge", name, now, wanted)


def _attributes(link: Link, facts: HostFacts) -> dict[str, str]:
    return {
        **facts.interface_sysctls(link.name),
        **dict(link.settings),
        "kind": link.kind,
        "mac": link.mac,
        "mtu": str(link.mtu or ""),
        "up": yes_or_no(link.up),
        "addresses": " ".join(link.addresses),
        "mcast_snooping": yes_or_no(link.mcast_snooping),
        "bridge": link.master,
        "peer": link.lower,
    }
