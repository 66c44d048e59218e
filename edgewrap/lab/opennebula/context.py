"""The context of a VM: what its operating system gets, from the requested CONTEXT and the VM's NICs."""

from __future__ import annotations

from collections.abc import Sequence

from edgewrap.lab.opennebula.records import Network
from edgewrap.lab.opennebula.release import Release

# The variable after ETHn_, and the attribute of the NIC, its range or its network that is its value.
_VARIABLES = {
    "DNS": "DNS",
    "EXTERNAL": "EXTERNAL",
    "GATEWAY": "GATEWAY",
    "IP": "IP",
    "IP6": "IP6_GLOBAL",
    "IP6_GATEWAY": "GATEWAY6",
    "IP6_METHOD": "IP6_METHOD",
    "IP6_METRIC": "IP6_METRIC",
    "IP6_PREFIX_LENGTH": "PREFIX_LENGTH",
    "IP6_ULA": "IP6_ULA",
    "MAC": "MAC",
    "MASK": "NETWORK_MASK",
    "METHOD": "METHOD",
    "METRIC": "METRIC",
    "MTU": "GUEST_MTU",
    "NETWORK": "NETWORK_ADDRESS",
    "ROUTES": "ROUTES",
    "SEARCH_DOMAIN": "SEARCH_DOMAIN",
    "VLAN_ID": "VLAN_ID",
    "VROUTER_IP": "VROUTER_IP",
    "VROUTER_IP6": "VROUTER_IP6_GLOBAL",
    "VROUTER_MANAGEMENT": "VROUTER_MANAGEMENT",
}


def context(
    release: Release, given: dict[str, str], nics: Sequence[dict[str, str]], networks: Sequence[Network | None]
) -> dict[str, str]:
    """The context vector. With NETWORK = YES it has the ETHn_ variables of every NIC, empty ones too."""
    found = dict(given)
    if given.get("NETWORK", "").upper() == "YES":
        for index, (nic, network) in enumerate(zip(nics, networks, strict=True)):
            for variable, attribute in _VARIABLES.items():
                if variable != "ROUTES" or release.context_routes:
                    found[f"ETH{index}_{variable}"] = _value(nic, network, attribute)
    return found | {"DISK_ID": "0", "TARGET": release.context_target}


def _value(nic: dict[str, str], network: Network | None, attribute: str) -> str:
    if attribute in nic or network is None:
        return nic.get(attribute, "")
    for found in network.ranges:
        if str(found.id) == nic.get("AR_ID") and attribute in found.attributes:
            return found.attributes[attribute]
    return network.template.get(attribute)
