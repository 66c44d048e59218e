"""What one host should be: the spec and the AWS outputs in, one frozen picture out.

P is a VM's address, P^1 its gateway. Every host has the bridge `br-edge` and a gateway on it, the veth end `gw-edge`;
the entry host of a group also has that group's interface, its routing table, and a route and a proxy ARP entry for
each of its addresses. Where an interface or a MAC is not known yet, `UNKNOWN` stands for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from edgewrap.outputs import GroupOutput, Outputs
from edgewrap.setup.files import sets_itself_up
from edgewrap.spec.addressing import hosts_half
from edgewrap.spec.models import Spec

BRIDGE = "br-edge"
GATEWAY = "gw-edge"  # the veth end that routes
PORT = "gw-port"  # its other end, a port of the bridge
BRIDGE_MTU = 1500  # the internet gateway's

EDGE_TABLE = 10000  # holds only `P/32 dev gw-edge`; group g has EDGE_TABLE + 1 + g
EDGE_PRIORITY = 1000  # ahead of table main (32766) and of what cloud-init adds; group g has EDGE_PRIORITY + 1 + g
OWN_TABLES = range(EDGE_TABLE, EDGE_TABLE + 257)  # everything in them, and every rule that looks them up, is ours


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
class DesiredHost:
    """One host as it should be. `closed` are destinations that VMs may not reach through it: the hosts' half of the
    subnet and every group's own address. `sets_itself_up`: as a new one it comes with user data."""

    key: str
    bridge_mac: str
    gateway_mac: str
    groups: tuple[Group, ...]
    addresses: tuple[Address, ...]
    closed: tuple[str, ...]
    user: str
    authorized_keys: tuple[str, ...]
    sets_itself_up: bool = False


def desired_host(spec: Spec, outputs: Outputs, key: str) -> DesiredHost:
    """What the host `key` should be. Its MACs come from its fixed primary address, so they are its own for ever."""
    subnet = IPv4Network(outputs.subnet_cidr)
    groups = tuple(_group(group, subnet) for group in outputs.groups.values() if group.host == key)
    here = {group.key: group.index for group in groups}
    tail = ":".join(f"{byte:02x}" for byte in IPv4Address(outputs.hosts[key].private_address).packed)
    return DesiredHost(
        key=key,
        bridge_mac=f"02:ee:{tail}",
        gateway_mac=f"02:ed:{tail}",
        groups=groups,
        addresses=tuple(
            Address(eip.private_address, eip.gateway, here[eip.group])
            for eip in outputs.eips.values()
            if eip.group in here
        ),
        closed=(str(hosts_half(subnet)), *(group.primary_address for group in outputs.groups.values())),
        user=spec.ssh.user,
        authorized_keys=tuple(
            line.strip() for text in spec.ssh.authorized_keys for line in text.splitlines() if line.strip()
        ),
        sets_itself_up=sets_itself_up(spec),
    )


def _group(group: GroupOutput, subnet: IPv4Network) -> Group:
    return Group(
        key=group.key,
        index=group.index,
        mac=group.mac.lower(),
        address=group.primary_address,
        block=group.block,
        router=str(subnet.network_address + 1),
    )
