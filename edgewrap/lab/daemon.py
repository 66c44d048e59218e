"""The lab's daemon: `python -m edgewrap.lab.daemon NAME DIRECTORY`, inside the wrapper's namespaces.

It starts the two servers, then follows AWS: after every new snapshot, and whenever a host's systemd ends, it makes
hosts, fabric and VMs agree with the snapshot.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from edgewrap.errors import EdgewrapError, LabError
from edgewrap.lab import control, environment, kernel, services, watch
from edgewrap.lab.cloud import Cloud
from edgewrap.lab.directory import LabDirectory
from edgewrap.lab.dns.server import NameServers
from edgewrap.lab.documents import LabStatus, LabVm
from edgewrap.lab.exec_targets import find_place
from edgewrap.lab.fabric.desired import desired_vpcs
from edgewrap.lab.fabric.fabric import INTERNET, TOOL_ADDRESS, Fabric
from edgewrap.lab.hosts.first_boot import FirstBoot
from edgewrap.lab.hosts.machines import Machines
from edgewrap.lab.hosts.power import Power
from edgewrap.lab.hosts.program import WHY_NOT
from edgewrap.lab.login_server import LoginServer
from edgewrap.lab.metadata.server import MetadataService
from edgewrap.lab.packages.server import PackageServer
from edgewrap.lab.settings import CloudInit, LabSettings
from edgewrap.lab.vms.guests import Guests
from edgewrap.lab.vms.migration import FrontEndLogin

_RETRY_S = 1.0
_SSH_CONFIG = Path("/etc/ssh/ssh_config")
_RESOLVER = Path("/etc/resolv.conf")


class Daemon:
    """One lab. `serve` runs until the process is killed, which ends the lab."""

    def __init__(self, directory: LabDirectory, settings: LabSettings) -> None:
        self._directory = directory
        self._settings = settings
        self._services = (services.aws(settings, directory), services.front_end(settings, directory))
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._changed = asyncio.Event()
        self._cloud: Cloud | None = None
        self._trouble = ""
        self._round_s = 0.0
        self._at_work = False
        self._metadata = MetadataService()
        self._names = NameServers()
        self._fabric = Fabric(self._metadata, self._names)
        self._packages = PackageServer(directory.packages)
        environment.furnish(directory)
        program = settings.cloud_init_program
        self._machines = Machines(
            directory.machines,
            Path(settings.cgroup),
            front_end_key=(directory.front_end / "id_ed25519.pub").read_text(),
            tidy=settings.cloud_init is CloudInit.TIDY,
            first_boot=FirstBoot(Path(program), self._packages.certificate) if program else None,
            ended=self._changed.set,
        )
        self._power = Power(self._machines, settings.aws_endpoint, self._changed.set)
        self._login_server = LoginServer(directory.front_end)
        login = FrontEndLogin(directory.front_end / "id_ed25519", directory.front_end / "known_hosts")
        session = directory.one_auth.read_text().strip()
        self._guests = Guests(settings.front_end_endpoint, session, login, self._machines)

    async def serve(self) -> None:
        """Start everything and follow AWS until the process is killed."""
        handlers: dict[str, control.Handler] = {"ready": self._when_ready, "status": self._status}
        if self._settings.hosts:
            handlers |= {
                "place": self._place,
                "vm start": self._guests.start,
                "vm stop": self._guests.stop,
                "vm move": self._guests.move,
                "vm list": self._list_guests,
                "host kill": self._power.kill,
                "host stop": self._power.stop,
                "host start": self._power.start,
            }
        async with await control.serve(self._directory, handlers):
            try:
                if self._settings.hosts:
                    await self._ground()
                elif self._settings.isolated:
                    await kernel.ip("", ["link set lo up"])
                await asyncio.gather(*(service.start() for service in self._services))
            except (EdgewrapError, kernel.KernelError, OSError) as error:
                self._ready.set_exception(_understood(error))
                await asyncio.Event().wait()  # `lab up` gets the error and ends the lab
            self._ready.set_result(None)
            if not self._settings.hosts:
                await asyncio.Event().wait()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._watch())
                tasks.create_task(self._work())

    async def _ground(self) -> None:
        """Prepare what all hosts need: mounts for disks and namespaces, invisible outside the lab, and the internet."""
        kernel.NAMESPACES.mkdir(parents=True, exist_ok=True)
        for place in (kernel.NAMESPACES, self._directory.machines):
            await kernel.run("mount", "-t", "tmpfs", "-o", "mode=755", "lab", str(place))
        # `ssh` looks for keys in the user's home as the system knows it, whatever HOME is.
        ssh, resolver = (self._directory.front_end / file.name for file in (_SSH_CONFIG, _RESOLVER))
        ssh.write_text(environment.ssh_configuration(self._directory, _SSH_CONFIG.read_text()))
        resolver.write_text(f"nameserver {TOOL_ADDRESS}\n")
        for ours, machines in ((ssh, _SSH_CONFIG), (resolver, _RESOLVER)):
            await kernel.run("mount", "--bind", str(ours), str(machines))
        await self._fabric.prepare()
        await self._packages.open(INTERNET)
        await self._login_server.open(TOOL_ADDRESS)

    async def _watch(self) -> None:
        async for cloud in watch.snapshots(self._settings.aws_port):
            self._cloud = cloud
            self._changed.set()

    async def _work(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            if self._cloud is None:
                continue
            self._at_work = True
            began = time.monotonic()
            try:
                await self._round(self._cloud)
                self._trouble = ""
            except Exception as error:  # the lab continues: it reports the error and retries
                traceback.print_exc()
                self._trouble = f"{type(error).__name__}: {error}"
                asyncio.get_running_loop().call_later(_RETRY_S, self._changed.set)
            self._round_s = time.monotonic() - began
            self._at_work = False

    async def _round(self, cloud: Cloud) -> None:
        for instance_id in await self._machines.settle(cloud):
            await asyncio.to_thread(_stop_instance, self._settings.aws_port, instance_id)
        self._metadata.follow(cloud)
        self._names.follow(cloud)
        vpcs = desired_vpcs(cloud, self._machines.namespaces())
        await self._fabric.follow(vpcs)
        await self._guests.follow()
        await self._machines.start(vpcs)
        await self._guests.report_lost()

    async def _when_ready(self) -> None:
        await asyncio.shield(self._ready)

    async def _place(self, name: str) -> dict[str, Any]:
        place = find_place(name, self._fabric, self._machines, self._guests)
        return {"namespaces": dict(place.namespaces), "own_root": place.own_root}

    async def _list_guests(self) -> list[LabVm]:
        return self._guests.report()

    async def _status(self) -> LabStatus:
        hosts = self._settings.hosts
        return {
            "name": self._directory.name,
            "directory": str(self._directory.path),
            "aws_endpoint": self._settings.aws_endpoint,
            "front_end_endpoint": self._settings.front_end_endpoint,
            "front_end_version": self._settings.front_end_version,
            "cloud_init": self._settings.cloud_init.value,
            "services": {service.name: service.state for service in self._services},
            "left_out": self._left_out(),
            "trouble": self._trouble,
            "serial": self._cloud.serial if self._cloud else 0,
            "settled": not self._changed.is_set() and not self._at_work,
            "last_round_s": round(self._round_s, 3),
            "vpcs": list(self._fabric.vpc_ids),
            "hosts": self._machines.report(),
            "vms": self._guests.report(),
            "dropped": dict(await self._fabric.counters()) if hosts else {},
        }

    def _left_out(self) -> list[str]:
        if not self._settings.hosts:
            return [f"hosts: {self._settings.why_no_hosts}"]
        return [] if self._settings.cloud_init_program else [WHY_NOT]


def _understood(error: Exception) -> EdgewrapError:
    if isinstance(error, EdgewrapError):
        return error
    return LabError(
        "the lab's networks could not be created",
        cause=str(error),
        advice="the lab needs namespaces, veth, bridge, overlay and nft in the kernel; without them: --no-hosts",
    )


def _stop_instance(port: int, instance_id: str) -> None:
    """Report to AWS that an instance was shut down from inside, which stops it."""
    connection = http.client.HTTPConnection(watch.ADDRESS, port, timeout=10)
    body = json.dumps({"state": "stopped"})
    connection.request("POST", f"/_lab/instances/{instance_id}", body, {"Content-Type": "application/json"})
    connection.getresponse().read()
    connection.close()


async def _main() -> None:
    directory = LabDirectory(sys.argv[1], Path(sys.argv[2]))
    await Daemon(directory, LabSettings.read(directory.settings)).serve()


if __name__ == "__main__":
    os.umask(0o022)
    asyncio.run(_main())
