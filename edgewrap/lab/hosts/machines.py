"""All hosts of a lab: which ones must run, from the snapshot of AWS."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from edgewrap.errors import LabError
from edgewrap.lab.cloud import Cloud, CloudAddress, CloudInstance
from edgewrap.lab.documents import LabHost
from edgewrap.lab.fabric.desired import Port, Vpc
from edgewrap.lab.hosts.cloud_init import Nic
from edgewrap.lab.hosts.first_boot import FirstBoot
from edgewrap.lab.hosts.machine import Machine, State

_ON = ("pending", "running")
_GONE = ("shutting-down", "terminated")
_KEY_TAG, _NAME_TAG = "edgewrap:key", "Name"


class Machines:
    """The hosts, by instance id. `first_boot` is what those with user data need, None if the lab has no cloud-init;
    `ended` is called whenever the systemd of one has ended."""

    def __init__(
        self,
        disks: Path,
        cgroup: Path,
        *,
        front_end_key: str,
        tidy: bool,
        first_boot: FirstBoot | None,
        ended: Callable[[], None],
    ) -> None:
        self._disks = disks
        self._cgroup = cgroup
        self._front_end_key = front_end_key
        self._tidy = tidy
        self._first_boot = first_boot
        self._ended = ended
        self._machines: dict[str, Machine] = {}
        self._to_boot: list[Machine] = []
        self._cloud: Cloud | None = None

    def namespaces(self) -> dict[str, str]:
        """The network namespaces of the hosts that are running or starting, by instance id."""
        return {name: machine.namespace for name, machine in self._machines.items() if machine.namespace}

    async def settle(self, cloud: Cloud) -> list[str]:
        """End the hosts that must not run, and prepare those that must.

        Returns the instances whose host was powered off from inside: AWS then stops the instance.
        """
        self._cloud = cloud
        instances = {instance.id: instance for instance in cloud.instances}
        powered_off = []
        for instance_id, machine in list(self._machines.items()):
            instance = instances.get(instance_id)
            if instance is None or instance.state in _GONE:
                await machine.halt()
                machine.destroy()
                del self._machines[instance_id]
                continue
            if instance.state not in _ON or instance.generation != machine.instance.generation:
                machine.killed = False  # a later start is on another machine
            if self._must_end(machine, instance):
                if machine.powered_off and instance.state in _ON:
                    powered_off.append(instance_id)
                await machine.halt()
            machine.instance = instance
        addresses = {i.instance_id: i.primary_address for i in cloud.interfaces if i.device_index == 0}
        not_now = {*powered_off, *(name for name, machine in self._machines.items() if machine.killed)}
        wanted = [i for i in cloud.instances if i.state in _ON and i.id in addresses and i.id not in not_now]
        new = [instance for instance in wanted if instance.id not in self._machines]
        made = await asyncio.gather(*(asyncio.to_thread(self._make, i, addresses[i.id]) for i in new))
        self._machines.update({machine.instance.id: machine for machine in made})
        for instance in wanted:
            machine = self._machines[instance.id]
            if not machine.namespace:
                await machine.prepare()
                self._to_boot.append(machine)
        return powered_off

    async def start(self, vpcs: Iterable[Vpc]) -> None:
        """Boot what `settle` prepared, and notify running hosts of attached and detached interfaces."""
        nics: dict[str, list[Nic]] = {}
        for vpc in vpcs:
            for port in vpc.ports:
                nics.setdefault(port.instance_id, []).append(_nic(port))
        booting, self._to_boot = self._to_boot, []
        for machine in self._machines.values():
            if machine not in booting and machine.state in (State.BOOTING, State.RUNNING):
                machine.plugged(nics.get(machine.instance.id, ()), tidy=self._tidy)
                await machine.plug_disks()
        await asyncio.gather(*(machine.boot(nics.get(machine.instance.id, ()), tidy=self._tidy) for machine in booting))

    def find(self, name: str) -> Machine:
        """The host that has this key, instance id, Name tag, host name or address. Raises LabError."""
        found = [machine for machine in self._machines.values() if name in self.names(machine)]
        if len(found) == 1:
            return found[0]
        known = ", ".join(sorted(_full_name(machine) for machine in self._machines.values()))
        raise LabError(
            f"{'several hosts are' if found else 'no host is'} named {name!r}",
            cause=f"the hosts are: {known}" if known else "no instance is running yet",
            advice="give a host's key (host-0), Name tag, instance id or address",
        )

    def key_of(self, instance_id: str) -> str:
        """A host's name in lists: its key, otherwise its Name tag or id."""
        machine = self._machines.get(instance_id)
        return _key(machine) if machine else instance_id

    def report(self) -> list[LabHost]:
        """One entry per host, for `lab status`."""
        return [
            {
                "key": _key(machine),
                "instance": machine.instance.id,
                "state": machine.state.value,
                "aws_state": machine.instance.state,
                "boots": machine.boots,
                "private_address": machine.address,
                "public_address": ", ".join(self._public(machine)),
                "console": machine.console() if machine.state is State.DEAD and not machine.killed else "",
            }
            for machine in sorted(self._machines.values(), key=_key)
        ]

    def _must_end(self, machine: Machine, instance: CloudInstance) -> bool:
        if not machine.namespace:
            return False
        before = machine.instance
        return (
            instance.state not in _ON
            or machine.killed
            or machine.wants_reboot
            or machine.powered_off
            or (instance.generation, instance.boots) != (before.generation, before.boots)
        )

    def _make(self, instance: CloudInstance, address: str) -> Machine:
        return Machine(
            instance,
            address=address,
            disks=self._disks,
            cgroups_of_lab=self._cgroup,
            authorized={"ubuntu": f"{instance.public_key.strip()}\n", "oneadmin": self._front_end_key},
            first_boot=self._first_boot if instance.user_data else None,
            ended=self._ended,
        )

    def names(self, machine: Machine) -> set[str]:
        """All names of a host: tags, instance id, host name, addresses, AWS's DNS names."""
        tags: Mapping[str, str] = machine.instance.tags
        names = {machine.instance.id, machine.hostname, machine.address, *self._public(machine)}
        names |= {each.dns_name for each in self._addresses(machine) if each.dns_name}
        return names | {tags[tag] for tag in (_KEY_TAG, _NAME_TAG) if tags.get(tag)}

    def _public(self, machine: Machine) -> list[str]:
        return [each.public_address for each in self._addresses(machine)]

    def _addresses(self, machine: Machine) -> list[CloudAddress]:
        """The public addresses of the host's own primary private address."""
        if self._cloud is None:
            return []
        primary = {
            interface.id
            for interface in self._cloud.interfaces
            if interface.instance_id == machine.instance.id and interface.device_index == 0
        }
        return [
            address
            for address in self._cloud.addresses
            if address.interface_id in primary and address.private_address == machine.address
        ]


def _key(machine: Machine) -> str:
    return machine.instance.tags.get(_KEY_TAG) or machine.instance.tags.get(_NAME_TAG) or machine.instance.id


def _full_name(machine: Machine) -> str:
    return machine.instance.tags.get(_NAME_TAG) or _key(machine)


def _nic(port: Port) -> Nic:
    return Nic(
        name=port.nic,
        order=port.device_index,
        mac=port.mac,
        subnet=port.subnet,
        router=port.router,
        addresses=port.addresses,
    )
