"""`make terraform` installs only what the vendor's key has signed. The vendor is played: its downloads, and its key."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text()
CURL = """#!/bin/sh
# curl -fsSL -o FILE URL
[ -e "$DOWNLOADS/${4##*/}" ] || exit 22
cp "$DOWNLOADS/${4##*/}" "$3"
"""
PROGRAMS = ("sh", "dpkg", "mktemp", "grep", "sha256sum", "unzip", "mkdir", "rm", "cat", "cp", "gpg", "gpg-agent")


class Vendor:
    """A vendor's downloads and keys, in a directory."""

    def __init__(self, directory: Path) -> None:
        self.downloads, self.installed, self._bin = (directory / name for name in ("downloads", "tools", "bin"))
        self._home = directory / "g"
        for made in (self.downloads, self._bin, self._home):
            made.mkdir(mode=0o700)
        for name in PROGRAMS:
            (self._bin / name).symlink_to(shutil.which(name) or f"/no/{name}")
        (self._bin / "curl").write_text(CURL)
        (self._bin / "curl").chmod(0o755)
        self.version = re.findall(r"^TERRAFORM_VERSION := (\S+)$", MAKEFILE, re.MULTILINE)[0]
        self.sums = self.downloads / f"terraform_{self.version}_SHA256SUMS"
        architecture = subprocess.check_output(["dpkg", "--print-architecture"], text=True).strip()
        self.archive = self.downloads / f"terraform_{self.version}_linux_{architecture}.zip"
        with zipfile.ZipFile(self.archive, "w") as archive:
            archive.writestr("terraform", "the binary")
        self.sums.write_text(f"{hashlib.sha256(self.archive.read_bytes()).hexdigest()}  {self.archive.name}\n")

    def gpg(self, *words: str) -> str:
        command = ["gpg", "--homedir", str(self._home), "--batch", "--quiet", *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def new_key(self, name: str) -> tuple[Path, str]:
        """A key of the vendor's: its file and its fingerprint."""
        self.gpg("--passphrase", "", "--quick-gen-key", name, "ed25519", "sign", "never")
        listed = self.gpg("--with-colons", "--list-keys", name)
        file = self.downloads.with_name(f"{name}.asc")
        file.write_text(self.gpg("--armor", "--export", name))
        return file, re.findall(r"^fpr:+([0-9A-F]{40}):", listed, re.MULTILINE)[0]

    def sign(self, name: str) -> None:
        self.gpg("--yes", "--local-user", name, "--output", f"{self.sums}.sig", "--detach-sign", str(self.sums))

    def make(self, key: Path, fingerprint: str) -> subprocess.CompletedProcess[str]:
        settings = [f"TOOLS={self.installed}", f"TERRAFORM_KEY={key}", f"TERRAFORM_FINGERPRINT={fingerprint}"]
        path = f"PATH={self._bin}"  # on the command line, so that the Makefile adds nothing to it
        return subprocess.run(
            [shutil.which("make") or "make", "-C", str(ROOT), "--old-file", "system", "terraform", path, *settings],
            env={**os.environ, "DOWNLOADS": str(self.downloads)},
            capture_output=True,
            text=True,
            check=False,
        )


def replace_archive(vendor: Vendor) -> None:
    with zipfile.ZipFile(vendor.archive, "w") as archive:
        archive.writestr("terraform", "another binary")


def replace_both(vendor: Vendor) -> None:
    replace_archive(vendor)
    vendor.sums.write_text(f"{hashlib.sha256(vendor.archive.read_bytes()).hexdigest()}  {vendor.archive.name}\n")


def sign_with_another_key(vendor: Vendor) -> None:
    vendor.new_key("other")
    replace_both(vendor)
    vendor.sign("other")


@pytest.fixture
def vendor(tmp_path: Path) -> Iterator[Vendor]:
    made = Vendor(tmp_path)
    yield made
    subprocess.run(["gpgconf", "--homedir", str(tmp_path / "g"), "--kill", "gpg-agent"], check=True)


@pytest.mark.parametrize(
    ("attack", "says"),
    [
        (None, ""),
        (replace_archive, "terraform is missing"),
        (replace_both, "are not signed by HashiCorp"),
        (sign_with_another_key, "are not signed by HashiCorp"),
        (lambda vendor: Path(f"{vendor.sums}.sig").unlink(), "are not signed by HashiCorp"),
        (lambda vendor: Path(f"{vendor.sums}.sig").write_text("<html>"), "are not signed by HashiCorp"),
    ],
    ids=["none", "archive", "archive and checksums", "another key", "no signature", "a page"],
)
def test_only_what_is_signed_is_installed(vendor: Vendor, attack: Callable[[Vendor], None] | None, says: str) -> None:
    key, fingerprint = vendor.new_key("vendor")
    vendor.sign("vendor")
    if attack:
        attack(vendor)
    done = vendor.make(key, fingerprint)
    assert (done.returncode == 0) == (attack is None), done.stdout + done.stderr
    assert says in done.stdout + done.stderr
    assert (vendor.installed / "terraform").exists() == (attack is None)


def test_a_key_with_another_fingerprint_is_not_trusted(vendor: Vendor) -> None:
    key, _ = vendor.new_key("vendor")
    vendor.sign("vendor")
    done = vendor.make(key, "C874011F0AB405110D02105534365D9472D7468F")
    assert done.returncode != 0
    assert not vendor.installed.exists()


def test_the_key_of_the_project_has_the_fingerprint_of_the_makefile() -> None:
    [file] = re.findall(r"^TERRAFORM_KEY := (\S+)$", MAKEFILE, re.MULTILINE)
    [fingerprint] = re.findall(r"^TERRAFORM_FINGERPRINT := (\S+)$", MAKEFILE, re.MULTILINE)
    shown = subprocess.check_output(["gpg", "--with-colons", "--show-keys", str(ROOT / file)], text=True)
    assert re.findall(r"^fpr:+([0-9A-F]{40}):", shown, re.MULTILINE)[0] == fingerprint
    assert shown.count("\npub:") + shown.startswith("pub:") == 1
