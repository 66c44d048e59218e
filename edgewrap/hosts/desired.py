"""What one host should be, computed from the spec and the AWS outputs. Pure.

Every host has the bridge `br-edge`, which `vx-edge` spans over all hosts, and a gateway on it, the veth end `gw-edge`.
The entry host of a group also has that group's interface, its routing table, and a route and a proxy ARP entry for each
pair of its block. A route for the whole block would not do: the kernel does not answer for a gateway whose own route
leaves by the interface of the question.

A block holds pairs of a VM's address P (even) and its gateway P^1. Hosts carry every pair of their groups' blocks,
whether an Elastic IP uses it or not: one more Elastic IP changes nothing on any host. The interface may have fewer
addresses than its block; AWS delivers nothing to the others. A MAC that is not known yet is `UNKNOWN`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import cache
from ipaddress import IPv4Address, IPv4Network
from typing import TypeVar

from pydantic import SecretStr

from edgewrap.first_boot.files import sets_itself_up
from edgewrap.outputs import UNKNOWN, GroupOutput, HostOutput, Outputs
from edgewrap.spec.addressing import hosts_half, pair
from edgewrap.spec.models import Evpn, Spec

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

ON_ROOT = "root"  # where datastores are that have no disk of their own

_Keyed = TypeVar("_Keyed", HostOutput, GroupOutput)


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

    @property
    def addresses(self) -> tuple[str, ...]:
        """The VMs' addresses in its block."""
        return _pairs(self.block)[0]

    @property
    def gateways(self) -> tuple[str, ...]:
        """The gateways in its block."""
        return _pairs(self.block)[1]


@dataclass(frozen=True, slots=True)
class Firewall:
    """Who may reach the host itself: SSH from the networks `ssh_from`, consoles of VMs from `vnc_from`; all that hosts
    need of each other from `hosts`, their half of the subnet; SSH and migrations from their `public_addresses`."""

    ssh_from: tuple[str, ...]
    hosts: str
    public_addresses: tuple[str, ...] = ()
    vnc_from: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another host's primary address. `client`: routes that it sends are reflected to every other neighbour, and those
    of all others to it."""

    address: str
    client: bool


@dataclass(frozen=True, slots=True)
class Bgp:
    """BGP-EVPN on one host; `address` is its primary one, and its router id.

    The reflectors are the hosts with the lowest indexes. They are neighbours of every host, the others of the
    reflectors only. Of two neighbours, the one with the higher index is the other's client, whether it is a reflector
    or not. So a host that becomes a reflector, or stops being one, only gains or loses neighbours; no other session is
    reset.
    """

    asn: int
    address: str
    neighbours: tuple[Neighbour, ...]
    password: SecretStr | None = None


@dataclass(frozen=True, slots=True)
class DesiredHost:
    """One host as it should be.

    `incoming_groups` are groups that AWS is about to attach to it: the host sets them up when their interface appears.
    VMs may not reach the `blocked_destinations` through it: the hosts' half of the subnet and every group's own
    address. `blocks` are those of all groups of the cluster.
    `names` are pairs: the private addresses of all hosts, and the front-end's address, with their names; empty for a
    host that keeps the name that it has.
    `sets_itself_up`: it has user data that installs its packages at its first boot. `datastores` are on `root`, on the
    `instance-store`, or on an EBS volume (its id, and its size in GiB); `root_gb`: the root volume's size.
    """

    key: str
    primary: str
    bridge_mac: str
    gateway_mac: str
    vni: int
    groups: tuple[Group, ...]
    incoming_groups: tuple[Group, ...]
    blocks: tuple[str, ...]
    blocked_destinations: tuple[str, ...]
    bgp: Bgp
    firewall: Firewall | None
    user: str
    authorized_keys: tuple[str, ...]
    names: tuple[tuple[str, str], ...] = ()
    runs_kvm: bool = True
    sets_itself_up: bool = False
    datastores: str = ON_ROOT
    datastores_gb: int = 0
    root_gb: int = 0


def desired_hosts(spec: Spec, outputs: Outputs, before: Outputs | None = None) -> Callable[[str], DesiredHost]:
    """What the host of any key should be. Its MACs are made from its primary address, which never changes. What all
    hosts have in common is made once: a cluster may have hundreds of them.

    With `before`, what it should be while AWS changes from there to `outputs`: everything that it has now, and what it
    needs for the groups that AWS will attach to it.
    """
    now, reflectors = outputs, reflectors_of(spec.evpn, outputs.hosts)
    if before is not None:  # each group is on the host that it has before
        hosts, groups = _union(before.hosts, outputs.hosts), _union(outputs.groups, before.groups)
        now = replace(outputs, hosts=hosts, groups=groups)
        reflectors |= reflectors_of(spec.evpn, before.hosts)
    subnet = IPv4Network(outputs.subnet_cidr)
    own, incoming = defaultdict[str, list[Group]](list), defaultdict[str, list[Group]](list)
    for group in now.groups.values():
        own[group.host].append(_group(group, subnet))
        later = outputs.groups.get(group.key)
        if later and later.host != group.host and group.mac != UNKNOWN:
            incoming[later.host].append(_group(group, subnet))
    blocks = tuple(group.block for group in now.groups.values())
    blocked = (str(hosts_half(subnet)), *(group.primary_address for group in now.groups.values()))
    firewall = _firewall(spec, subnet, outputs, before) if spec.hosts.firewall else None
    authorized_keys = tuple(key.strip() for key in spec.ssh.authorized_keys)
    names = _names(spec, outputs, before)
    by_itself = sets_itself_up(spec)

    def one(key: str) -> DesiredHost:
        primary = now.hosts[key].private_address
        disks = before.hosts.get(key, now.hosts[key]) if before else now.hosts[key]  # a volume grows in AWS first
        tail = ":".join(f"{byte:02x}" for byte in IPv4Address(primary).packed)
        return DesiredHost(
            key=key,
            primary=primary,
            bridge_mac=f"02:ee:{tail}",
            gateway_mac=f"02:ed:{tail}",
            vni=spec.public_network.vni,
            groups=tuple(own.get(key, ())),
            incoming_groups=tuple(incoming.get(key, ())),
            blocks=blocks,
            blocked_destinations=blocked,
            bgp=bgp_of(spec.evpn, now.hosts, reflectors, key),
            firewall=firewall,
            user=spec.ssh.user,
            authorized_keys=authorized_keys,
            names=names,
            runs_kvm=spec.hosts.hypervisor == "kvm",
            sets_itself_up=by_itself,
            datastores=disks.datastores,
            datastores_gb=disks.datastores_gb,
            root_gb=disks.root_gb,
        )

    return one


def reflectors_of(evpn: Evpn, hosts: Mapping[str, HostOutput]) -> frozenset[str]:
    """The keys of the reflectors: at most as many as there are hosts."""
    return frozenset(sorted(hosts, key=lambda key: hosts[key].index)[: evpn.reflectors])


def bgp_of(evpn: Evpn, hosts: Mapping[str, HostOutput], reflectors: Collection[str], key: str) -> Bgp:
    """BGP on the host `key`, one of `hosts`."""
    here = hosts[key]
    peers = (hosts[other] for other in (hosts if key in reflectors else reflectors) if other in hosts and other != key)
    in_order = sorted(peers, key=lambda host: host.index)
    neighbours = tuple(Neighbour(host.private_address, client=host.index > here.index) for host in in_order)
    return Bgp(evpn.asn, here.private_address, neighbours, evpn.password)


def bridge_mtu(underlay: int) -> int:
    """The MTU of `br-edge` and its VMs in bytes, given that of the underlay; the largest if that is unknown (0)."""
    return min(LARGEST_MTU, underlay - VXLAN_OVERHEAD) if underlay else LARGEST_MTU


def _union(one: Mapping[str, _Keyed], other: Mapping[str, _Keyed]) -> dict[str, _Keyed]:
    """Both, in the order of their keys' numbers; what is in both is taken from `other`."""
    return dict(sorted({**one, **other}.items(), key=lambda item: (len(item[0]), item[0])))


def _group(group: GroupOutput, subnet: IPv4Network) -> Group:
    router = str(subnet.network_address + 1)
    return Group(group.key, group.index, group.mac.lower(), group.primary_address, group.block, router)


@cache
def _pairs(block: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The addresses and the gateways of every pair of a block, which begins with the interface's own address."""
    network = IPv4Network(block)
    pairs = [pair(network, number) for number in range(network.num_addresses // 2 - 1)]
    return tuple(str(each.address) for each in pairs), tuple(str(each.gateway) for each in pairs)


@cache
def zones_of(blocks: tuple[str, ...], hosts_half: str) -> tuple[tuple[str, int], ...]:
    """The conntrack zone of each pair's VM; only its address counts. A /16, the widest subnet, has zones 1 to 16384.
    The groups' half follows the half of the hosts."""
    first = int(IPv4Network(hosts_half).broadcast_address) + 1
    return tuple(
        (address, 1 + (int(IPv4Address(address)) - first) // 2) for block in blocks for address in _pairs(block)[0]
    )


def _names(spec: Spec, outputs: Outputs, before: Outputs | None) -> tuple[tuple[str, str], ...]:
    """Addresses and names for /etc/hosts. A host that is named by its address needs none.

    One that is off or has lost its public address keeps its name in OpenNebula. Its name is empty here, and its line in
    /etc/hosts stays: AWS's name servers would lead to whoever has the address now. With `before`, the names
    from before, and those of the hosts after it that are known.
    """
    hosts = (*(before.hosts.values() if before else ()), *outputs.hosts.values())
    lost = set[str]() if spec.hosts.address == "private" else {host.private_address for host in hosts}
    names = [
        (host.private_address, "" if host.name in lost else host.name)
        for host in hosts
        if not (before and host.name == UNKNOWN)
    ]
    front_end = spec.opennebula.front_end
    if front_end.name and front_end.address:
        names.append((str(front_end.address), front_end.name))
    return tuple(dict.fromkeys((address, name) for address, name in names if name != address))


def _firewall(spec: Spec, subnet: IPv4Network, outputs: Outputs, before: Outputs | None) -> Firewall:
    """With `before`, the public addresses are the known ones before and after: the file is written before AWS gives new
    ones."""
    hosts = (*(before.hosts.values() if before else ()), *outputs.hosts.values())
    unusable = {"", UNKNOWN} if before else {""}
    public = dict.fromkeys(host.public_address for host in hosts if host.public_address not in unusable)
    ssh_from, vnc_from = (tuple(map(str, networks)) for networks in (spec.ssh.from_, spec.opennebula.vnc_from))
    return Firewall(ssh_from, str(hosts_half(subnet)), tuple(public), vnc_from)
