"""The guests: namespaces on the hosts' bridges, and how a VM's port comes and goes there.

The bridge is made only where it is missing, and deleted with its last port, both as OpenNebula's bridge driver does.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from edgewrap.errors import LabError
from edgewrap.lab import kernel
from edgewrap.lab.hosts.machine import Machine
from edgewrap.lab.hosts.machines import Machines
from edgewrap.lab.vms.allocation import Allocation, Allocator

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,30}")
_NIC = "eth0"


@dataclass(frozen=True, slots=True)
class Guest:
    """A VM in the lab. `host_namespace` is that of the host's boot it was started in: a reboot ends it."""

    name: str
    host: str
    host_namespace: str
    allocation: Allocation

    @property
    def namespace(self) -> str:
        """The guest's own network namespace."""
        return f"vm-{self.name}"


class Guests:
    """All VMs of a lab that were started by `lab vm`."""

    def __init__(self, endpoint: str, session: str, machines: Machines) -> None:
        self._endpoint = endpoint
        self._session = session
        self._machines = machines
        self._guests: dict[str, Guest] = {}
        self._turn = asyncio.Lock()

    async def start(self, name: str, host: str, address: str, network: str) -> dict[str, object]:
        """Allocate a VM on a host and plug its guest in. Raises LabError."""
        if not _NAME.fullmatch(name):
            raise LabError(
                f"{name!r} is not a name for a VM",
                cause="a name has 1 to 31 letters, digits and hyphens",
                advice="choose another name",
            )
        try:
            ipaddress.IPv4Address(address)
        except ValueError as error:
            raise LabError(f"{address!r} is not an IPv4 address", cause=str(error), advice="give one: --ip") from error
        async with self._turn:
            if name in self._guests:
                raise LabError(
                    f"a VM {name!r} exists already", cause="names are unique in a lab", advice="stop it first"
                )
            machine = self._machines.find(host)
            _require_running(machine)
            allocator = await asyncio.to_thread(Allocator, self._endpoint, self._session)
            names = self._machines.names(machine)
            allocation = await asyncio.to_thread(allocator.allocate, name, names, address, network)
            guest = Guest(name, machine.instance.id, machine.namespace, allocation)
            try:
                await _plug(guest)
            except kernel.KernelError as error:
                await _unplug(guest)
                await asyncio.to_thread(allocator.free, allocation.vm_id)
                raise LabError(
                    f"the VM {name!r} could not be plugged in", cause=str(error), advice="see the host's interfaces"
                ) from error
            self._guests[name] = guest
            return self._entry(guest)

    async def stop(self, name: str) -> dict[str, object]:
        """Take a VM's guest away and terminate it at the front-end. Raises LabError."""
        async with self._turn:
            guest = self.find(name)
            allocator = await asyncio.to_thread(Allocator, self._endpoint, self._session)
            entry = self._entry(guest)
            await _unplug(guest)
            del self._guests[name]
            await asyncio.to_thread(allocator.free, guest.allocation.vm_id)
            return entry

    async def follow(self) -> None:
        """Take away the guests whose host has ended or booted again; the front-end still has their VMs."""
        for guest in self._guests.values():
            if not self._alive(guest):
                await kernel.delete_namespace(guest.namespace)

    def find(self, name: str) -> Guest:
        """The VM of this name. Raises LabError."""
        if name not in self._guests:
            known = ", ".join(sorted(self._guests))
            raise LabError(
                f"there is no VM {name!r}",
                cause=f"the VMs are: {known}" if known else "no VM was started",
                advice="start one with `edgewrap lab vm start`",
            )
        return self._guests[name]

    def report(self) -> list[dict[str, object]]:
        """One entry a VM."""
        return [self._entry(guest) for guest in sorted(self._guests.values(), key=lambda guest: guest.name)]

    def _alive(self, guest: Guest) -> bool:
        return self._machines.namespaces().get(guest.host) == guest.host_namespace

    def _entry(self, guest: Guest) -> dict[str, object]:
        allocation = guest.allocation
        return {
            "name": guest.name,
            "id": allocation.vm_id,
            "host": guest.host,
            "address": allocation.address,
            "network": allocation.network,
            "port": allocation.port,
            "mac": allocation.mac,
            "bridge": allocation.bridge,
            "namespace": guest.namespace,
            "state": "running" if self._alive(guest) else "lost with its host",
        }


async def _plug(guest: Guest) -> None:
    nic, host = guest.allocation, guest.host_namespace
    await kernel.add_namespace(guest.namespace, {})
    if nic.bridge not in await _links(host):
        await kernel.ip(host, [f"link add {nic.bridge} type bridge", f"link set {nic.bridge} up"])
    await kernel.ip(
        host,
        [
            f"link add {nic.port} type veth peer name {_NIC} address {nic.mac} netns {guest.namespace}",
            f"link set {nic.port} master {nic.bridge}",
            f"link set {nic.port} up",
        ],
    )
    await kernel.ip(guest.namespace, contextualize(nic.context))


def contextualize(given: Mapping[str, str]) -> list[str]:
    """What a guest's context scripts do with what they are given, and nothing else, as `ip` commands."""
    commands = []
    if "ETH0_MTU" in given:
        commands.append(f"link set {_NIC} mtu {given['ETH0_MTU']}")
    if "ETH0_IP" in given and "ETH0_MASK" in given:
        prefix = ipaddress.IPv4Network(f"0.0.0.0/{given['ETH0_MASK']}").prefixlen
        commands.append(f"address add {given['ETH0_IP']}/{prefix} dev {_NIC}")
    commands.append(f"link set {_NIC} up")
    if "ETH0_GATEWAY" in given:
        commands.append(f"route add default via {given['ETH0_GATEWAY']} dev {_NIC}")
    return commands


async def _unplug(guest: Guest) -> None:
    host, nic = guest.host_namespace, guest.allocation
    if (kernel.NAMESPACES / host).exists():
        await kernel.ip(host, [f"link delete {nic.port}"], force=True)
        if nic.bridge in await _links(host) and not await _links(host, "master", nic.bridge):
            await kernel.ip(host, [f"link delete {nic.bridge}"])
    await kernel.delete_namespace(guest.namespace)


async def _links(namespace: str, *which: str) -> set[str]:
    listing = await kernel.run("ip", "-n", namespace, "-j", "link", "show", *which)
    return {link["ifname"] for link in json.loads(listing or "[]") if link}


def _require_running(machine: Machine) -> None:
    if not machine.namespace:
        raise LabError(
            f"the host {machine.instance.id} is off",
            cause=f"its instance is {machine.instance.state}",
            advice="start the instance",
        )
