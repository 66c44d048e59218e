"""The NVMe disks of a host beside its root: sparse files behind loop devices, under the names that udev gives on EC2.

A host reads and writes them as block devices: it formats and mounts them. The lab keeps each loop device open; the
kernel detaches it once the lab has closed it and no host has it mounted, however the lab ends.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgewrap.lab.cloud import CloudDisk

_LINKS = {True: "Amazon_EC2_NVMe_Instance_Storage_AWS", False: "Amazon_Elastic_Block_Store_vol"}
_GIB = 1 << 30


@dataclass
class _Device:
    """An attached disk: its number in `nvme1n1`, its loop device, and the descriptor that keeps that."""

    disk: CloudDisk
    number: int
    file: Path
    loop: str
    descriptor: int

    @property
    def commands(self) -> str:
        """What udev does, below the directory $dev."""
        device = os.fstat(self.descriptor).st_rdev
        link = f"$dev/disk/by-id/nvme-{_LINKS[self.disk.instance_store]}{self.disk.id.removeprefix('vol-')}"
        name = f"nvme{self.number}n1"
        node = f"mknod -m 600 $dev/{name} b {os.major(device)} {os.minor(device)}"
        return f"[ -e $dev/{name} ] || {node}\nln -sfn ../../{name} {link}\n"


class NvmeDisks:
    """The disks of one host. `folder` holds their files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._devices: dict[str, _Device] = {}
        self._next = 1

    def follow(self, disks: Sequence[CloudDisk]) -> str:
        """Attach, enlarge and detach; returns the shell commands that make the nodes in a host's $dev."""
        for name in self._devices.keys() - {disk.id for disk in disks}:
            self._detach(name)
        for disk in disks:
            known = self._devices.get(disk.id)
            if known is None:
                self._attach(disk)
            elif known.disk != disk:
                known.disk = disk
                os.truncate(known.file, disk.gb * _GIB)
                subprocess.run(["losetup", "--set-capacity", known.loop], check=True)
        head = "rm -rf $dev/disk\nmkdir -p $dev/disk/by-id\n" if self._next > 1 else ""
        return head + "".join(device.commands for device in self._devices.values())

    def close(self) -> None:
        """Detach all."""
        for name in list(self._devices):
            self._detach(name)

    def _attach(self, disk: CloudDisk) -> None:
        self._folder.mkdir(exist_ok=True)
        file = self._folder / disk.id
        with file.open("wb") as image:
            image.truncate(disk.gb * _GIB)
        try:
            made = subprocess.run(["losetup", "--find", "--show", file], check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            print(
                f"{disk.id}: this machine has no loop devices, so the host has no such disk: {error}", file=sys.stderr
            )
            return
        loop = made.stdout.strip()
        descriptor = os.open(loop, os.O_RDONLY | os.O_CLOEXEC)
        # of an open device it only takes effect when it is closed
        subprocess.run(["losetup", "--detach", loop], check=True)
        self._devices[disk.id] = _Device(disk, self._next, file, loop, descriptor)
        self._next += 1

    def _detach(self, name: str) -> None:
        device = self._devices.pop(name)
        os.close(device.descriptor)
        device.file.unlink()
