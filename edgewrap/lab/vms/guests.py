"""All VMs of a lab: started, moved, stopped, and lost with their hosts.

The steps are those of OpenNebula's drivers: `pre` on the host, the VM, `post`; `clean` after it has stopped. In a live
migration, `pre` runs on the destination; then the hosts connect as libvirt does, and the VM moves; then `clean` runs on
the source, and `post` last.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import ipaddress
import re
from collections.abc import Iterator, Sequence

from edgewrap.errors import LabError
from edgewrap.lab import kernel
from edgewrap.lab.documents import LabMove, LabNic, LabVm
from edgewrap.lab.hosts.machine import Machine
from edgewrap.lab.hosts.machines import Machines
from edgewrap.lab.vms import drivers, migration
from edgewrap.lab.vms.allocation import Allocator, NicRequest, Report
from edgewrap.lab.vms.guest import Guest, announce, carry, contextualize, make, plug, unplug
from edgewrap.lab.vms.migration import FrontEndLogin

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,30}")
_NO_LIVE_MIGRATION = "lxc"
# The real drivers take this long from the VM's start on the destination to its rules there. During this time everything
# passes, and the host learns the VM's connections: without it, those that only receive would be cut off.
_UNTIL_RULES_S = 1.0


class Guests:
    """All VMs of a lab that were started by `lab vm`."""

    def __init__(self, endpoint: str, session: str, login: FrontEndLogin, machines: Machines) -> None:
        self._endpoint = endpoint
        self._session = session
        self._login = login
        self._machines = machines
        self._guests: dict[str, Guest] = {}
        self._reported: dict[str, Report] = {}
        self._announcing: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()

    async def start(
        self,
        name: str,
        host: str,
        address: str = "",
        network: str = "",
        nics: Sequence[str] = (),
        security_groups: Sequence[int] = (),
    ) -> LabVm:
        """Allocate a VM on a host and connect its guest. Raises LabError.

        `address` and `network` are the first NIC's; `nics` are additional ones (`NETWORK` or `NETWORK=ADDRESS`).
        """
        if not _NAME.fullmatch(name):
            raise LabError(
                f"{name!r} is not a name for a VM",
                cause="a name has 1 to 31 letters, digits and hyphens",
                advice="choose another name",
            )
        wanted = [_nic_request(network, address)]
        wanted += [_nic_request(of, ip) for of, _, ip in (given.partition("=") for given in nics)]
        async with self._turn:
            if name in self._guests:
                raise LabError(
                    f"a VM {name!r} exists already", cause="names are unique in a lab", advice="stop it first"
                )
            machine = self._machines.find(host)
            _require_running(machine)
            allocator = await self._allocator()
            names = self._machines.names(machine)
            allocation = await asyncio.to_thread(allocator.allocate, name, names, wanted, security_groups)
            guest = Guest(name, machine.instance.id, machine.namespace, allocation)
            try:
                with _as_lab_error(f"the VM {name!r} could not be connected"):
                    await self._plug_in(guest, machine)
            except LabError:
                with contextlib.suppress(LabError):
                    await self._pull_out(guest)
                await asyncio.to_thread(allocator.free, allocation.vm_id)
                raise
            self._guests[name] = guest
            return self._entry(guest)

    async def stop(self, name: str) -> LabVm:
        """Delete a VM's guest and terminate the VM at the front-end. Raises LabError."""
        async with self._turn:
            guest = self.find(name)
            allocator = await self._allocator()
            entry = self._entry(guest)
            await self._pull_out(guest)
            del self._guests[name]
            self._reported.pop(name, None)
            await asyncio.to_thread(allocator.free, guest.allocation.vm_id)
            return entry

    async def move(self, name: str, host: str) -> LabMove:
        """Live-migrate a VM to another host. The answer has the seconds that it had no port (`gap_s`).

        Raises LabError.
        """
        async with self._turn:
            guest, there = self.find(name), self._machines.find(host)
            _require_running(there)
            if not self._alive(guest):
                raise _lost(name)
            if there.instance.id == guest.host:
                raise LabError(
                    f"the VM {name!r} is on {host} already",
                    cause="a migration needs another host",
                    advice="see `edgewrap lab vm list`",
                )
            allocator = await self._allocator()
            vm = guest.allocation
            if await asyncio.to_thread(allocator.hypervisor, vm.vm_id) == _NO_LIVE_MIGRATION:
                raise LabError(
                    f"the VM {name!r} cannot be moved while it runs",
                    cause="OpenNebula's LXC driver has no live migration",
                    advice="stop it, and start it on the other host",
                )
            with _as_lab_error(f"the VM {name!r} could not be moved"):
                here = self._machines.find(guest.host)
                try:
                    await drivers.pre(there, vm.nics)
                    source, destination = (self._machines.names(machine) for machine in (here, there))
                    names = await asyncio.to_thread(allocator.host_names, source, destination)
                    await migration.connect(self._login, *names, here, there)
                    await asyncio.to_thread(allocator.migrate, vm.vm_id, self._machines.names(there))
                except (LabError, kernel.KernelError):
                    await drivers.clean(there, vm)
                    raise
                moved = dataclasses.replace(guest, host=there.instance.id, host_namespace=there.namespace)
                gap_s = await carry(guest, there.namespace)
                self._guests[name] = moved
                self._announce(moved)
                await drivers.clean(here, vm)
                await asyncio.sleep(_UNTIL_RULES_S)
                await drivers.post(there, vm)
            await asyncio.to_thread(allocator.wait_running, vm.vm_id)
            return {**self._entry(moved), "gap_s": round(gap_s, 3)}

    async def follow(self) -> None:
        """Delete the guests whose host has stopped or rebooted."""
        for guest in self._guests.values():
            if not self._alive(guest):
                await kernel.delete_namespace(guest.namespace)

    async def report_lost(self) -> None:
        """Report lost VMs to the front-end as monitoring would. Raises LabError."""
        for guest in list(self._guests.values()):
            if self._alive(guest):
                continue
            found = Report.POWEROFF if guest.host in self._machines.namespaces() else Report.UNKNOWN
            if self._reported.get(guest.name) is not found:
                allocator = await self._allocator()
                await asyncio.to_thread(allocator.report, guest.allocation.vm_id, found)
                self._reported[guest.name] = found

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

    def namespace(self, name: str) -> str:
        """The network namespace of a running VM. Raises LabError."""
        guest = self.find(name)
        if not self._alive(guest):
            raise _lost(name)
        return guest.namespace

    def report(self) -> list[LabVm]:
        """One entry per VM."""
        return [self._entry(guest) for guest in sorted(self._guests.values(), key=lambda guest: guest.name)]

    async def _allocator(self) -> Allocator:
        return await asyncio.to_thread(Allocator, self._endpoint, self._session)

    async def _plug_in(self, guest: Guest, machine: Machine) -> None:
        vm = guest.allocation
        drivers.require_known(vm.nics)
        await make(guest)
        await drivers.pre(machine, vm.nics)
        await plug(guest)
        await drivers.post(machine, vm)
        await kernel.ip(guest.namespace, contextualize(vm.context))

    async def _pull_out(self, guest: Guest) -> None:
        """Delete a guest, and what it had on its host unless that has rebooted since. Raises LabError."""
        with _as_lab_error(f"the VM {guest.name!r} could not be deleted"):
            await unplug(guest)
            if self._alive(guest):
                await drivers.clean(self._machines.find(guest.host), guest.allocation)
            await kernel.delete_namespace(guest.namespace)

    def _announce(self, guest: Guest) -> None:
        task = asyncio.create_task(announce(guest))
        self._announcing.add(task)
        task.add_done_callback(self._announcing.discard)

    def _alive(self, guest: Guest) -> bool:
        return self._machines.namespaces().get(guest.host) == guest.host_namespace

    def _entry(self, guest: Guest) -> LabVm:
        """The entry of a VM; at the top level its first NIC."""
        nics: list[LabNic] = [
            {
                "interface": name,
                "network": nic.network,
                "address": nic.address,
                "mac": nic.mac,
                "port": nic.port,
                "bridge": nic.bridge,
                "driver": nic.driver,
                "security_groups": [int(group) for group in nic.security_groups],
            }
            for name, nic in guest.interfaces()
        ]
        return {
            **nics[0],
            "name": guest.name,
            "id": guest.allocation.vm_id,
            "host": guest.host,
            "host_key": self._machines.key_of(guest.host),
            "namespace": guest.namespace,
            "state": "running" if self._alive(guest) else "lost with its host",
            "nics": nics,
        }


def _nic_request(network: str, address: str) -> NicRequest:
    if not network and not address:
        raise LabError(
            "no network is given for the VM",
            cause="neither an address nor a network is given",
            advice="give an address (--ip), or a network (--network)",
        )
    if address:
        try:
            ipaddress.IPv4Address(address)
        except ValueError as error:
            raise LabError(f"{address!r} is not an IPv4 address", cause=str(error), advice="give one: --ip") from error
    return NicRequest(network, address)


def _require_running(machine: Machine) -> None:
    try:
        _ = machine.init
    except ProcessLookupError as error:
        raise LabError(
            f"the host {machine.instance.id} is {machine.state}",
            cause=f"its instance is {machine.instance.state}",
            advice="start the instance, or wait until the host has booted",
        ) from error


def _lost(name: str) -> LabError:
    return LabError(
        f"the VM {name!r} does not run", cause="it was lost with its host", advice="stop it and start it again"
    )


@contextlib.contextmanager
def _as_lab_error(what: str) -> Iterator[None]:
    """Turn an error of the kernel, or the end of a host, into a LabError."""
    try:
        yield
    except (kernel.KernelError, ProcessLookupError) as error:
        raise LabError(what, cause=str(error) or repr(error), advice="see `edgewrap lab status`") from error
