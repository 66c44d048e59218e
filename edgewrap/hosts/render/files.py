"""The files of ours on a host, as text. Whatever has `edgewrap` in its path in these places is ours to remove."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from importlib.resources import files as package_files

from edgewrap.hosts.bgp import frr_conf, frr_daemons
from edgewrap.hosts.desired import BRIDGE, EDGE_PRIORITY, EDGE_TABLE, GATEWAY, PORT, VXLAN, DesiredHost
from edgewrap.hosts.render.nftables import BY_NAME, IN_BRIDGE, edge_table, firewall_table, guard_table
from edgewrap.outputs import UNKNOWN

NETWORK_SCRIPT = "/etc/edgewrap/network.sh"
NETWORK_DATA = "/etc/edgewrap/network.conf"
WATCHER = "/etc/edgewrap/watch.py"
EDGE_TABLE_FILE = "/etc/edgewrap/edge.nft"
GUARD_FILES = ("/etc/edgewrap/guard.nft", "/etc/edgewrap/guard-by-name.nft")  # the first that the kernel takes
FIREWALL_FILE = "/etc/edgewrap/firewall.nft"
FRR_CONF = "/etc/frr/frr.conf"
FRR_DAEMONS = "/etc/frr/daemons"
NETWORK_UNIT = "edgewrap-network.service"
WATCH_UNIT = "edgewrap-watch.service"
FRR_UNIT = "frr.service"
UNIT_NAMES = (NETWORK_UNIT, WATCH_UNIT, FRR_UNIT)
UNITS = "/etc/systemd/system"
NETWORKD = "/etc/systemd/network"

_HEADER = "# Written by edgewrap; changes made here are undone by its next apply.\n"
_FRR_HEADER = "! Written by edgewrap; changes made here are undone by its next apply.\n"

_NETWORK_UNIT_TEXT = f"""{_HEADER}[Unit]
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

_WATCH_UNIT_TEXT = f"""{_HEADER}[Unit]
Description=Ports of VMs and interfaces of groups on this edge host
Documentation=file:{WATCHER}
After={NETWORK_UNIT}
StartLimitIntervalSec=0

[Service]
ExecStart=/usr/bin/python3 {WATCHER}
Restart=always
RestartSec=1

[Install]
WantedBy=multi-user.target
"""

# Whenever nftables.service starts, reloads or stops, it flushes every table on the host, ours with the others.
_LOAD = f"-sh {NETWORK_SCRIPT} filters"
_NFTABLES_TEXT = f"""{_HEADER}[Service]
ExecStartPost={_LOAD}
ExecReload={_LOAD}
ExecStopPost={_LOAD}
"""

# An empty list of occasions: neither a boot nor a hot-plugged interface makes cloud-init configure the network again.
# The files that it made for the primary interface stay as they are.
_CLOUD_INIT_TEXT = f"""{_HEADER}updates:
  network:
    when: []
"""

# A leading dash: no error where the kernel has no bridge filter or conntrack yet; network.sh loads them.
_SYSCTL_TEXT = f"""{_HEADER}net.ipv4.ip_forward = 1
net.ipv4.conf.all.send_redirects = 0
-net.bridge.bridge-nf-call-iptables = 1
-net.bridge.bridge-nf-call-ip6tables = 1
-net.netfilter.nf_conntrack_tcp_be_liberal = 1
"""


@dataclass(frozen=True, slots=True)
class HostFile:
    """One file as it should be. `mode` is octal, as `stat -c %a` prints it, `owner` a user and a group. Of a `secret`
    one not even a checksum is shown to anybody."""

    path: str
    text: str = field(repr=False)
    mode: str = "644"
    owner: str = "root:root"
    secret: bool = False

    @property
    def sha256(self) -> str:
        """The checksum of the text, or UNKNOWN where a part of the text is not known yet."""
        return UNKNOWN if UNKNOWN in self.text else sha256(self.text.encode()).hexdigest()


def host_files(host: DesiredHost) -> tuple[HostFile, ...]:
    """Every file of ours on the host, in the order in which they are to be written."""
    return (
        HostFile("/etc/cloud/cloud.cfg.d/99-edgewrap.cfg", _CLOUD_INIT_TEXT),
        HostFile(f"{NETWORKD}/05-edgewrap-bridge.network", _unmanaged(f"Name={BRIDGE} {GATEWAY} {PORT} {VXLAN}")),
        *(
            # 05: ahead of what netplan writes for the same interface (10-netplan-….network); the first match counts
            HostFile(f"{NETWORKD}/05-edgewrap-{group.key}.network", _unmanaged(f"MACAddress={group.mac}"))
            for group in (*host.groups, *host.incoming_groups)
        ),
        HostFile("/etc/sysctl.d/99-zz-edgewrap.conf", _SYSCTL_TEXT),
        HostFile("/etc/iproute2/rt_tables.d/edgewrap.conf", "".join(_table_names(host))),
        HostFile(EDGE_TABLE_FILE, _HEADER + edge_table(host)),
        *(
            HostFile(path, _HEADER + guard_table(scope))
            for path, scope in zip(GUARD_FILES, (IN_BRIDGE, BY_NAME), strict=True)
        ),
        *_firewall(host),
        HostFile(NETWORK_DATA, "".join(_network_data(host))),
        HostFile(WATCHER, _HEADER + script("watch.py"), "755"),
        HostFile("/etc/edgewrap/announce.py", _HEADER + script("announce.py"), "755"),
        HostFile(NETWORK_SCRIPT, script("network.sh"), "755"),
        HostFile(f"{UNITS}/{NETWORK_UNIT}", _NETWORK_UNIT_TEXT),
        HostFile(f"{UNITS}/{WATCH_UNIT}", _WATCH_UNIT_TEXT),
        HostFile(f"{UNITS}/nftables.service.d/edgewrap.conf", _NFTABLES_TEXT),
        HostFile(FRR_DAEMONS, _HEADER + frr_daemons(host.bgp), "640", "root:frr"),
        HostFile(FRR_CONF, _FRR_HEADER + frr_conf(host.bgp), "640", "root:frr", host.bgp.password is not None),
    )


@cache
def script(name: str) -> str:
    """The text of one of the plane's shell scripts."""
    return (package_files("edgewrap.hosts") / "scripts" / name).read_text()


def _firewall(host: DesiredHost) -> Iterator[HostFile]:
    if host.firewall is not None:
        yield HostFile(FIREWALL_FILE, _HEADER + firewall_table(host.firewall, host.primary))


def _unmanaged(match: str) -> str:
    return f"{_HEADER}[Match]\n{match}\n\n[Link]\nUnmanaged=yes\n"


def _table_names(host: DesiredHost) -> Iterator[str]:
    yield _HEADER
    yield f"{EDGE_TABLE}\tedge\n"
    for group in (*host.groups, *host.incoming_groups):
        yield f"{group.table}\tedge-{group.key}\n"


def _network_data(host: DesiredHost) -> Iterator[str]:
    """What network.sh and the watcher read: one record a line; the table before the groups."""
    yield _HEADER
    yield f"bridge {host.bridge_mac} {host.gateway_mac} {host.primary} {host.vni}\n"
    yield f"table {EDGE_TABLE} {EDGE_PRIORITY}\n"
    for group in (*host.groups, *host.incoming_groups):
        words = (group.index, group.mac, group.address, group.block, group.router, group.table, group.priority)
        yield f"group {' '.join(map(str, words))}\n"
    for block in host.blocks:
        yield f"block {block}\n"
