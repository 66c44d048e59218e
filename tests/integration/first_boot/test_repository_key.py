"""apt takes OpenNebula's repository only with the key whose fingerprint the set-up names: the real apt and gpg, keys
made here, on a repository in a directory."""

from __future__ import annotations

import hashlib
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from edgewrap.first_boot.files import SCRIPT, setup_files
from edgewrap.spec.models import Spec
from tests.support.aws_plane import PUBLIC_KEY, make_spec

INDEX = "opennebula/binary-amd64/Packages"


@dataclass(frozen=True)
class Apt:
    """apt with a root of its own, a repository signed with the first of two keys, and both fingerprints."""

    directory: Path
    signer: str
    other: str

    def update(self, fingerprint: str) -> tuple[int, str]:
        """`apt-get update` with the line that the set-up writes, for this fingerprint."""
        root = self.directory / "root"
        script = next(file.text for file in setup_files(spec(), "7.0") if file.path == SCRIPT)
        line = next(line for line in script.splitlines() if line.startswith('echo "deb [signed-by='))
        told = subprocess.run(
            ["sh", "-euc", line.removesuffix("\\")],
            env={
                "keyring": str(self.directory / "keys.asc"),
                "key_fingerprint": fingerprint,
                "repository": f"file:{self.directory}",
                "version": "repo",
                "release": ".",
            },
            capture_output=True,
            text=True,
            check=True,
        )
        (root / "etc/apt/sources.list.d/opennebula.list").write_text(told.stdout)
        options = {
            "Dir": root,
            "Dir::State::status": root / "status",
            "Dir::Etc::sourcelist": "/dev/null",
            "APT::Architectures": "amd64",
            "APT::Architecture": "amd64",
            "APT::Sandbox::User": "root",
            "Debug::NoLocking": "1",
        }
        words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        done = subprocess.run(
            ["apt-get", "update", "--error-on=any", *words],
            env={**os.environ, "LC_ALL": "C"},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr


def spec() -> Spec:
    return make_spec(opennebula={"oneadmin_public_key": PUBLIC_KEY})


@pytest.fixture(scope="module")
def apt(tmp_path_factory: pytest.TempPathFactory) -> Apt:
    directory = tmp_path_factory.mktemp("apt")
    home = directory / "gpg"
    home.mkdir(mode=0o700)
    for folder in ("etc/apt/sources.list.d", "var/lib/apt/lists/partial", "var/cache/apt/archives/partial"):
        (directory / "root" / folder).mkdir(parents=True)
    (directory / "root/status").touch()

    def gpg(*arguments: str) -> str:
        command = ["gpg", "--homedir", str(home), "--batch", "--yes", "--quiet", "--passphrase", "", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    fingerprints = []
    for name in ("signer", "other"):
        gpg("--quick-generate-key", f"{name}@localhost", "ed25519", "sign")
        listed = gpg("--with-colons", "--list-keys", f"{name}@localhost").splitlines()
        fingerprints.append(next(line.split(":")[9] for line in listed if line.startswith("fpr")))
    (directory / "keys.asc").write_text(gpg("--armor", "--export"))
    suite = directory / "repo/dists/stable"
    (suite / INDEX).parent.mkdir(parents=True)
    (suite / INDEX).touch()
    empty = hashlib.sha256(b"").hexdigest()
    (suite / "Release").write_text(
        f"Suite: stable\nCodename: stable\nComponents: opennebula\nArchitectures: amd64\n"
        f"Date: Thu, 01 Jan 2026 00:00:00 UTC\nSHA256:\n {empty} 0 {INDEX}\n"
    )
    gpg("--local-user", "signer@localhost", "--clearsign", "--output", str(suite / "InRelease"), str(suite / "Release"))
    subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "gpg-agent"], check=True)
    return Apt(directory, *fingerprints)


def test_the_key_with_the_pinned_fingerprint_is_installed(apt: Apt) -> None:
    status, text = apt.update(apt.signer)
    assert status == 0, text


def test_other_keys_in_the_same_file_are_not_installed(apt: Apt) -> None:
    status, text = apt.update(apt.other)
    assert status != 0
    assert "couldn't be verified" in text
