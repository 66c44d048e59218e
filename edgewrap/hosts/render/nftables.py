"""The nft tables of a host, as text: the filters of routed packets, the guard of the VMs' ports, the host's firewall.

Each file replaces its table as a whole in one transaction. nft 1.0.6 needs a line end before each closing brace.
"""

from __future__ import annotations

from functools import cache, lru_cache

from edgewrap.hosts.desired import BRIDGE, GATEWAY, PORT, VXLAN, VXLAN_PORT, DesiredHost, Firewall, zones_of

MIGRATION_PORTS = "49152-49215"  # libvirt's, from host to host
VNC_PORTS = "5900-65535"  # 5900 and the VM's id
_GATEWAYS = "ether daddr & ff:ff:00:00:00:00 == 02:ed:00:00:00:00"

IN_BRIDGE = f'meta ibrname != "{BRIDGE}" accept'
"""The guard's scope if the kernel can match a port's bridge."""

BY_NAME = """iifname != "one-*" iifname != @guarded accept
		iifname @elsewhere accept"""
"""The guard's scope on other kernels: the watcher lists which ports are in which bridge. A VM's port that it has not
seen yet is guarded."""


def edge_table(host: DesiredHost, header: str = "") -> str:
    """Table `ip edge`: what VMs may not reach through this host, and a conntrack zone for each VM.

    It matches group interfaces by MAC, because names may change. Frames bridged to or from a VM pass it, too, as
    `br-edge`, and again when they are routed: in one zone, a refusal would end the connection before it has reached the
    client.
    """
    macs = ", ".join(group.mac for group in (*host.groups, *host.incoming_groups))
    return _edge_table(header, macs, host.blocks, host.blocked_destinations)


@lru_cache(maxsize=8)
def _edge_table(header: str, macs: str, blocks: tuple[str, ...], blocked_destinations: tuple[str, ...]) -> str:
    """The same text for all hosts without a group: with many Elastic IPs it is a large one."""
    closed = ", ".join(blocked_destinations)
    to_interfaces = f"ether daddr {{ {macs} }}"
    forward = f"\n\t\t{to_interfaces} oifname != {GATEWAY} counter drop" if macs else ""
    arriving = f"\n\t\t{to_interfaces} counter drop" if macs else ""
    elements = _zone_elements(blocks, blocked_destinations[0])
    return f"""{header}table ip edge
delete table ip edge
table ip edge {{
	map zones {{
		typeof ip saddr : ct zone{elements}
	}}
	chain zones {{
		type filter hook prerouting priority raw - 1; policy accept;
		iifname != {BRIDGE} return
		# marked by the guard: 1 is from a VM here, 2 from another host's VM to the gateway here
		meta mark 2 notrack
		meta mark 1 ct zone set ip saddr map @zones
		meta mark 0 ct zone set ip daddr map @zones
		meta mark set 0
	}}
	chain prerouting {{
		type filter hook prerouting priority raw; policy accept;
		# sources whose entry host is another one; and the instance's metadata
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


@cache
def _zone_elements(blocks: tuple[str, ...], hosts_half: str) -> str:
    """The same on every host."""
    text = ", ".join(f"{address} : {zone}" for address, zone in zones_of(blocks, hosts_half))
    return f"\n\t\telements = {{ {text} }}" if text else ""


def guard_table(scope: str) -> str:
    """Table `bridge edge`: a port of `br-edge` may send only what its VM may, by port, MAC and address.

    A port without an entry in the sets is closed. The table is before the bridge's learning, so that a frame with
    another VM's MAC moves nothing. The watcher fills the sets.
    """
    return f"""table bridge edge
delete table bridge edge
table bridge edge {{
	set allowed {{
		type ifname . ether_addr . ipv4_addr
	}}
	set macs {{
		type ifname . ether_addr
	}}
	set guarded {{
		type ifname
	}}
	set elsewhere {{
		type ifname
	}}
	chain prerouting {{
		type filter hook prerouting priority -300; policy accept;
		iifname {PORT} accept
		iifname {VXLAN} {_GATEWAYS} meta mark set 2 accept
		iifname {VXLAN} accept
		{scope}
		# to a gateway only: another VM is reached through it
		ether type ip {_GATEWAYS} iifname . ether saddr . ip saddr @allowed meta mark set 1 accept
		ether type arp arp htype 1 arp ptype ip arp hlen 6 arp plen 4 jump senders
		# RARP: what a VM's hypervisor sends after a migration
		ether type 0x8035 iifname . ether saddr @macs accept
		counter drop
	}}
	chain senders {{
		iifname . ether saddr . arp saddr ip @allowed iifname . arp saddr ether . arp saddr ip @allowed accept
	}}
}}
"""


def firewall_table(firewall: Firewall, primary: str) -> str:
    """Table `inet edge-host`: what reaches the host itself at its primary address, on the interface that has it.

    `operators` has the address that edgewrap last used, which is never locked out. OpenNebula's drivers use the hosts'
    names for SSH and migrations. If these lead to public addresses, such packets arrive from the sender's public
    address, also those of a host to itself.
    """
    networks = ", ".join(firewall.ssh_from)
    ssh = f"\n\t\tip saddr {{ {networks} }} tcp dport 22 accept" if networks else ""
    vnc = ", ".join(firewall.vnc_from)
    ssh += f"\n\t\tip saddr {{ {vnc} }} tcp dport {VNC_PORTS} accept" if vnc else ""
    public = ", ".join(firewall.public_addresses)
    peers = f"\n\t\tip saddr {{ {public} }} tcp dport {{ 22, {MIGRATION_PORTS} }} accept" if public else ""
    return f"""table inet edge-host
delete table inet edge-host
table inet edge-host {{
	set operators {{
		type ipv4_addr
	}}
	chain input {{
		type filter hook input priority filter; policy accept;
		ip daddr {primary} fib daddr . iif type local jump host
	}}
	chain host {{
		ct state established,related accept
		ip saddr {firewall.hosts} udp dport {VXLAN_PORT} accept
		# SSH, BGP, and live migrations
		ip saddr {firewall.hosts} tcp dport {{ 22, 179, {MIGRATION_PORTS} }} accept{peers}{ssh}
		ip saddr @operators tcp dport 22 accept
		ip protocol icmp accept
		udp sport 67 udp dport 68 accept
		counter drop
	}}
}}
"""
