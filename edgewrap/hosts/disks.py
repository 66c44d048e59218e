"""The disks of a host: what is read of them, what they need, and the script that does it. Pure.

A disk is never part of the change that a host rolls back: it cannot cut SSH off, and formatting cannot be undone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from shlex import quote

from edgewrap.hosts.desired import ON_ROOT, DesiredHost
from edgewrap.hosts.operation import DISK, Operation, operation
from edgewrap.hosts.render.files import DATASTORES_UNIT, UNITS, WANTS, disks_script

GIB = 1 << 30
SLACK = 128 << 20  # bytes that a file system may leave: less than AWS enlarges a volume by
STRIPED = "/dev/mapper/edgewrap-datastores"
DATASTORES, ROOT = "datastores", "root"

_DEVICE = re.compile(r"/dev/[\w./-]+", re.ASCII)
_DISK = re.compile(r"vol-[0-9a-f]+|instance-store")


@dataclass(frozen=True, slots=True)
class FileSystem:
    """A mounted file system. `size`: its own, 0 if it is not ext4; `room`: that of its device, with the free space
    behind a partition; `disk`: that of the whole disk. All in bytes."""

    device: str
    size: int
    room: int
    disk: int

    def growth(self, disk_gb: int) -> dict[str, str] | None:
        """The size that it can have once its disk has `disk_gb` GiB, as an attribute; None if it has that."""
        room = self.room + max(0, disk_gb * GIB - self.disk)
        return {"size": _gib(room)} if self.size and room - self.size > SLACK else None


@dataclass(frozen=True, slots=True)
class DiskFacts:
    """The root file system and what is mounted for the datastores, None without a block device; AWS's disks, each
    with its device; whether the directory of the datastores has files of the root volume; whether the disk is mounted
    at boot."""

    root: FileSystem | None = None
    datastores: FileSystem | None = None
    disks: tuple[tuple[str, str], ...] = ()
    files: bool = False
    at_boot: bool = False

    def disk_of(self, device: str) -> str:
        """The disk (`vol-…`, `instance-store`) that a device is, or the device itself."""
        if device == STRIPED:
            return "instance-store"
        return next((disk for disk, own in self.disks if own == device), device)


def parse_disks(lines: Iterable[str]) -> DiskFacts:
    """Parse what `disk_facts` printed. Raises ValueError for anything else."""
    systems: dict[str, FileSystem] = {}
    disks, words = [], set()
    for line in lines:
        word, *rest = line.split()
        if word in (ROOT, DATASTORES) and len(rest) == 5 and _DEVICE.fullmatch(rest[0]):
            systems[word] = FileSystem(rest[0], *map(int, rest[2:]))
        elif word == "disk" and len(rest) == 2 and _DISK.fullmatch(rest[0]) and _DEVICE.fullmatch(rest[1]):
            disks.append((rest[0], rest[1]))
        elif line in ("files", "at-boot"):
            words.add(line)
        else:
            raise ValueError(f"disks: {line!r}")
    return DiskFacts(systems.get(ROOT), systems.get(DATASTORES), tuple(disks), "files" in words, "at-boot" in words)


def disk_operations(host: DesiredHost, facts: DiskFacts) -> Iterator[Operation]:
    """What the host's disks need."""
    if facts.root is not None and (larger := facts.root.growth(host.root_gb)):
        yield operation(
            host, DISK, ROOT, before={"size": _gib(facts.root.size)}, after=larger, why="the volume is larger"
        )
    if host.datastores == ON_ROOT:
        return
    wanted = {"disk": host.datastores, "mounted at boot": "yes"}
    now = facts.datastores
    if now is None:
        why = "its files are on the root volume, and would be hidden: apply stops there" if facts.files else ""
        yield operation(host, DISK, DATASTORES, after=wanted, why=why)
        return
    before = {"disk": facts.disk_of(now.device), "mounted at boot": "yes" if facts.at_boot else "no"}
    if larger := now.growth(host.datastores_gb):
        wanted |= larger
        before["size"] = _gib(now.size)
    if differing := [name for name, value in wanted.items() if before[name] != value]:
        old, new = ({name: side[name] for name in differing} for side in (before, wanted))
        yield operation(host, DISK, DATASTORES, before=old, after=new)


def disk_script(host: DesiredHost, operations: Sequence[Operation]) -> str:
    """The script for a root shell that makes the host's disks as they should be. Running it twice does no harm."""
    steps = ["set --", disks_script()]
    names = {operation.change.key.rpartition("/")[2] for operation in operations}
    if ROOT in names:
        steps.append("grow_root")
    if DATASTORES in names:
        steps.append(f"mount_datastores {quote(host.datastores)}")
        steps.append(f"ln -sfn {UNITS}/{DATASTORES_UNIT} {WANTS}/{DATASTORES_UNIT}")
    return "\n".join((*steps, ""))


def _gib(size: int) -> str:
    return f"{size / GIB:.1f} GiB"
