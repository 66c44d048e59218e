"""One host: its disk, its namespaces, its systemd, over all its boots."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import signal
import sys
from collections.abc import Callable, Coroutine, Iterable, Mapping
from enum import StrEnum
from pathlib import Path

import yaml

from edgewrap.lab import cgroups, kernel
from edgewrap.lab.cloud import CloudInstance, private_domain
from edgewrap.lab.directory import ProcessId
from edgewrap.lab.hosts import cloud_init
from edgewrap.lab.hosts.disk import Disk, make_disk
from edgewrap.lab.hosts.first_boot import FirstBoot
from edgewrap.lab.hosts.nvme import NvmeDisks
from edgewrap.lab.supervisor import die_with_parent

_BOOT_SCRIPT = Path(__file__).with_name("boot.sh")
_NAMESPACES = ("--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child", "--propagation", "private")
_LISTENING_ON_SSH = ":0016 00000000:0000 0A"  # as /proc/net/tcp has it, with any local address before
_HOTPLUG_S = 20.0
_POLL_S = 0.05
_NO_FORWARDING = {"net/ipv4/ip_forward": "0"}  # a new namespace inherits IPv4 settings from the machine


class State(StrEnum):
    """The state of a host."""

    OFF = "off"  # nothing runs: the instance is stopped, or the host was powered off from inside
    BOOTING = "booting"
    RUNNING = "running"  # sshd has listened since the boot
    DEAD = "dead"  # its systemd or the whole machine was killed, or the boot failed


class Machine:
    """The host of one instance. `ended` is called whenever its systemd has ended, for any reason."""

    def __init__(
        self,
        instance: CloudInstance,
        *,
        address: str,
        disks: Path,
        cgroups_of_lab: Path,
        authorized: Mapping[str, str],
        first_boot: FirstBoot | None,
        ended: Callable[[], None],
    ) -> None:
        self.instance = instance
        self.address = address
        self.hostname = f"ip-{address.replace('.', '-')}"
        self.boots = 0
        self.namespace = ""
        self.wants_reboot = False
        self.powered_off = False
        self.killed = False
        self._nvme = NvmeDisks(disks / instance.id / "nvme")
        self._disk: Disk = make_disk(
            disks / instance.id, self.hostname, address, private_domain(instance.region), authorized, first_boot
        )
        self._cgroup = cgroups_of_lab / instance.id
        self._ended = ended
        self._process: asyncio.subprocess.Process | None = None
        self._init: ProcessId | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._nics: tuple[cloud_init.Nic, ...] = ()
        self._plugging = asyncio.Lock()
        self._booted = False
        self._nodes = ""

    @property
    def state(self) -> State:
        """The state of the host now."""
        if self._process is None:
            return State.DEAD if self.killed else State.OFF
        if self._process.returncode is not None:
            return State.OFF if self.powered_off else State.DEAD
        self._booted = self._booted or self._listens()
        return State.RUNNING if self._booted else State.BOOTING

    @property
    def init(self) -> int:
        """The process id of the host's systemd. Raises ProcessLookupError while the host has none."""
        if self._init is not None and self._init.alive():
            # Before it is systemd it is the boot script, and still sees this machine's file system.
            with contextlib.suppress(OSError):
                if Path(f"/proc/{self._init.pid}/comm").read_text() == "systemd\n":
                    return self._init.pid
        raise ProcessLookupError(self.instance.id)

    async def prepare(self) -> None:
        """Create the network namespace of the next boot."""
        self.boots += 1
        self.wants_reboot = self.powered_off = self._booted = False
        self.namespace = f"{self.instance.id}.{self.boots}"
        await kernel.add_namespace(self.namespace, _NO_FORWARDING)

    async def boot(self, nics: Iterable[cloud_init.Nic], *, tidy: bool) -> None:
        """Start systemd with the attached interfaces."""
        self._nics = tuple(nics)
        if self.boots == 1:
            self._first_boot(tidy=tidy)
        self._netplan()
        self._nodes = await asyncio.to_thread(self._nvme.follow, self.instance.disks)
        (self._disk.path / "nodes").write_text(self._nodes)
        self._cgroup.mkdir(exist_ok=True)
        with (self._disk.path / "console").open("ab") as console:
            self._process = await asyncio.create_subprocess_exec(
                *("nsenter", f"--net={kernel.NAMESPACES / self.namespace}", "unshare", *_NAMESPACES),
                *("sh", "-e", str(_BOOT_SCRIPT), str(self._disk.path), str(self._cgroup), self.hostname),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                preexec_fn=die_with_parent,
            )
        self._spawn(self._watch(self._process))
        self._init = await _child_of(self._process)

    def kill(self) -> None:
        """Cut its power: all its processes end at once, and it does not boot by itself."""
        self.killed = True
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def halt(self) -> None:
        """End all its processes at once, as when an instance is stopped, and remove the namespace."""
        process = self._process
        for task in self._tasks:
            task.cancel()
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            while self._init is not None and self._init.alive():
                await asyncio.sleep(0.005)
        if self.namespace:
            await kernel.delete_namespace(self.namespace)
            self.namespace = ""
        self._process = self._init = None
        if self._cgroup.exists():
            await asyncio.to_thread(cgroups.remove, self._cgroup)

    def destroy(self) -> None:
        """Delete the disks of a terminated instance."""
        self._nvme.close()
        self._disk.destroy()

    async def plug_disks(self) -> None:
        """Attach, enlarge and detach the NVMe disks of a running host; it sees them in the background."""
        nodes = await asyncio.to_thread(self._nvme.follow, self.instance.disks)
        if nodes != self._nodes:
            self._nodes = nodes
            self._spawn(self._show_disks(nodes))

    def plugged(self, nics: Iterable[cloud_init.Nic], *, tidy: bool) -> None:
        """Notify the host's cloud-init of its interfaces; it reacts in the background."""
        now = tuple(nics)
        before, self._nics = self._nics, now
        if not tidy and {nic.mac for nic in now} != {nic.mac for nic in before}:
            self._spawn(self._react())

    async def run(self, script: str, given: str = "") -> str:
        """Run a shell script on the host, as root; returns what it prints. Raises KernelError, ProcessLookupError."""
        return await kernel.run("nsenter", "--target", str(self.init), "--all", "sh", "-c", script, given=given)

    def console(self) -> str:
        """The last lines that were printed during boot."""
        file = self._disk.path / "console"
        return "\n".join(file.read_text(errors="replace").splitlines()[-5:]) if file.exists() else ""

    def _first_boot(self, *, tidy: bool) -> None:
        """What cloud-init does once per instance."""
        primary = [nic for nic in self._nics if nic.order == 0]
        nics = (
            [cloud_init.Nic(n.name, n.order, n.mac, n.subnet, n.router, n.addresses[:1]) for n in primary]
            if tidy
            else self._nics
        )
        self._disk.write(cloud_init.NETPLAN_FILE, yaml.safe_dump(cloud_init.netplan_of(nics)), 0o600)

    def _netplan(self) -> None:
        """What netplan's generator does at every boot."""
        self._disk.network.mkdir(exist_ok=True)
        for file in self._disk.network.iterdir():
            file.unlink()
        for document in sorted((self._disk.upper / "etc" / "netplan").glob("*.yaml")):
            if document.is_file():
                for name, text in cloud_init.networkd_files(yaml.safe_load(document.read_text()) or {}).items():
                    (self._disk.network / name).write_text(text)

    async def _show_disks(self, nodes: str) -> None:
        while self.state is State.BOOTING:
            await asyncio.sleep(_POLL_S)
        with contextlib.suppress(ProcessLookupError):
            await self.run(f"dev=/dev\n{nodes}")

    async def _react(self) -> None:
        try:
            await self._hotplug()
        except (TimeoutError, ProcessLookupError, kernel.KernelError, yaml.YAMLError) as error:
            print(f"{self.instance.id}: cloud-init could not handle a plug: {error!r}", file=sys.stderr)

    async def _hotplug(self) -> None:
        """What cloud-init's hot-plug handler does when interfaces were attached or detached."""
        async with self._plugging, asyncio.timeout(_HOTPLUG_S):
            while self.state is State.BOOTING:
                await asyncio.sleep(_POLL_S)
            listing = await self.run(f"for f in /{cloud_init.CONFIGURATION}/*.cfg; do cat $f; echo; echo ---; done")
            configuration = [document for document in yaml.safe_load_all(listing) if isinstance(document, dict)]
            if not cloud_init.network_updates(configuration):
                return
            netplan = cloud_init.netplan_of(self._nics)
            files = {f"run/systemd/network/{name}": text for name, text in cloud_init.networkd_files(netplan).items()}
            files[cloud_init.NETPLAN_FILE] = yaml.safe_dump(netplan)
            await self.run("rm -f /run/systemd/network/10-netplan-*")
            for name, text in files.items():
                await self.run(f"cat >/{name}", text)
            await self.run("networkctl reload")

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        code = await process.wait()
        # How the kernel reports to a namespace's parent that its init called reboot(2), or powered off.
        self.wants_reboot = code == -signal.SIGHUP
        self.powered_off = code == -signal.SIGINT
        self._ended()

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _listens(self) -> bool:
        if self._init is None:
            return False
        with contextlib.suppress(OSError):
            return any(_LISTENING_ON_SSH in line for line in Path(f"/proc/{self._init.pid}/net/tcp").open())
        return False


async def _child_of(process: asyncio.subprocess.Process) -> ProcessId | None:
    """The first process in the new namespaces; None if the boot has failed before."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    for _ in itertools.count():
        with contextlib.suppress(OSError, ProcessLookupError):
            for child in children.read_text().split():
                return ProcessId.of(int(child))
        if process.returncode is not None:
            return None
        await asyncio.sleep(0.005)
    return None
