"""A host's disks without a host: real loop devices under the names that EC2's have, in a mount namespace of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from edgewrap.hosts.disks import DiskFacts, parse_disks
from edgewrap.hosts.render.files import disks_script, script

BY_ID = "/dev/disk/by-id"
EBS, STORE = f"{BY_ID}/nvme-Amazon_Elastic_Block_Store_", f"{BY_ID}/nvme-Amazon_EC2_NVMe_Instance_Storage_"
_SETUP = f"""set -e
cp /etc/passwd /etc/group "$1"
echo 'oneadmin:x:9869:9869::/var/lib/one:/bin/sh' >>"$1/passwd"
echo 'oneadmin:x:9869:' >>"$1/group"
mount --bind "$1/passwd" /etc/passwd
mount --bind "$1/group" /etc/group
mkdir "$1/dev"
mount -t tmpfs dev "$1/dev"
mknod -m 666 "$1/dev/null" c 1 3
mount --move "$1/dev" /dev
mkdir -p {BY_ID}
mount -t tmpfs lib /var/lib
mkdir /var/lib/one
mount -t tmpfs run /run
mount -t tmpfs programs /usr/local/sbin
echo ready
exec sleep 600
"""


@dataclass
class DiskBox:
    """`root`: a directory for the files behind the devices; they are sparse."""

    root: Path
    process: subprocess.Popen[str]
    loops: dict[str, str] = field(default_factory=dict)

    def run(self, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a shell command inside."""
        enter = ["nsenter", "--target", str(self.process.pid), "--mount", "sh", "-c", command, "sh", *arguments]
        return subprocess.run(enter, capture_output=True, text=True, check=False, timeout=60)

    def must(self, command: str) -> str:
        """The same; it succeeds."""
        done = self.run(command)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def plug(self, name: str, link: str, size: int) -> Path:
        """A device `/dev/NAME` of `size` bytes, and udev's link to it; returns the file behind it."""
        file = self.root / f"{name}.image"
        with file.open("wb") as image:
            image.truncate(size)
        loop = subprocess.run(["losetup", "--find", "--show", file], capture_output=True, text=True, check=True)
        self.loops[name] = loop.stdout.strip()
        number = Path(self.loops[name]).stat().st_rdev
        self.must(f"mknod /dev/{name} b {os.major(number)} {os.minor(number)}; ln -sf ../../{name} {link}")
        return file

    def unplug(self, name: str) -> None:
        """Detach the device."""
        self.run(f"rm -f /dev/{name}; find {BY_ID} -lname '*/{name}' -delete")
        subprocess.run(["losetup", "--detach", self.loops.pop(name)], check=True)

    def grow(self, name: str, size: int) -> None:
        """What a change of an EBS volume does."""
        os.truncate(self.root / f"{name}.image", size)
        subprocess.run(["losetup", "--set-capacity", self.loops[name]], check=True)

    def play(self, program: str, text: str) -> None:
        """A program in place of this machine's."""
        self.must(
            f"cat >/usr/local/sbin/{program} <<'END'\n#!/bin/sh\n{text}\nEND\nchmod 755 /usr/local/sbin/{program}"
        )

    def mount(self, disk: str) -> subprocess.CompletedProcess[str]:
        """What the host does at boot."""
        return self.run(disks_script(), disk)

    def facts(self) -> DiskFacts:
        """What a run reads."""
        return parse_disks(self.must(f"set -u\n{script('disk-facts.sh')}disk_facts").splitlines())


@contextmanager
def disk_box(root: Path) -> Iterator[DiskBox]:
    """A box; its devices are detached at the end."""
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", _SETUP, "sh", str(root)]
    with ExitStack() as stack:
        process = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        stack.callback(process.kill)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        box = DiskBox(root, process)
        yield box
        box.run("umount --lazy /var/lib/one/datastores")
        for name in list(box.loops):
            box.unplug(name)
