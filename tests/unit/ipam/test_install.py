"""The driver's files on a front-end."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from edgewrap.errors import IpamError
from edgewrap.ipam.install import ACTIONS, configuration_lines, install
from edgewrap.ipam.specs import directory, find_spec

SPEC = "apiVersion: edgewrap/v1\nname: edge-paris\naws: { region: eu-west-3 }\nevpn: { password: '${env:NOT_SET}' }\n"


@pytest.fixture
def front_end(tmp_path: Path) -> dict[str, Path]:
    """A spec, the directory of drivers, and that of specs."""
    spec, remotes = tmp_path / "edge.yaml", tmp_path / "remotes"
    spec.write_text(SPEC)
    remotes.mkdir()
    return {"spec": spec, "remotes": remotes, "clusters": tmp_path / "etc" / "clusters"}


def test_it_can_be_repeated(front_end: dict[str, Path]) -> None:
    environment = {"EDGEWRAP_CLUSTERS_DIR": str(front_end["clusters"])}
    old = os.umask(0o077)
    try:
        written, spec = install(front_end["spec"], front_end["remotes"], environment)
    finally:
        os.umask(old)
    place = front_end["remotes"] / "ipam" / "edgewrap"
    copy = front_end["clusters"] / "edge-paris.yaml"
    assert written == [*(place / action for action in ACTIONS), copy]
    assert {path.stat().st_mode & 0o777 for path in place.iterdir()} == {0o755}
    assert {path.stat().st_mode & 0o777 for path in (place, place.parent, copy.parent)} == {0o755}
    assert (copy.read_text(), copy.stat().st_mode & 0o777) == (SPEC, 0o644)
    assert find_spec({}, environment).model_dump() == spec.model_dump()
    assert install(front_end["spec"], front_end["remotes"], environment)[0] == []
    (place / "get_address").write_text("#!/bin/sh\n")
    assert install(front_end["spec"], front_end["remotes"], environment)[0] == [place / "get_address"]


def test_the_files_belong_to_the_owner_of_the_directory(front_end: dict[str, Path]) -> None:
    if os.geteuid() == 0:
        os.chown(front_end["remotes"], 9869, 9869)  # oneadmin
    owner = front_end["remotes"].stat().st_uid
    install(front_end["spec"], front_end["remotes"], {"EDGEWRAP_CLUSTERS_DIR": str(front_end["clusters"])})
    assert {path.stat().st_uid for path in front_end["remotes"].rglob("*")} == {owner}


def test_the_script_runs_its_action_whatever_the_environment(front_end: dict[str, Path]) -> None:
    install(front_end["spec"], front_end["remotes"], {"EDGEWRAP_CLUSTERS_DIR": str(front_end["clusters"])})
    path = front_end["remotes"] / "ipam" / "edgewrap" / "allocate_address"
    done = subprocess.run(
        [path, "3"], env={"PYTHONPATH": "/nowhere", "PYTHONHOME": "/nowhere"}, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_no_front_end_here(front_end: dict[str, Path]) -> None:
    with pytest.raises(IpamError, match="nowhere is not a directory"):
        install(front_end["spec"], front_end["remotes"] / "nowhere", {})


def test_the_line_for_the_configuration_keeps_the_other_drivers() -> None:
    assert '-i dummy,edgewrap"' in configuration_lines()
    assert '-i dummy,aws,edgewrap"' in configuration_lines(("dummy", "aws", "edgewrap"))
    assert directory({}) == Path("/etc/edgewrap/clusters")
