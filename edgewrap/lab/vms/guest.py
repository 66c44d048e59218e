"""One guest: a network namespace whose NICs are ports of a host's bridges, as a VM's are.

A NIC is a veth pair: the guest's end has the VM's MAC, the host's end is the port. To move a guest its ports are moved
to the other host's namespace; the guest's own namespace, and with it every connection, stays as it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import itertools
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from edgewrap.lab import kernel
from edgewrap.lab.vms import drivers
from edgewrap.lab.vms.record import Allocation, Nic

# A VM does not notice that its port moves: it keeps its neighbour table, as in a live migration.
_KEEP_NEIGHBOURS = {"net/ipv4/conf/all/arp_evict_nocarrier": "0", "net/ipv6/conf/all/ndisc_evict_nocarrier": "0"}
_RARP = 0x8035
_SHORTEST_FRAME = 60  # bytes
# When qemu announces a MAC, in seconds after a migration.
ANNOUNCEMENTS_S = (0.0, 0.05, 0.2, 0.45, 0.8)


@dataclass(frozen=True, slots=True)
class Guest:
    """A VM in the lab. `host` is an instance id, `host_namespace` the namespace of the boot that the VM runs in: a
    reboot ends it."""

    name: str
    host: str
    host_namespace: str
    allocation: Allocation

    @property
    def namespace(self) -> str:
        """The guest's own network namespace."""
        return f"vm-{self.name}"

    def interfaces(self) -> Iterator[tuple[str, Nic]]:
        """The names that its NICs have inside, and the NICs."""
        return ((f"eth{number}", nic) for number, nic in enumerate(self.allocation.nics))


async def make(guest: Guest) -> None:
    """Create the guest's namespace."""
    await kernel.add_namespace(guest.namespace, {})
    kernel.write_sysctls(guest.namespace, _KEEP_NEIGHBOURS, optional=True)


async def plug(guest: Guest) -> None:
    """Create the guest's NICs, as ports of its host's bridges."""
    host = guest.host_namespace
    for name, nic in guest.interfaces():
        mtu = await drivers.mtu_of(host, nic.bridge)
        await kernel.ip(
            host,
            [
                f"link add {nic.port} mtu {mtu} address {port_mac(nic)} type veth"
                f" peer name {name} address {nic.mac} netns {guest.namespace}",
                f"link set {nic.port} master {nic.bridge}",
                f"link set {nic.port} up",
            ],
        )


async def unplug(guest: Guest) -> None:
    """Delete the guest's ports, if its host still exists."""
    if (kernel.NAMESPACES / guest.host_namespace).exists():
        await kernel.ip(guest.host_namespace, [f"link delete {nic.port}" for nic in guest.allocation.nics], force=True)


async def carry(guest: Guest, host_namespace: str) -> float:
    """Move the guest's ports to another host's bridges; returns how many seconds it had none."""
    mtus = {nic.bridge: await drivers.mtu_of(host_namespace, nic.bridge) for nic in guest.allocation.nics}
    began = time.monotonic()
    await kernel.ip(
        guest.host_namespace, [f"link set {nic.port} netns {host_namespace}" for nic in guest.allocation.nics]
    )
    await kernel.ip(
        host_namespace,
        [
            command
            for nic in guest.allocation.nics
            for command in (
                f"link set {nic.port} mtu {mtus[nic.bridge]} master {nic.bridge}",
                f"link set {nic.port} up",
            )
        ],
    )
    return time.monotonic() - began


async def announce(guest: Guest) -> None:
    """Announce the guest's MACs on the network, as qemu does after a migration."""
    sockets: list[tuple[socket.socket, bytes]] = []

    def open_sockets() -> None:
        for name, nic in guest.interfaces():
            interface = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            sockets.append((interface, announcement(nic.mac)))
            interface.bind((name, _RARP))

    try:
        with contextlib.suppress(kernel.KernelError, OSError):  # the VM may have been stopped since
            kernel.inside(guest.namespace, open_sockets)
            for before, now in itertools.pairwise((0.0, *ANNOUNCEMENTS_S)):
                await asyncio.sleep(now - before)
                for interface, frame in sockets:
                    interface.send(frame)
    finally:
        for interface, _ in sockets:
            interface.close()


def announcement(mac: str) -> bytes:
    """The frame that announces a MAC: a reverse ARP request for itself, as a broadcast."""
    own = bytes.fromhex(mac.replace(":", ""))
    nowhere = bytes(4)
    request = b"\x00\x01\x08\x00\x06\x04\x00\x03" + own + nowhere + own + nowhere
    return (b"\xff" * 6 + own + _RARP.to_bytes(2, "big") + request).ljust(_SHORTEST_FRAME, b"\x00")


def port_mac(nic: Nic) -> str:
    """The MAC of the port itself: the VM's, with a prefix so high that a bridge never uses it as its own."""
    return f"fe{nic.mac[2:]}"


def contextualize(given: Mapping[str, str]) -> list[str]:
    """What a guest's context scripts do with their context, as `ip` commands."""
    commands = []
    for number in itertools.takewhile(lambda number: f"ETH{number}_MAC" in given, itertools.count()):
        name, of = f"eth{number}", f"ETH{number}"
        if f"{of}_MTU" in given:
            commands.append(f"link set {name} mtu {given[f'{of}_MTU']}")
        if f"{of}_IP" in given:
            mask = given.get(f"{of}_MASK", "255.255.255.0")  # the context scripts' own default
            prefix = ipaddress.IPv4Network(f"0.0.0.0/{mask}").prefixlen
            commands.append(f"address add {given[f'{of}_IP']}/{prefix} dev {name}")
        commands.append(f"link set {name} up")
        if f"{of}_GATEWAY" in given:
            commands.append(f"route add default via {given[f'{of}_GATEWAY']} dev {name}")
    return commands
