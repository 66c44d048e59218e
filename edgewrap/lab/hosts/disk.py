"""A host's disk: the upper layer over this machine's own file system.

It hides this machine's own users and their homes, keys, units, network configuration and data, and adds what an AWS
image has: the users `ubuntu` and `oneadmin`, sshd as configured in Ubuntu's image, host keys of its own. `oneadmin`
takes the place of OpenNebula's node package if the instance has no user data.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgewrap.lab.fabric.rules import RESOLVER
from edgewrap.lab.hosts.first_boot import HIDDEN, UNITS, FirstBoot
from edgewrap.lab.packages.repository import QEMU_CONF, SSH_CONFIG

# The operating system's own directories; every other one at the top is hidden.
_SYSTEM = {"bin", "dev", "etc", "lib", "lib32", "lib64", "libx32", "proc", "run", "sbin", "sys", "usr", "var"}
# Emptied: directory below the root, and its mode.
_EMPTY = {
    "root": 0o700,
    "home": 0o755,
    "tmp": 0o1777,
    "mnt": 0o755,
    "opt": 0o755,
    "srv": 0o755,
    "etc/cloud": 0o755,
    "etc/cron.d": 0o755,
    "etc/netplan": 0o755,
    "etc/ssh": 0o755,
    "etc/sudoers.d": 0o750,
    "etc/sysctl.d": 0o755,
    "etc/systemd/network": 0o755,
    "etc/systemd/system": 0o755,
    "usr/local": 0o755,
    "var/lib/one": 0o750,
    "var/lib/systemd": 0o755,
    "var/log": 0o755,
    "var/spool/cron": 0o755,
    "var/tmp": 0o1777,
}
_ENABLED = {
    "multi-user.target.wants/ssh.service": "ssh.service",
    "multi-user.target.wants/systemd-networkd.service": "systemd-networkd.service",
    "sockets.target.wants/systemd-networkd.socket": "systemd-networkd.socket",
    "dbus-org.freedesktop.network1.service": "systemd-networkd.service",
    "sshd.service": "ssh.service",
}
# Units that cannot work in a namespace, or must not act on the machine.
_MASKED = (
    *("systemd-udevd.service", "systemd-udevd-kernel.socket", "systemd-udevd-control.socket"),
    *("systemd-udev-trigger.service", "systemd-modules-load.service", "systemd-logind.service", "getty.target"),
    *("systemd-timesyncd.service", "systemd-hwdb-update.service", "systemd-remount-fs.service"),
    *("dev-hugepages.mount", "dev-mqueue.mount", "sys-kernel-debug.mount", "sys-kernel-tracing.mount"),
    *("sys-fs-fuse-connections.mount", "sys-kernel-config.mount", "proc-sys-fs-binfmt_misc.automount"),
    *("modprobe@.service", "kmod-static-nodes.service"),
)
_SSHD = """\
Include /etc/ssh/sshd_config.d/*.conf
PermitRootLogin no
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
PrintMotd no
SetEnv PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
AcceptEnv LANG LC_*
Subsystem sftp internal-sftp
"""
_SUDOERS = """\
Defaults env_reset
Defaults secure_path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
root ALL=(ALL:ALL) ALL
@includedir /etc/sudoers.d
"""
# As Ubuntu has it.
_REVERSE_PATH = "net.ipv4.conf.default.rp_filter=2\nnet.ipv4.conf.all.rp_filter=2\n"
_HUMANS = range(1000, 60000)
_HOST_KEYS = ("ed25519", "ecdsa")


@dataclass(frozen=True, slots=True)
class User:
    """A user on hosts. `sudo`: may do everything without a password."""

    name: str
    uid: int
    home: str
    sudo: bool


ONEADMIN = "oneadmin"
USERS = (User("ubuntu", 1000, "/home/ubuntu", sudo=True), User(ONEADMIN, 9869, "/var/lib/one", sudo=False))


@dataclass(frozen=True, slots=True)
class Disk:
    """The directories of one host's overlay. `network` has what netplan generates at boot."""

    path: Path

    @property
    def upper(self) -> Path:
        """The upper layer: what differs from this machine."""
        return self.path / "upper"

    @property
    def network(self) -> Path:
        """networkd's files, copied to /run/systemd/network at boot."""
        return self.path / "network"

    def write(self, file: str, text: str, mode: int = 0o644) -> None:
        """Write a file (`etc/hosts`) while the host is off."""
        path = self.upper / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.touch(mode)
        path.chmod(mode)
        path.write_text(text)

    def destroy(self) -> None:
        """Delete everything."""
        shutil.rmtree(self.path, ignore_errors=True)


def make_disk(
    path: Path, hostname: str, address: str, domain: str, keys: Mapping[str, str], first_boot: FirstBoot | None = None
) -> Disk:
    """Create the disk of a new host, whose resolver searches `domain`. `keys` maps a user to the text of its
    authorized_keys; with `first_boot` it has only the users of the image, and cloud-init adds the rest. Takes about
    20 ms."""
    disk = Disk(path)
    for folder in ("upper", "work", "root"):
        (path / folder).mkdir(parents=True)
    disk.upper.chmod(0o755)
    own = {entry.name: 0o755 for entry in Path("/").iterdir() if entry.is_dir() and not entry.is_symlink()}
    for folder, mode in {**{name: own[name] for name in own.keys() - _SYSTEM}, **_EMPTY}.items():
        _hide(disk.upper / folder, mode)
    _etc(disk, hostname, address, domain)
    _units(disk)
    _ssh(disk, hostname)
    _users(disk, USERS[:1] if first_boot else USERS, {} if first_boot else keys)
    if first_boot:
        _first_boot(disk, first_boot)
    else:
        disk.write("etc/libvirt/qemu.conf", QEMU_CONF, 0o600)
    return disk


def _first_boot(disk: Disk, first_boot: FirstBoot) -> None:
    for folder, mode in HIDDEN.items():
        _hide(disk.upper / folder, mode)
    for folder in first_boot.folders():
        (disk.upper / folder).mkdir(parents=True, exist_ok=True)
    for file, text in first_boot.files().items():
        disk.write(file, text)
    with (disk.upper / "etc" / "hosts").open("a") as hosts:
        hosts.write(first_boot.names())
    for unit in UNITS:
        (disk.upper / "etc/systemd/system/multi-user.target.wants" / unit).symlink_to(f"/etc/systemd/system/{unit}")
    if first_boot.program != Path("/"):
        (disk.path / "program").symlink_to(first_boot.program)
        (disk.upper / "opt" / "cloud-init").mkdir()
        (disk.upper / "usr" / "bin").mkdir()
        (disk.upper / "usr" / "bin" / "cloud-init").symlink_to("/opt/cloud-init/usr/bin/cloud-init")
        disk.write("usr/lib/python3/dist-packages/cloud-init.pth", "/opt/cloud-init/usr/lib/python3/dist-packages\n")


def _hide(folder: Path, mode: int) -> None:
    """An empty directory in the upper layer that shows nothing of the lower one."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(mode)
    os.setxattr(folder, "trusted.overlay.opaque", b"y")


def _etc(disk: Disk, hostname: str, address: str, domain: str) -> None:
    disk.write("etc/hostname", f"{hostname}\n")
    disk.write("etc/hosts", f"127.0.0.1 localhost\n{address} {hostname}\n")
    disk.write("etc/machine-id", "")
    disk.write("etc/fstab", "")
    disk.write("etc/crontab", "")
    disk.write("etc/environment", "")
    disk.write("etc/sysctl.conf", "")
    disk.write("etc/sysctl.d/10-network-security.conf", _REVERSE_PATH)
    disk.write("etc/resolv.conf", f"nameserver {RESOLVER}\nsearch {domain}\noptions timeout:1\n")
    disk.write("etc/sudoers", _SUDOERS, 0o440)
    (disk.upper / "etc" / "cloud" / "cloud.cfg.d").mkdir()
    # If cloud-init is installed on this machine: a generator starts its units.
    (disk.upper / "etc/systemd/system-generators").mkdir(parents=True, exist_ok=True)
    (disk.upper / "etc/systemd/system-generators/cloud-init-generator").symlink_to("/dev/null")
    _own_log_folder(disk, "frr")


def _own_log_folder(disk: Disk, user: str) -> None:
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        return
    folder = disk.upper / "var" / "log" / user
    folder.mkdir()
    os.chown(folder, entry.pw_uid, entry.pw_gid)


def _units(disk: Disk) -> None:
    units = disk.upper / "etc" / "systemd" / "system"
    for link, unit in _ENABLED.items():
        (units / link).parent.mkdir(exist_ok=True)
        (units / link).symlink_to(f"/lib/systemd/system/{unit}")
    for unit in _MASKED:
        (units / unit).symlink_to("/dev/null")


def _ssh(disk: Disk, hostname: str) -> None:
    disk.write("etc/ssh/sshd_config", _SSHD)
    disk.write("etc/ssh/ssh_config", "Host *\n    SendEnv LANG LC_*\n")
    for kind in _HOST_KEYS:
        file = disk.upper / "etc" / "ssh" / f"ssh_host_{kind}_key"
        command = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", f"root@{hostname}", "-f", str(file)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def _users(disk: Disk, users: Sequence[User], keys: Mapping[str, str]) -> None:
    for file, entry in (
        ("passwd", "{name}:x:{uid}:{uid}::{home}:/bin/bash"),
        ("group", "{name}:x:{uid}:"),
        ("shadow", "{name}:*:19000:0:99999:7:::"),
    ):
        ours = [entry.format(name=user.name, uid=user.uid, home=user.home) for user in users]
        lines = [*_without_humans(Path("/etc") / file), *ours, ""]
        disk.write(f"etc/{file}", "\n".join(lines), 0o640 if file == "shadow" else 0o644)
    for user in users:
        home = disk.upper / user.home.removeprefix("/")
        disk.write(f"{user.home.removeprefix('/')}/.ssh/authorized_keys", keys.get(user.name, ""), 0o600)
        (home / ".ssh").chmod(0o700)
        for path in (home, home / ".ssh", home / ".ssh" / "authorized_keys"):
            os.chown(path, user.uid, user.uid)
        if user.name == ONEADMIN:
            disk.write(f"{user.home.removeprefix('/')}/.ssh/config", SSH_CONFIG, 0o600)
            os.chown(home / ".ssh" / "config", user.uid, user.uid)
        if user.sudo:
            disk.write(f"etc/sudoers.d/90-{user.name}", f"{user.name} ALL=(ALL) NOPASSWD:ALL\n", 0o440)


def _without_humans(file: Path) -> Iterable[str]:
    """The lines of passwd, group or shadow without this machine's own users."""
    humans = {entry.pw_name for entry in pwd.getpwall() if entry.pw_uid in _HUMANS}
    humans |= {user.name for user in USERS}
    return [line for line in file.read_text().splitlines() if line.partition(":")[0] not in humans]
