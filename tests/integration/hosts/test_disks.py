"""The scripts for disks, on real loop devices: what is formatted and what never is, mounts, growth."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edgewrap.hosts.disks import disk_operations, disk_script
from tests.support.disk_box import EBS, STORE, DiskBox, disk_box
from tests.unit.hosts.recorded import wanted

MIB = 1 << 20
VOLUME, ONE = "vol-0123456789abcdef0", "/var/lib/one/datastores"


@pytest.fixture
def box(tmp_path: Path) -> Iterator[DiskBox]:
    with disk_box(tmp_path) as made:
        yield made


@pytest.fixture
def volume(box: DiskBox) -> Path:
    return box.plug("nvme1n1", f"{EBS}{VOLUME.replace('-', '')}", 300 * MIB)


def checksum(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def needed(box: DiskBox, gb: int = 0) -> list[tuple[str, dict[str, str]]]:
    """What a run would do on a host with that volume."""
    host = replace(wanted(), datastores=VOLUME, datastores_gb=gb)
    facts = replace(box.facts(), at_boot=True, root=None)
    return [(one.change.key, dict(one.change.after)) for one in disk_operations(host, facts)]


def test_an_empty_volume_is_formatted_and_mounted_once(box: DiskBox, volume: Path) -> None:
    assert needed(box) == [("host-0/disk/datastores", {"disk": VOLUME, "mounted at boot": "yes"})]
    assert box.mount(VOLUME).returncode == 0
    assert box.must(f"stat -c '%U:%a' {ONE}; findmnt -no SOURCE,FSTYPE {ONE}").split() == [
        "oneadmin:750",
        "/dev/nvme1n1",
        "ext4",
    ]
    assert needed(box) == []
    box.must(f"echo kept >{ONE}/image")
    assert box.mount(VOLUME).returncode == 0
    assert box.must(f"cat {ONE}/image") == "kept"
    assert volume.exists()


@pytest.mark.usefixtures("volume")
def test_a_reboot_mounts_what_there_is(box: DiskBox) -> None:
    box.mount(VOLUME)
    box.must(f"echo kept >{ONE}/image; umount {ONE}")
    assert box.must(f"stat -c '%U:%a' {ONE}") == "root:555"  # without its disk, nobody but root can write there
    assert box.mount(VOLUME).returncode == 0
    assert box.must(f"cat {ONE}/image; stat -c %U {ONE}").split() == ["kept", "oneadmin"]


MAKE_DATA = {
    "a file system": "mkfs.ext4 -q -L other /dev/nvme1n1",
    "swap": "mkswap /dev/nvme1n1",
    "an encrypted disk": r"printf 'LUKS\272\276\000\001' | dd of=/dev/nvme1n1",
    "a partition table": r"printf '\125\252' | dd of=/dev/nvme1n1 bs=1 seek=510; "
    r"printf '\203' | dd of=/dev/nvme1n1 bs=1 seek=450; printf '\001' | dd of=/dev/nvme1n1 bs=1 seek=458",
}


@pytest.mark.parametrize("make", MAKE_DATA.values(), ids=MAKE_DATA)
def test_a_disk_with_data_is_never_formatted(box: DiskBox, volume: Path, make: str) -> None:
    box.must(make)
    before = checksum(volume)
    refused = box.mount(VOLUME)
    assert refused.returncode != 0
    assert "/dev/nvme1n1 is not empty: it has" in refused.stderr
    assert checksum(volume) == before
    assert box.facts().datastores is None


@pytest.mark.usefixtures("volume")
def test_a_directory_with_files_is_not_hidden(box: DiskBox) -> None:
    box.must(f"mkdir -p {ONE}/0 {ONE}/100; echo >{ONE}/0/.monitor")
    assert not box.facts().files
    box.must(f"echo image >{ONE}/100/disk.0")
    assert box.facts().files
    refused = box.mount(VOLUME)
    assert (refused.returncode, refused.stderr.strip()) == (1, f"{ONE} has files that a mount would hide")
    box.must(f"rm {ONE}/100/disk.0")
    assert box.mount(VOLUME).returncode == 0


def test_a_larger_volume_grows_its_file_system(box: DiskBox, volume: Path) -> None:
    """The kernel lets only a process with CAP_SYS_RESOURCE enlarge a mounted file system: resize2fs works on an
    unmounted one here."""
    box.play("resize2fs", f'umount "$1" && e2fsck -fp "$1" && /sbin/resize2fs "$1" && mount "$1" {ONE}')
    box.mount(VOLUME)
    box.must(f"echo kept >{ONE}/image")
    assert needed(box, gb=1) == [("host-0/disk/datastores", {"size": "1.0 GiB"})]  # before AWS has changed it
    box.grow("nvme1n1", 1024 * MIB)
    assert needed(box, gb=1) == [("host-0/disk/datastores", {"size": "1.0 GiB"})]
    assert box.mount(VOLUME).returncode == 0
    assert needed(box, gb=1) == []
    assert box.must(f"cat {ONE}/image") == "kept"
    assert int(box.must(f"df --output=size --block-size=1M {ONE} | tail -n 1")) > 900
    assert volume.exists()


def test_an_instance_store_that_a_stop_emptied_is_formatted_again(box: DiskBox) -> None:
    store = box.plug("nvme1n1", f"{STORE}AWS1", 300 * MIB)
    assert box.mount("instance-store").returncode == 0
    box.must(f"echo lost >{ONE}/image; umount {ONE}")
    store.write_bytes(b"")
    box.grow("nvme1n1", 300 * MIB)
    box.must("blockdev --flushbufs /dev/nvme1n1")
    assert box.mount("instance-store").returncode == 0
    assert box.must(f"ls {ONE}") == "lost+found"
    facts = box.facts()
    assert facts.datastores is not None
    assert facts.disk_of(facts.datastores.device) == "instance-store"


def test_several_devices_become_one_striped_volume(box: DiskBox) -> None:
    """There is no device mapper here: LVM is played, with one of the devices as its volume."""
    for number in (1, 2, 3):
        box.plug(f"nvme{number}n1", f"{STORE}AWS{number}", 100 * MIB)
    box.plug("dm-0", "/dev/dm", 300 * MIB)
    for program in ("vgchange", "vgcreate"):
        box.play(program, f'echo {program} "$*" >>/run/calls')
    box.play("vgs", "exit 5")
    box.play(
        "lvcreate", 'echo lvcreate "$*" >>/run/calls; mkdir -p /dev/edgewrap; ln -s ../dm-0 /dev/edgewrap/datastores'
    )
    done = box.mount("instance-store")
    assert done.returncode == 0, done.stderr
    assert box.must("cat /run/calls").splitlines() == [
        "vgchange --quiet --activate y edgewrap",
        "vgcreate --quiet edgewrap /dev/nvme1n1 /dev/nvme2n1 /dev/nvme3n1",
        "lvcreate --quiet --yes --stripes 3 --stripesize 256k --extents 100%FREE --name datastores edgewrap",
    ]
    assert box.mount("instance-store").returncode == 0
    assert len(box.must("cat /run/calls").splitlines()) == 4  # the volume group is only activated


def test_several_devices_are_not_touched_if_one_has_data(box: DiskBox) -> None:
    files = [box.plug(f"nvme{number}n1", f"{STORE}AWS{number}", 100 * MIB) for number in (1, 2)]
    box.must("mkswap /dev/nvme2n1")
    for program in ("vgchange", "vgs"):
        box.play(program, "exit 5")
    for program in ("vgcreate", "lvcreate"):
        box.play(program, "echo >/run/called")
    before = [checksum(file) for file in files]
    refused = box.mount("instance-store")
    assert "/dev/nvme2n1 is not empty: it has swap" in refused.stderr
    assert [checksum(file) for file in files] == before
    assert box.run("test -e /run/called").returncode != 0


def test_another_mount_is_not_replaced(box: DiskBox, volume: Path) -> None:
    box.plug("nvme2n1", "/dev/other", 100 * MIB)
    box.must(f"mkfs.ext4 -q /dev/nvme2n1; mkdir -p {ONE}; mount /dev/nvme2n1 {ONE}")
    assert needed(box) == [("host-0/disk/datastores", {"disk": VOLUME})]
    refused = box.mount(VOLUME)
    assert refused.stderr.strip() == f"/dev/nvme2n1 is mounted on {ONE} instead of /dev/nvme1n1"
    assert checksum(volume) == hashlib.sha256(bytes(300 * MIB)).hexdigest()


def test_a_grown_root_volume_grows_its_partition_and_file_system(box: DiskBox) -> None:
    """The partition is played in /sys: this kernel may know no partitions."""
    number = box.must("findmnt -no MAJ:MIN / | tail -n 1").strip()
    sizes = {"": 41943040, "nvme0n1p1": 14680064, "nvme0n1p14": 8192, "nvme0n1p16": 2097152}
    starts = {"nvme0n1p1": 2099200, "nvme0n1p14": 2048, "nvme0n1p16": 10240}
    box.must("mkdir /run/disk; mount -t tmpfs sys /sys/dev/block; mkdir /run/disk/nvme0n1")
    for name, size in sizes.items():
        folder = f"/run/disk/nvme0n1/{name}"
        box.must(f"mkdir -p {folder}; echo {size} >{folder}/size")
        if name:
            box.must(f"echo {starts[name]} >{folder}/start; echo {name[8:].lstrip('p')} >{folder}/partition")
    box.must(f"ln -s /run/disk/nvme0n1/nvme0n1p1 /sys/dev/block/{number}")
    for program in ("growpart", "resize2fs"):
        box.play(program, f'echo {program} "$*" >>/run/calls; exit {int(program == "growpart")}')
    box.play("dumpe2fs", "echo Block count: 1835008; echo Block size: 4096")
    root = box.facts().root
    assert root is not None
    assert (root.size, root.room, root.disk) == (7 << 30, (41943040 - 2099200) * 512, 20 << 30)
    assert root.growth(20) == {"size": "19.0 GiB"}
    assert root.growth(30) == {"size": "29.0 GiB"}
    host = replace(wanted(), root_gb=20)
    operations = tuple(disk_operations(host, box.facts()))
    done = box.run(disk_script(host, operations), "203.0.113.5")
    assert done.returncode == 0, done.stderr
    assert box.must("cat /run/calls").splitlines() == ["growpart /dev/nvme0n1 1", "resize2fs /dev/nvme0n1p1"]
