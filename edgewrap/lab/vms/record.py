"""What OpenNebula's network drivers read from a VM's record: its NICs and the rules of its security groups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Rule = Mapping[str, str]
"""A SECURITY_GROUP_RULE: `PROTOCOL`, `RULE_TYPE`, `RANGE`, `IP`, `SIZE`, …, and `SECURITY_GROUP_ID`."""

DEFAULT_MTU = 1500  # bytes; of a VXLAN device whose network has none


@dataclass(frozen=True, slots=True)
class Nic:
    """One NIC. `driver` is its network's (VN_MAD), `port` its name on the host, `physical` the host's uplink of a
    private network. `mtu` is the VXLAN device's, in bytes. `link_options` are added when the device is created."""

    id: int
    driver: str
    port: str
    bridge: str
    mac: str
    address: str
    network: str
    security_groups: tuple[str, ...]
    filters_mac: bool
    filters_address: bool
    physical: str = ""
    vlan_id: str = ""
    mtu: int = DEFAULT_MTU
    vxlan_mode: str = "multicast"
    vxlan_endpoint: str = "dev"
    link_options: tuple[str, ...] = ()

    @property
    def vxlan_device(self) -> str:
        """The name of the VXLAN device that the driver creates for it."""
        return f"{self.physical}.{self.vlan_id}"


@dataclass(frozen=True, slots=True)
class Allocation:
    """One running VM of the front-end. `context` is what its guest would read: `ETH0_IP`, `ETH0_MASK`, …"""

    vm_id: int
    nics: tuple[Nic, ...]
    rules: tuple[Rule, ...]
    context: Mapping[str, str]


def read_record(vm_id: int, template: Mapping[str, Any]) -> Allocation:
    """The VM of a record's TEMPLATE, in which a single vector is a mapping, and several ones are a list."""
    return Allocation(
        vm_id=vm_id,
        nics=tuple(_nic(found) for found in _vectors(template.get("NIC"))),
        rules=tuple(_without_empty(found) for found in _vectors(template.get("SECURITY_GROUP_RULE"))),
        context=_without_empty(template.get("CONTEXT") or {}),
    )


def _nic(found: Mapping[str, str | None]) -> Nic:
    nic = _without_empty(found)
    return Nic(
        id=int(nic["NIC_ID"]),
        driver=nic["VN_MAD"],
        port=nic["TARGET"],
        bridge=nic["BRIDGE"],
        mac=nic["MAC"],
        address=nic.get("IP", ""),
        network=nic["NETWORK"],
        security_groups=tuple(nic["SECURITY_GROUPS"].split(",")) if "SECURITY_GROUPS" in nic else (),
        filters_mac=nic.get("FILTER_MAC_SPOOFING", "").upper() == "YES",
        filters_address=nic.get("FILTER_IP_SPOOFING", "").upper() == "YES",
        physical=nic.get("PHYDEV", ""),
        vlan_id=nic.get("VLAN_ID", ""),
        mtu=int(nic.get("MTU", DEFAULT_MTU)),
        vxlan_mode=nic.get("VXLAN_MODE", "multicast").lower(),
        vxlan_endpoint=nic.get("VXLAN_TEP", "dev").lower(),
        link_options=tuple(_link_options(nic.get("IP_LINK_CONF", ""))),
    )


def _link_options(text: str) -> Iterable[str]:
    """`nolearning=,dstport=4789` as words for `ip link add`."""
    for part in text.split(","):
        name, separator, value = part.partition("=")
        if separator:
            yield name.strip().lower()
            if value.strip():
                yield value.strip()


def _vectors(found: Any) -> list[Mapping[str, str | None]]:
    if found is None:
        return []
    return list(found) if isinstance(found, list) else [found]


def _without_empty(found: Mapping[str, str | None]) -> dict[str, str]:
    return {key: value for key, value in found.items() if value}
