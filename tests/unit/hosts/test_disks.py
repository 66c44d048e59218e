"""What a host's disks need, from what was read of them."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from edgewrap.errors import ConvergeError
from edgewrap.hosts.disk_change import change_disks
from edgewrap.hosts.disks import GIB, STRIPED, DiskFacts, disk_operations, disk_script, parse_disks
from edgewrap.hosts.render.files import DATASTORES_UNIT, DISKS_SCRIPT, host_files
from edgewrap.hosts.ssh.sessions import CommandResult
from edgewrap.outputs import UNKNOWN
from tests.unit.hosts.recorded import wanted

VOLUME = "vol-0123456789abcdef0"
ROOT = f"root /dev/nvme0n1p1 ext4 {19 * GIB} {19 * GIB} {20 * GIB}"
MOUNTED = f"datastores /dev/nvme1n1 ext4 {40 * GIB} {40 * GIB} {40 * GIB}"
DISK = f"disk {VOLUME} /dev/nvme1n1"
STORES = "disk instance-store /dev/nvme2n1\ndisk instance-store /dev/nvme3n1"
STRIPE = f"datastores {STRIPED} ext4 {80 * GIB} {80 * GIB} {80 * GIB}"

CASES = {
    "a host without disks of its own": ("root", 0, ROOT, []),
    "a larger root volume in AWS": (
        "root",
        0,
        ROOT.replace(str(20 * GIB), str(30 * GIB)).replace(f"{19 * GIB} {30 * GIB}", f"{29 * GIB} {30 * GIB}"),
        ["update host-0/disk/root size=29.0 GiB"],
    ),
    "a root volume that AWS enlarges in this run": ("root", 30, ROOT, ["update host-0/disk/root size=29.0 GiB"]),
    "a root volume that has its size": ("root", 20, ROOT, []),
    "a root file system of another kind": ("root", 30, f"root /dev/xvda1 xfs 0 {19 * GIB} {20 * GIB}", []),
    "a new volume": (VOLUME, 0, DISK, [f"create host-0/disk/datastores disk={VOLUME} mounted at boot=yes"]),
    "a volume that is not made yet": (
        UNKNOWN,
        0,
        ROOT,
        [f"create host-0/disk/datastores disk={UNKNOWN} mounted at boot=yes"],
    ),
    "a volume as it should be": (VOLUME, 0, f"{DISK}\n{MOUNTED}\nat-boot", []),
    "a mount that a reboot would lose": (
        VOLUME,
        0,
        f"{DISK}\n{MOUNTED}",
        ["update host-0/disk/datastores mounted at boot=yes"],
    ),
    "a larger volume": (
        VOLUME,
        0,
        f"{DISK}\n{MOUNTED.replace(f'{40 * GIB} {40 * GIB} {40 * GIB}', f'{40 * GIB} {50 * GIB} {50 * GIB}')}\nat-boot",
        ["update host-0/disk/datastores size=50.0 GiB"],
    ),
    "another disk": (VOLUME, 0, f"{MOUNTED}\nat-boot", [f"update host-0/disk/datastores disk={VOLUME}"]),
    "striped instance store": ("instance-store", 0, f"{STORES}\n{STRIPE}\nat-boot", []),
}


@pytest.mark.parametrize(("datastores", "root_gb", "text", "expected"), CASES.values(), ids=CASES)
def test_what_is_needed(datastores: str, root_gb: int, text: str, expected: list[str]) -> None:
    host = replace(wanted(), datastores=datastores, root_gb=root_gb)
    found = [one.change for one in disk_operations(host, parse_disks(text.splitlines()))]
    lines = [
        " ".join([str(one.action), one.key, *(f"{name}={value}" for name, value in one.after.items())]) for one in found
    ]
    assert lines == expected


def test_a_volume_that_grows_in_this_run_is_planned() -> None:
    host = replace(wanted(), datastores=VOLUME, datastores_gb=60)
    [needed] = disk_operations(host, parse_disks(f"{DISK}\n{MOUNTED}\nat-boot".splitlines()))
    assert (needed.change.before, needed.change.after) == ({"size": "40.0 GiB"}, {"size": "60.0 GiB"})


def test_files_that_a_mount_would_hide_are_named_in_the_plan() -> None:
    host = replace(wanted(), datastores=VOLUME)
    [needed] = disk_operations(host, DiskFacts(files=True))
    assert needed.change.why == "its files are on the root volume, and would be hidden: apply stops there"


@pytest.mark.parametrize(
    "line",
    [
        "root",
        "root /dev/vda ext4 1 2",
        "root ../dev/vda ext4 1 2 3",
        "root /dev/vda ext4 1 2 x",
        "disk vol-x /dev/vda",
        "disk vol-1 $(reboot)",
        "disk nvme /dev/vda",
        "mkfs.ext4: what",
        "files now",
    ],
)
def test_anything_else_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"disks|invalid literal"):
        parse_disks([line])


def test_only_what_is_needed_runs() -> None:
    host = replace(wanted(), datastores=VOLUME, root_gb=30)
    for text, calls in (
        (ROOT, ["grow_root", f"mount_datastores {VOLUME}"]),
        (f"{ROOT}\n{DISK}\n{MOUNTED}\nat-boot", ["grow_root"]),
    ):
        operations = tuple(disk_operations(host, parse_disks(text.splitlines())))
        script = disk_script(host, operations).splitlines()
        assert script[0] == "set --"  # run_as_root gives our address as an argument
        assert [line for line in script if line in ("grow_root", f"mount_datastores {VOLUME}")] == calls


def test_only_hosts_with_a_disk_of_their_own_have_its_files() -> None:
    for datastores, there in (("root", False), (VOLUME, True), ("instance-store", True)):
        texts = {file.path: file.text for file in host_files(replace(wanted(), datastores=datastores))}
        assert (DISKS_SCRIPT in texts) is there
        unit = texts.get(f"/etc/systemd/system/{DATASTORES_UNIT}", "")
        assert (f"ExecStart=/bin/sh {DISKS_SCRIPT} {datastores}" in unit) is there


class Refusing:
    """A session whose host refuses the script."""

    async def run_as_root(self, script: str, timeout_s: float) -> CommandResult:
        assert "mount_datastores" in script
        assert timeout_s > 60
        return CommandResult(1, "", "/dev/nvme1n1 is not empty: it has ext4 and is not formatted\n")


def test_a_refused_disk_is_an_error_of_the_host_with_what_to_do() -> None:
    host = replace(wanted(), datastores=VOLUME)
    operations = tuple(disk_operations(host, DiskFacts()))
    with pytest.raises(ConvergeError, match="its disks could not be changed") as caught:
        asyncio.run(change_disks(Refusing(), host, operations))  # type: ignore[arg-type]
    assert (
        "has data, and edgewrap formats only empty disks (/dev/nvme1n1 is not empty: it has ext4" in caught.value.cause
    )
    assert "wipefs --all" in caught.value.advice
