"""The table of our files on a host: path, content, mode, owner, the check before a file is installed, and what must be
reloaded afterwards.

To add a file, add a row to `_TABLE`. What a host is asked for, what a rollback restores and what is removed once it is
no longer in the table (`OWN_PATHS`) follow from the rows. Pure.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from hashlib import sha256
from importlib.resources import files as package_files

from edgewrap.hosts.desired import BRIDGE, EDGE_PRIORITY, EDGE_TABLE, GATEWAY, ON_ROOT, PORT, VXLAN, DesiredHost
from edgewrap.hosts.render.frr import frr_conf, frr_daemons
from edgewrap.hosts.render.nftables import BY_NAME, IN_BRIDGE, edge_table, firewall_table, guard_table
from edgewrap.outputs import UNKNOWN

NETWORK_SCRIPT = "/etc/edgewrap/network.sh"
EDGE_TABLE_FILE = "/etc/edgewrap/edge.nft"
GUARD_FILES = ("/etc/edgewrap/guard.nft", "/etc/edgewrap/guard-by-name.nft")  # the first that the kernel takes
FIREWALL_FILE = "/etc/edgewrap/firewall.nft"
FRR_CONF = "/etc/frr/frr.conf"
UNITS = "/etc/systemd/system"
NETWORK_UNIT = "edgewrap-network.service"
WATCH_UNIT = "edgewrap-watch.service"
DATASTORES_UNIT = "edgewrap-datastores.service"
DISKS_SCRIPT = "/etc/edgewrap/disks.sh"
UNIT_NAMES = (NETWORK_UNIT, WATCH_UNIT, "frr.service")
WANTS = f"{UNITS}/multi-user.target.wants"

GLOBAL_SYSCTLS = {
    "net/ipv4/ip_forward": "1",
    "net/ipv4/conf/all/send_redirects": "0",
    "net/bridge/bridge-nf-call-iptables": "1",
    "net/bridge/bridge-nf-call-ip6tables": "1",
    "net/netfilter/nf_conntrack_tcp_be_liberal": "1",
}
"""The host's kernel parameters: network.sh sets them, plans compare them, a rollback restores them.

Conntrack must be liberal: a VM that moved to another host and back has connections of which this host saw only a part.
The parameters of one interface are attributes of that interface's operation, whose key does not depend on the name that
the kernel gives it.
"""

_HEADER = "# Written by edgewrap; its next apply overwrites changes made here.\n"

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
Documentation=file:/etc/edgewrap/watch.py
After={NETWORK_UNIT}
StartLimitIntervalSec=0

[Service]
ExecStart=/usr/bin/python3 /etc/edgewrap/watch.py
Restart=always
RestartSec=1

[Install]
WantedBy=multi-user.target
"""

# Before anything that writes to the datastores: libvirt, and OpenNebula's drivers, which come over SSH. If the disk is
# missing, the host boots without it.
_DATASTORES_UNIT_TEXT = f"""{_HEADER}[Unit]
Description=Disk of the datastores of this edge host
Documentation=file:{DISKS_SCRIPT}
RequiresMountsFor=/var/lib
Before=ssh.service libvirtd.service virtqemud.service

[Service]
Type=oneshot
RemainAfterExit=yes
TimeoutStartSec=600
ExecStart=/bin/sh {DISKS_SCRIPT} {{disk}}

[Install]
WantedBy=multi-user.target
"""

# nftables.service flushes every table on the host, ours too, when it starts, reloads or stops.
_LOAD = f"-sh {NETWORK_SCRIPT} filters"
_NFTABLES_TEXT = f"""{_HEADER}[Service]
ExecStartPost={_LOAD}
ExecReload={_LOAD}
ExecStopPost={_LOAD}
"""

# With an empty list, neither a boot nor a hot-plugged interface makes cloud-init configure the network again. The files
# that it wrote for the primary interface stay. Nor does a boot write /etc/hosts, where our names are.
_CLOUD_INIT_TEXT = f"""{_HEADER}manage_etc_hosts: false
updates:
  network:
    when: []
"""

# A leading dash: no error if the kernel has no bridge filter or conntrack yet; network.sh loads them.
_SYSCTL_TEXT = _HEADER + "".join(
    f"{'' if name.startswith('net/ipv4/') else '-'}{name.replace('/', '.')} = {value}\n"
    for name, value in GLOBAL_SYSCTLS.items()
)


class Reload(StrEnum):
    """What must be reloaded or restarted after a file has changed."""

    NETWORKD = "networkd"
    SYSTEMD = "systemd"
    WATCHER = "watcher"
    FRR = "frr"


@dataclass(frozen=True, slots=True)
class FileRow:
    """One row of the table. `text` gives the content for a host, or None if that host does not have the file. `mode` is
    octal, as `stat -c %a` prints it. `check` is a command that must accept the file, `{}`, before it is installed."""

    path: str
    text: Callable[[DesiredHost], str | None]
    mode: str = "644"
    owner: str = "root:root"
    reload: Reload | None = None
    check: str = ""

    @property
    def pattern(self) -> str:
        """Where this file is, and others of ours that no row has any more: in our own directory all files, elsewhere
        those whose name differs only after `edgewrap`."""
        directory, name = posixpath.split(self.path)
        if directory.endswith("/edgewrap"):
            return f"{directory}/*"
        stem, suffix = posixpath.splitext(name)
        before, ours, _ = stem.partition("edgewrap")
        return f"{directory}/{before}edgewrap*{suffix}" if ours else self.path


@dataclass(frozen=True, slots=True)
class HostFile:
    """One file as it should be on a host. Nobody sees the content of a `secret` one, nor its checksum."""

    row: FileRow
    text: str = field(repr=False)
    secret: bool = False

    @property
    def path(self) -> str:
        return self.row.path

    @property
    def sha256(self) -> str:
        """The checksum of the text, or UNKNOWN if a part of the text is not known yet."""
        return _checksum(self.text)

    @property
    def shown_text(self) -> str:
        """The text for people: without passwords."""
        return re.sub("password .*", "password (hidden)", self.text) if self.secret else self.text

    @property
    def shown_sha256(self) -> str:
        """The checksum of the text for people."""
        return _checksum(self.shown_text)


@lru_cache(maxsize=64)
def _checksum(text: str) -> str:
    """Most files are the same on every host."""
    return UNKNOWN if UNKNOWN in text else sha256(text.encode()).hexdigest()


@cache
def script(name: str) -> str:
    """The text of one of the plane's scripts for hosts."""
    return (package_files("edgewrap.hosts") / "scripts" / name).read_text()


@cache
def disks_script() -> str:
    """The text of the script for disks."""
    return script("disk-facts.sh") + script("disks.sh")


def _disks(host: DesiredHost) -> str | None:
    return None if host.datastores == ON_ROOT else _HEADER + disks_script()


def _datastores_unit(host: DesiredHost) -> str | None:
    return None if host.datastores == ON_ROOT else _DATASTORES_UNIT_TEXT.format(disk=host.datastores)


def _always(text: str) -> Callable[[DesiredHost], str]:
    return lambda _: text


def _frr_conf(host: DesiredHost) -> str:
    return _HEADER.replace("#", "!") + frr_conf(host.bgp)


def _firewall(host: DesiredHost) -> str | None:
    return None if host.firewall is None else _HEADER + firewall_table(host.firewall, host.primary)


def _groups_unmanaged(host: DesiredHost) -> str | None:
    """None without groups: an empty list of MACs would match every interface."""
    macs = " ".join(group.mac for group in (*host.groups, *host.incoming_groups))
    return _unmanaged(f"MACAddress={macs}") if macs else None


def _unmanaged(match: str) -> str:
    return f"{_HEADER}[Match]\n{match}\n\n[Link]\nUnmanaged=yes\n"


def _table_names(host: DesiredHost) -> str:
    groups = (*host.groups, *host.incoming_groups)
    names = [f"{EDGE_TABLE}\tedge\n", *(f"{group.table}\tedge-{group.key}\n" for group in groups)]
    return _HEADER + "".join(names)


def accepted(host: DesiredHost) -> tuple[str, ...]:
    """Rules that network.sh adds to the ends of iptables' chains: packets that a policy of DROP, as Docker and ufw set
    it, would drop.

    None is about frames from or to the port of a VM: those are for OpenNebula's security groups, whose jump may be
    behind these rules.
    """
    bridged = "FORWARD -m physdev --physdev-is-bridged --physdev-in {} --physdev-out {}"
    return (
        f"INPUT -s {host.blocked_destinations[0]} -d {host.primary}",
        f"FORWARD -i {GATEWAY}",
        f"FORWARD -o {GATEWAY}",
        bridged.format(VXLAN, PORT),
        bridged.format(PORT, VXLAN),
    )


def _network_data(host: DesiredHost) -> str:
    """What network.sh and the watcher read: one record a line; the table before the groups."""
    records = (
        *(("sysctl", name, value) for name, value in GLOBAL_SYSCTLS.items()),
        ("bridge", host.bridge_mac, host.gateway_mac, host.primary, host.vni),
        ("table", EDGE_TABLE, EDGE_PRIORITY),
        *(
            ("group", group.index, group.mac, group.address, group.block, group.router, group.table, group.priority)
            for group in (*host.groups, *host.incoming_groups)
        ),
        *(("block", block) for block in host.blocks),
        *(("accept", rule) for rule in accepted(host)),
    )
    return _HEADER + "".join(f"{' '.join(map(str, words))}\n" for words in records)


_NFT = "nft -c -f {}"
# vtysh would repeat the line that it does not know, which may be the one with the password.
_VTYSH = "vtysh -C -f {} >/dev/null 2>&1 || {{ echo 'FRR does not know a line of it' >&2; exit 1; }}"

# In the order in which they are written. 05: networkd takes the first file that matches an interface, and netplan
# writes 10-netplan-….network.
_TABLE = (
    FileRow("/etc/cloud/cloud.cfg.d/99-edgewrap.cfg", _always(_CLOUD_INIT_TEXT)),
    FileRow(
        "/etc/systemd/network/05-edgewrap-bridge.network",
        _always(_unmanaged(f"Name={BRIDGE} {GATEWAY} {PORT} {VXLAN}")),
        reload=Reload.NETWORKD,
    ),
    FileRow("/etc/systemd/network/05-edgewrap-groups.network", _groups_unmanaged, reload=Reload.NETWORKD),
    FileRow("/etc/sysctl.d/99-zz-edgewrap.conf", _always(_SYSCTL_TEXT)),
    FileRow("/etc/iproute2/rt_tables.d/edgewrap.conf", _table_names),
    FileRow(EDGE_TABLE_FILE, lambda host: edge_table(host, _HEADER), check=_NFT),
    FileRow(GUARD_FILES[0], _always(_HEADER + guard_table(IN_BRIDGE))),
    FileRow(GUARD_FILES[1], _always(_HEADER + guard_table(BY_NAME))),
    FileRow(FIREWALL_FILE, _firewall, check=_NFT),
    FileRow("/etc/edgewrap/network.conf", _network_data),
    FileRow("/etc/edgewrap/watch.py", _always(_HEADER + script("watch.py")), "755", reload=Reload.WATCHER),
    FileRow("/etc/edgewrap/announce.py", _always(_HEADER + script("announce.py")), "755"),
    FileRow(NETWORK_SCRIPT, _always(script("network.sh")), "755", check="sh -n {}"),
    FileRow(DISKS_SCRIPT, _disks, "755", check="sh -n {}"),
    FileRow(f"{UNITS}/{DATASTORES_UNIT}", _datastores_unit, reload=Reload.SYSTEMD),
    FileRow(f"{UNITS}/{NETWORK_UNIT}", _always(_NETWORK_UNIT_TEXT), reload=Reload.SYSTEMD),
    FileRow(f"{UNITS}/{WATCH_UNIT}", _always(_WATCH_UNIT_TEXT), reload=Reload.SYSTEMD),
    FileRow(f"{UNITS}/nftables.service.d/edgewrap.conf", _always(_NFTABLES_TEXT), reload=Reload.SYSTEMD),
    FileRow("/etc/frr/daemons", lambda host: _HEADER + frr_daemons(host.bgp), "640", "root:frr", reload=Reload.FRR),
    FileRow(FRR_CONF, _frr_conf, "640", "root:frr", reload=Reload.FRR, check=_VTYSH),
)

OWN_PATHS = tuple(dict.fromkeys(row.pattern for row in _TABLE))
"""Patterns of the paths of our files. A file there that `host_files` does not have is removed."""

RELOADS = {row.pattern: row.reload for row in _TABLE}
"""What must be reloaded after a file of the pattern has been restored or removed."""


def host_files(host: DesiredHost) -> tuple[HostFile, ...]:
    """Every file of ours on the host, in the order in which they are written."""
    secrets = {FRR_CONF} if host.bgp.password is not None else set()
    texts = ((row, row.text(host)) for row in _TABLE)
    return tuple(HostFile(row, text, row.path in secrets) for row, text in texts if text is not None)


def reload_of(path: str) -> Reload | None:
    """What must be reloaded after the file at the path has been removed."""
    return next((reload for pattern, reload in RELOADS.items() if fnmatchcase(path, pattern)), None)
