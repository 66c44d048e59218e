"""The lab's package repository: real packages, matching indexes, and 404 for unknown versions."""

from __future__ import annotations

import hashlib
import re
import subprocess
from pathlib import Path

import pytest

from edgewrap.lab.hosts.program import VARIABLE, find_cloud_init
from edgewrap.lab.packages.repository import KEY_PATH, Repository

BASE = "/repo/7.0/Ubuntu/24.04"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def _read(repository: Repository, path: str) -> str:
    content = repository.read(path)
    assert content is not None, path
    return content.decode()


def test_checksums_in_release_and_index_match(repository: Repository, tmp_path: Path) -> None:
    release = _read(repository, f"{BASE}/dists/stable/Release")
    digest, size, name = next(line.split() for line in release.splitlines() if "binary-amd64" in line)
    index = _read(repository, f"{BASE}/dists/stable/{name}")
    assert (hashlib.sha256(index.encode()).hexdigest(), len(index)) == (digest, int(size))
    assert re.findall("^Package: (.*)$", index, re.MULTILINE) == ["opennebula-node-kvm", "opennebula-node-lxc"]
    for path, digest in re.findall(r"Filename: (.*)\nSize: \d+\nSHA256: (.*)\n", index):
        package = repository.read(f"{BASE}/{path}")
        assert package is not None
        assert hashlib.sha256(package).hexdigest() == digest
        file = tmp_path / "package.deb"
        file.write_bytes(package)
        shown = subprocess.run(
            ["dpkg-deb", "--field", str(file), "Version"], capture_output=True, text=True, check=True
        )
        assert shown.stdout == "7.0.0-1\n"


@pytest.mark.parametrize(
    "path", ["/repo/7.0.2/Debian/12/dists/stable/Release", "/repo/6.10/Ubuntu/22.04/dists/stable/Release", KEY_PATH]
)
def test_paths_that_the_vendor_has(repository: Repository, path: str) -> None:
    assert _read(repository, path)


@pytest.mark.parametrize(
    "path",
    [
        "/repo/9.9/Ubuntu/24.04/dists/stable/Release",
        "/repo/7.0/Ubuntu/18.04/dists/stable/Release",
        "/repo/7.0/Rocky/9/dists/stable/Release",
        f"{BASE}/dists/stable/InRelease",
        f"{BASE}/../../../etc/passwd",
        "/",
    ],
)
def test_paths_that_the_vendor_does_not_have(repository: Repository, path: str) -> None:
    assert repository.read(path) is None


def test_cloud_init_is_found_by_the_environment_variable(tmp_path: Path) -> None:
    program = tmp_path / "usr" / "bin" / "cloud-init"
    program.parent.mkdir(parents=True)
    program.touch()
    assert find_cloud_init({VARIABLE: str(tmp_path)}) == str(tmp_path)
    assert find_cloud_init({VARIABLE: str(tmp_path / "nowhere")}) in ("", "/")
