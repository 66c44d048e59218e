"""The files of ours on a host, as text. Whatever has `edgewrap` in its path in these places is ours to remove."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files as package_files

from edgewrap.hosts.desired import BRIDGE, BRIDGE_MTU, EDGE_PRIORITY, EDGE_TABLE, GATEWAY, PORT, DesiredHost
from edgewrap.outputs import UNKNOWN

NETWORK_SCRIPT = "/etc/edgewrap/network.sh"
NETWORK_DATA = "/etc/edgewrap/network.conf"
NFT_TABLE = "/etc/edgewrap/edge.nft"
UNIT = "edgewrap-network.service"
UNITS = "/etc/systemd/system"
UNIT_FILE = f"{UNITS}/{UNIT}"
NETWORKD = "/etc/systemd/network"

_HEADER = "# Written by edgewrap; changes made here are undone by its next apply.\n"

_UNIT_TEXT = f"""{_HEADER}[Unit]
Description=Public network of this edge host
Documentation=file:{NETWORK_SCRIPT}
After=systemd-networkd.service systemd-sysctl.service nftables.service
Before=network-online.target

[Service]
Type=oneshot
RemainAfterExit=yes
TimeoutStartSec=60
# interfaces may still be waiting for their names
ExecStartPre=-udevadm settle --timeout=20
ExecStart={NETWORK_SCRIPT}

[Install]
WantedBy=multi-user.target
"""

# Whenever nftables.service starts, reloads or stops, it flushes every table on the host, ours with the others.
_NFTABLES_TEXT = f"""{_HEADER}[Service]
ExecStartPost=-nft -f {NFT_TABLE}
ExecReload=-nft -f {NFT_TABLE}
ExecStopPost=-nft -f {NFT_TABLE}
"""

# An empty list of occasions: neither a boot nor a hot-plugged interface makes cloud-init configure the network again.
# The files that it made for the primary interface stay as they are.
_CLOUD_INIT_TEXT = f"""{_HEADER}updates:
  network:
    when: []
"""

# A leading dash: no error where the kernel has no bridge filter yet; network.sh loads it.
_SYSCTL_TEXT = f"""{_HEADER}net.ipv4.ip_forward = 1
net.ipv4.conf.all.send_redirects = 0
-net.bridge.bridge-nf-call-iptables = 1
-net.bridge.bridge-nf-call-ip6tables = 1
"""


@dataclass(frozen=True, slots=True)
class HostFile:
    """One file as it should be: owner root. `mode` is octal, as `stat -c %a` prints it."""

    path: str
    text: str
    mode: str = "644"

    @property
    def sha256(self) -> str:
        """The checksum of the text, or UNKNOWN where a part of the text is not known yet."""
        return UNKNOWN if UNKNOWN in self.text else sha256(self.text.encode()).hexdigest()


def host_files(host: DesiredHost) -> tuple[HostFile, ...]:
    """Every file of ours on the host, in the order in which they are to be written."""
    return (
        HostFile("/etc/cloud/cloud.cfg.d/99-edgewrap.cfg", _CLOUD_INIT_TEXT),
        HostFile(f"{NETWORKD}/05-edgewrap-bridge.network", _unmanaged(f"Name={BRIDGE} {GATEWAY} {PORT}")),
        *(
            # 05: ahead of what netplan writes for the same interface (10-netplan-….network); the first match counts
            HostFile(f"{NETWORKD}/05-edgewrap-{group.key}.network", _unmanaged(f"MACAddress={group.mac}"))
            for group in host.groups
        ),
        HostFile("/etc/sysctl.d/99-zz-edgewrap.conf", _SYSCTL_TEXT),
        HostFile("/etc/iproute2/rt_tables.d/edgewrap.conf", "".join(_table_names(host))),
        HostFile(NFT_TABLE, nft_table(host)),
        HostFile(NETWORK_DATA, "".join(_network_data(host))),
        HostFile(NETWORK_SCRIPT, script("network.sh"), "755"),
        HostFile(UNIT_FILE, _UNIT_TEXT),
        HostFile(f"{UNITS}/nftables.service.d/edgewrap.conf", _NFTABLES_TEXT),
    )


@cache
def script(name: str) -> str:
    """The text of one of the plane's shell scripts."""
    return (package_files("edgewrap.hosts") / "scripts" / name).read_text()


def nft_table(host: DesiredHost) -> str:
    """Table `ip edge`: loaded as a whole in one transaction, whatever was in it before.

    Group interfaces are meant by their MAC, since names may change. nft 1.0.6 needs a line end before each brace.
    """
    closed = ", ".join(host.closed)
    macs = ", ".join(group.mac for group in host.groups)
    to_interfaces = f"ether daddr {{ {macs} }}"
    forward = f"\n\t\t{to_interfaces} oifname != {GATEWAY} counter drop" if macs else ""
    arriving = f"\n\t\t{to_interfaces} counter drop" if macs else ""
    return f"""{_HEADER}table ip edge
delete table ip edge
table ip edge {{
	chain prerouting {{
		type filter hook prerouting priority raw; policy accept;
		# sources whose entry host this is not; and the instance's metadata
		iifname {GATEWAY} fib saddr . iif oif 0 counter drop
		iifname {GATEWAY} ip daddr 169.254.0.0/16 counter drop
	}}
	chain forward {{
		type filter hook forward priority filter; policy accept;
		iifname {GATEWAY} ct state established,related accept
		iifname {GATEWAY} ip daddr {{ {closed} }} counter drop{forward}
	}}
	chain input {{
		type filter hook input priority filter; policy accept;
		iifname {GATEWAY} ct state established,related accept
		iifname {GATEWAY} counter drop{arriving}
	}}
}}
"""


def _unmanaged(match: str) -> str:
    return f"{_HEADER}[Match]\n{match}\n\n[Link]\nUnmanaged=yes\n"


def _table_names(host: DesiredHost) -> Iterator[str]:
    yield _HEADER
    yield f"{EDGE_TABLE}\tedge\n"
    for group in host.groups:
        yield f"{group.table}\tedge-{group.key}\n"


def _network_data(host: DesiredHost) -> Iterator[str]:
    """What network.sh reads: one record a line; the groups before their addresses."""
    yield _HEADER
    yield f"bridge {host.bridge_mac} {host.gateway_mac} {BRIDGE_MTU}\n"
    yield f"table {EDGE_TABLE} {EDGE_PRIORITY}\n"
    for group in host.groups:
        words = (group.index, group.mac, group.address, group.block, group.router, group.table, group.priority)
        yield f"group {' '.join(map(str, words))}\n"
    for address in host.addresses:
        yield f"address {address.address} {address.gateway} {address.group}\n"
