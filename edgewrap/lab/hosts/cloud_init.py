"""What cloud-init and netplan do to a host's network: pure functions.

cloud-init writes /etc/netplan/50-cloud-init.yaml at an instance's first boot and when an interface is attached later;
netplan converts it into networkd's files at every boot. On AWS an interface gets all its addresses, a second default
route, and rules in a table of its own (101, 102, …): then the Elastic IPs lead to the host's own sshd. Static addresses
take the place of DHCP.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

NETPLAN_FILE = "etc/netplan/50-cloud-init.yaml"
CONFIGURATION = "etc/cloud/cloud.cfg.d"

_FIRST_TABLE = 100
_METRIC_STEP = 100


@dataclass(frozen=True, slots=True)
class Nic:
    """A host's interface as in the metadata. `order` is its device index, 0 for the primary one."""

    name: str
    order: int
    mac: str
    subnet: str
    router: str
    addresses: tuple[str, ...]


def netplan_of(nics: Iterable[Nic]) -> dict[str, Any]:
    """The netplan document that cloud-init writes for these interfaces."""
    ethernets = {nic.name: _ethernet(nic) for nic in sorted(nics, key=lambda nic: nic.order)}
    return {"network": {"version": 2, "ethernets": ethernets}}


def networkd_files(netplan: Mapping[str, Any]) -> dict[str, str]:
    """networkd's files, by name, for a netplan document: the part of netplan that cloud-init uses."""
    ethernets = (netplan.get("network") or {}).get("ethernets") or {}
    return {f"10-netplan-{name}.network": _network_file(entry) for name, entry in ethernets.items()}


def network_updates(configuration: Iterable[Mapping[str, Any]]) -> bool:
    """Whether cloud-init reacts to attached interfaces, given its configuration files in order."""
    merged: dict[str, Any] = {}
    for file in configuration:
        merged.update(file)
    if (merged.get("network") or {}).get("config") == "disabled":
        return False
    when = ((merged.get("updates") or {}).get("network") or {}).get("when")
    return when is None or "hotplug" in when


def _ethernet(nic: Nic) -> dict[str, Any]:
    prefix = ipaddress.IPv4Network(nic.subnet).prefixlen
    entry: dict[str, Any] = {
        "match": {"macaddress": nic.mac},
        "set-name": nic.name,
        "addresses": [f"{address}/{prefix}" for address in nic.addresses],
        "routes": [{"to": "default", "via": nic.router, "metric": _METRIC_STEP * (nic.order + 1)}],
    }
    if nic.order:
        table = _FIRST_TABLE + nic.order
        entry["routes"] += [
            {"to": "default", "via": nic.router, "table": table},
            {"to": nic.subnet, "table": table},
        ]
        entry["routing-policy"] = [{"from": address, "table": table} for address in nic.addresses]
    return entry


def _network_file(entry: Mapping[str, Any]) -> str:
    lines = ["[Match]", f"MACAddress={entry['match']['macaddress']}", "", "[Network]"]
    lines += ["LinkLocalAddressing=no", "IPv6AcceptRA=no"]
    lines += [f"Address={address}" for address in entry.get("addresses", ())]
    for route in entry.get("routes", ()):
        lines += ["", "[Route]", f"Destination={'0.0.0.0/0' if route['to'] == 'default' else route['to']}"]
        lines += [f"Gateway={route['via']}"] if "via" in route else ["Scope=link"]
        lines += [f"Metric={route['metric']}"] if "metric" in route else []
        lines += [f"Table={route['table']}"] if "table" in route else []
    for rule in entry.get("routing-policy", ()):
        lines += ["", "[RoutingPolicyRule]", f"From={rule['from']}", f"Table={rule['table']}"]
    return "\n".join([*lines, ""])
