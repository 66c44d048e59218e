"""What one host should be: the spec and the AWS outputs in, one frozen picture out.

P is a VM's address, P^1 its gateway. Every host has the bridge `br-edge`, which `vx-edge` spans over all hosts, and a
gateway on it, the veth end `gw-edge`; the entry host of a group also has that group's interface, its routing table, and
a route and a proxy ARP entry for each of its addresses. Where an interface or a MAC is not known yet, `UNKNOWN` stands
for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network
from typing import TypeVar

from edgewrap.first_boot.files import sets_itself_up
from edgewrap.hosts.bgp import Bgp, bgp_of, reflectors_of
from edgewrap.outputs import UNKNOWN, EipOutput, GroupOutput, HostOutput, Outputs
from edgewrap.spec.addressing import groups_half, hosts_half
from edgewrap.spec.models import Spec

BRIDGE = "br-edge"
VXLAN = "vx-edge"  # the port of the bridge that leads to the other hosts
GATEWAY = "gw-edge"  # the veth end that routes
PORT = "gw-port"  # its other end, a port of the bridge
VXLAN_PORT = 8472  # OpenNebula's, too
VXLAN_OVERHEAD = 50  # bytes
LARGEST_MTU = 1500  # the internet gateway's

EDGE_TABLE = 10000  # holds only `P/32 dev gw-edge`; group g has EDGE_TABLE + 1 + g
EDGE_PRIORITY = 1000  # ahead of table main (32766) and of what cloud-init adds; group g has EDGE_PRIORITY + 1 + g
OWN_TABLES = range(EDGE_TABLE, EDGE_TABLE + 257)  # everything in them, and every rule that looks them up, is ours

_Keyed = TypeVar("_Keyed", HostOutput, GroupOutput, EipOutput)


@dataclass(frozen=True, slots=True)
class Group:
    """An interface group whose entry host this is. `router`: the subnet's router, in AWS its second address."""

    key: str
    index: int
    mac: str
    address: str
    block: str
    router: str

    @property
    def table(self) -> int:
        """The routing table of packets from this group's VMs."""
        return EDGE_TABLE + 1 + self.index

    @property
    def priority(self) -> int:
        """The priority of the rule that looks that table up."""
        return EDGE_PRIORITY + 1 + self.index


@dataclass(frozen=True, slots=True)
class Address:
    """One Elastic IP that enters here: the VM's address, its gateway, and the index of its group."""

    address: str
    gateway: str
    group: int


@dataclass(frozen=True, slots=True)
class Vm:
    """A VM's address, whichever host it enters by, and its conntrack zone: a number that is its own for ever."""

    address: str
    zone: int


@dataclass(frozen=True, slots=True)
class Firewall:
    """Who may reach the host itself: SSH from the networks `ssh_from`; from `hosts`, the hosts' half of the subnet, all
    that hosts need of each other; from the hosts' `public_addresses`, SSH and migrations."""

    ssh_from: tuple[str, ...]
    hosts: str
    public_addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DesiredHost:
    """One host as it should be. `incoming_groups` are groups that AWS is about to attach to it, their Elastic IPs among
    `addresses`: the host brings them up when their interface appears. VMs may not reach the `blocked_destinations`
    through it: the hosts' half of the subnet and every group's own address. `vms` are all VMs' addresses;
    `sets_itself_up`: as a new one it comes with user data.
    """

    key: str
    primary: str
    bridge_mac: str
    gateway_mac: str
    vni: int
    groups: tuple[Group, ...]
    incoming_groups: tuple[Group, ...]
    addresses: tuple[Address, ...]
    vms: tuple[Vm, ...]
    blocked_destinations: tuple[str, ...]
    bgp: Bgp
    firewall: Firewall | None
    user: str
    authorized_keys: tuple[str, ...]
    sets_itself_up: bool = False

    @property
    def entry_addresses(self) -> tuple[Address, ...]:
        """The addresses that enter here now."""
        here = {group.index for group in self.groups}
        return tuple(address for address in self.addresses if address.group in here)


def desired_host(spec: Spec, outputs: Outputs, key: str, before: Outputs | None = None) -> DesiredHost:
    """What the host `key` should be. Its MACs come from its fixed primary address, so they are its own for ever.

    With `before`, what it should be while AWS goes from there to `outputs`: nothing that is there now is missing, and
    it is ready for what comes.
    """
    now = outputs if before is None else _together(before, outputs)
    reflectors = reflectors_of(spec.evpn, outputs.hosts)
    if before is not None:
        reflectors |= reflectors_of(spec.evpn, before.hosts)
    subnet = IPv4Network(outputs.subnet_cidr)
    groups = tuple(_group(group, subnet) for group in now.groups.values() if group.host == key)
    incoming = tuple(
        _group(group, subnet)
        for group in now.groups.values()
        if (later := outputs.groups.get(group.key)) and later.host == key != group.host and group.mac != UNKNOWN
    )
    here = {group.key: group.index for group in (*groups, *incoming)}
    primary = now.hosts[key].private_address
    tail = ":".join(f"{byte:02x}" for byte in IPv4Address(primary).packed)
    return DesiredHost(
        key=key,
        primary=primary,
        bridge_mac=f"02:ee:{tail}",
        gateway_mac=f"02:ed:{tail}",
        vni=spec.public_network.vni,
        groups=groups,
        incoming_groups=incoming,
        addresses=tuple(
            Address(eip.private_address, eip.gateway, here[eip.group]) for eip in now.eips.values() if eip.group in here
        ),
        vms=tuple(Vm(eip.private_address, _zone(eip.private_address, subnet)) for eip in now.eips.values()),
        blocked_destinations=(str(hosts_half(subnet)), *(group.primary_address for group in now.groups.values())),
        bgp=bgp_of(spec.evpn, now.hosts, reflectors, key),
        firewall=_firewall(spec, subnet, _public_addresses(outputs, before)),
        user=spec.ssh.user,
        authorized_keys=tuple(key.strip() for key in spec.ssh.authorized_keys),
        sets_itself_up=sets_itself_up(spec),
    )


def bridge_mtu(underlay: int) -> int:
    """The MTU of `br-edge` and its VMs in bytes, for an underlay's; the largest one where that is not known (0)."""
    return min(LARGEST_MTU, underlay - VXLAN_OVERHEAD) if underlay else LARGEST_MTU


def _together(before: Outputs, after: Outputs) -> Outputs:
    """The hosts, groups and Elastic IPs of both; each group where it is before."""
    return replace(
        after,
        hosts=_union(before.hosts, after.hosts),
        groups=_union(after.groups, before.groups),
        eips=_union(before.eips, after.eips),
    )


def _union(one: Mapping[str, _Keyed], other: Mapping[str, _Keyed]) -> dict[str, _Keyed]:
    """Both, as `other` has what is in both, in the order of their keys' numbers."""
    return dict(sorted({**one, **other}.items(), key=lambda item: (len(item[0]), item[0])))


def _group(group: GroupOutput, subnet: IPv4Network) -> Group:
    return Group(
        key=group.key,
        index=group.index,
        mac=group.mac.lower(),
        address=group.primary_address,
        block=group.block,
        router=str(subnet.network_address + 1),
    )


def _zone(address: str, subnet: IPv4Network) -> int:
    """Every second address of the upper half is a VM's: for a /16, the widest subnet, zones 1 to 16384."""
    return 1 + (int(IPv4Address(address)) - int(groups_half(subnet).network_address)) // 2


def _firewall(spec: Spec, subnet: IPv4Network, public_addresses: tuple[str, ...]) -> Firewall | None:
    if not spec.hosts.firewall:
        return None
    return Firewall(tuple(str(network) for network in spec.ssh.from_), str(hosts_half(subnet)), public_addresses)


def _public_addresses(outputs: Outputs, before: Outputs | None) -> tuple[str, ...]:
    """The public addresses of all hosts. With `before`, those before and after, as far as they are known: a file that
    is written now can hold no other."""
    hosts = (*(before.hosts.values() if before else ()), *outputs.hosts.values())
    unusable = {"", UNKNOWN} if before else {""}
    return tuple(dict.fromkeys(host.public_address for host in hosts if host.public_address not in unusable))
