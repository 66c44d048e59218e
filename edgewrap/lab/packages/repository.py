"""A small copy of OpenNebula's package repository: the two node packages, built by dpkg-deb at the first request.

It has the vendor's paths (`/repo/7.0/Ubuntu/24.04`). It is not signed, because the vendor's key is not available here;
the lab's hosts are configured to trust it.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import tempfile
import threading
from collections.abc import Mapping
from email.utils import formatdate
from pathlib import Path

KEY_PATH = "/repo/repo2.key"
PACKAGES = ("opennebula-node-kvm", "opennebula-node-lxc")

_ARCHITECTURES = ("amd64", "arm64")
_PATH = re.compile(r"/repo/(?P<version>6\.10|7\.[024])(?:\.\d+)?/(?:Ubuntu/2[24]\.04|Debian/1[123])/(?P<file>[\w./-]+)")
_KEY = "The lab has no key of OpenNebula's.\n"
_CONTROL = """Package: {name}
Version: {version}.0-1
Architecture: all
Maintainer: the lab <lab@localhost>
Description: stand-in for OpenNebula's package of this name
"""
SSH_CONFIG = "Host *\n    StrictHostKeyChecking accept-new\n    ServerAliveInterval 10\n    ControlMaster no\n"
"""The SSH settings of oneadmin that OpenNebula's packages bring."""
QEMU_CONF = '#migration_host = "host.example.com"\n'
"""What libvirt's package has about migrations: every line is a comment."""

# What the vendor's package creates and the lab's front-end needs; and libvirt's file, which it depends on.
_AFTER_INSTALL = """#!/bin/sh
set -e
getent group oneadmin >/dev/null || groupadd --gid 9869 oneadmin
getent passwd oneadmin >/dev/null ||
    useradd --uid 9869 --gid oneadmin --home-dir /var/lib/one --shell /bin/bash --password '*' oneadmin
install -d -m 750 -o oneadmin -g oneadmin /var/lib/one /var/lib/one/datastores /var/lib/one/remotes
install -d -m 700 -o oneadmin -g oneadmin /var/lib/one/.ssh
printf '%s' '{ssh_config}' >/var/lib/one/.ssh/config
chown oneadmin:oneadmin /var/lib/one/.ssh/config
[ "$DPKG_MAINTSCRIPT_PACKAGE" != opennebula-node-kvm ] || {{
    mkdir -p /etc/libvirt
    [ -e /etc/libvirt/qemu.conf ] || printf '%s' '{qemu_conf}' >/etc/libvirt/qemu.conf
}}
"""


class Repository:
    """The repository's files by path. Thread-safe."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        self._made: dict[str, Mapping[str, bytes]] = {}

    def read(self, path: str) -> bytes | None:
        """The file at a path of the vendor's server; None if there is none, for example for an unknown version."""
        if path == KEY_PATH:
            return _KEY.encode()
        found = _PATH.fullmatch(path)
        if found is None:
            return None
        with self._lock:
            version = found["version"]
            if version not in self._made:
                self._made[version] = self._make(version)
            return self._made[version].get(found["file"])

    def _make(self, version: str) -> Mapping[str, bytes]:
        pool = {f"pool/{name}_{version}.0-1_all.deb": self._build(name, version) for name in PACKAGES}
        index = "\n".join(_entry(path, content, version) for path, content in pool.items()).encode()
        indexes = {f"opennebula/binary-{architecture}/Packages": index for architecture in _ARCHITECTURES}
        files = {f"dists/stable/{name}": content for name, content in indexes.items()}
        return {**pool, **files, "dists/stable/Release": _release(indexes).encode()}

    def _build(self, name: str, version: str) -> bytes:
        with tempfile.TemporaryDirectory(dir=self._directory) as folder:
            control = Path(folder) / "package" / "DEBIAN"
            control.mkdir(parents=True, mode=0o755)
            (control / "control").write_text(_CONTROL.format(name=name, version=version))
            (control / "postinst").write_text(_AFTER_INSTALL.format(ssh_config=SSH_CONFIG, qemu_conf=QEMU_CONF))
            (control / "postinst").chmod(0o755)
            package = Path(folder) / "package.deb"
            command = ["dpkg-deb", "--root-owner-group", "-Zgzip", "--build", str(control.parent), str(package)]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
            return package.read_bytes()


def _entry(path: str, content: bytes, version: str) -> str:
    name = path.removeprefix("pool/").partition("_")[0]
    digest = hashlib.sha256(content).hexdigest()
    return f"{_CONTROL.format(name=name, version=version)}Filename: {path}\nSize: {len(content)}\nSHA256: {digest}\n"


def _release(indexes: Mapping[str, bytes]) -> str:
    lines = ["Origin: lab", "Suite: stable", "Codename: stable", "Components: opennebula"]
    lines += [f"Architectures: {' '.join(_ARCHITECTURES)}", f"Date: {formatdate(usegmt=True)}", "SHA256:"]
    lines += [f" {hashlib.sha256(content).hexdigest()} {len(content)} {name}" for name, content in indexes.items()]
    return "\n".join([*lines, ""])
