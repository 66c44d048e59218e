"""The working directory of a cluster."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from edgewrap.engine.cluster import Options, open_cluster
from edgewrap.engine.workspace import Workspace
from edgewrap.errors import StateError
from edgewrap.events import discard

SPEC = "apiVersion: edgewrap/v1\nname: edge\naws: { region: eu-west-3 }\n"


@pytest.mark.parametrize("there", [None, 0o777, 0o750, 0o500])
def test_only_the_owner_may_read_the_workspace(tmp_path: Path, there: int | None) -> None:
    """Also if it was created by something else: state and plan in it follow the umask."""
    workspace = Workspace(tmp_path / "edge")
    if there is not None:
        workspace.directory.mkdir()
        workspace.directory.chmod(there)
    workspace.create()
    assert stat.S_IMODE(workspace.directory.stat().st_mode) == 0o700
    assert workspace.logs.is_dir()


def test_a_directory_that_cannot_be_created_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StateError, match="cannot be created"):
        Workspace(tmp_path / "file" / "edge").create()


def test_whatever_the_umask_files_are_their_owners_only(tmp_path: Path) -> None:
    spec = tmp_path / "specs" / "edge.yaml"
    spec.parent.mkdir()
    spec.write_text(SPEC)
    before = os.umask(0)
    try:
        with open_cluster(Options(spec, "plan"), discard) as cluster:
            (cluster.workspace.directory / "terraforms-own").touch()
        assert os.umask(0) == 0
    finally:
        os.umask(before)
    made = [path for path in spec.parent.rglob("*") if path != spec]
    assert {path.name for path in made} >= {".edgewrap", "edge", "lock", "logs", "terraforms-own"}
    lax = [path.name for path in made if stat.S_IMODE(path.stat().st_mode) != (0o700 if path.is_dir() else 0o600)]
    assert lax == []


def test_the_workspace_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "edge").mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(StateError, match=rf"edge belongs to another user \(uid {os.getuid()}\)"):
        Workspace.of(tmp_path / "edge.yaml", "edge", {"EDGEWRAP_DIR": str(tmp_path)})


@pytest.mark.parametrize(
    "link", [".", "lock", "logs", "terraform", "terraform/modules/hosts", "backups", "terraform.tfstate", "logs/a.log"]
)
def test_nothing_is_written_to_where_a_link_in_the_workspace_leads(tmp_path: Path, link: str) -> None:
    """A checkout may bring a working directory."""
    spec, target = tmp_path / "edge.yaml", tmp_path / "target"
    spec.write_text(SPEC)
    target.write_text("kept")
    place = tmp_path / ".edgewrap" / "edge" / link
    place.parent.mkdir(parents=True)
    if link in (".", "logs", "terraform", "backups"):
        target.unlink()
        target.mkdir()
        target.chmod(0o700)
    place.symlink_to(target)
    with pytest.raises(StateError, match=r"is a symbolic link"), open_cluster(Options(spec, "plan"), discard):
        pass
    assert target.is_dir() or target.read_text() == "kept"
    if link == ".":
        return
    assert target.is_file() or list(target.iterdir()) == []


def test_links_to_providers_are_terraforms_own(tmp_path: Path) -> None:
    """It links them from a mirror or a cache."""
    providers = tmp_path / "edge" / "terraform" / ".terraform" / "providers"
    providers.mkdir(parents=True)
    (providers / "aws").symlink_to(tmp_path)
    Workspace(tmp_path / "edge").create()


def test_the_workspace_is_beside_the_spec_itself(tmp_path: Path) -> None:
    """Not beside a link to it."""
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "edge.yaml").write_text(SPEC)
    (tmp_path / "edge.yaml").symlink_to("real/edge.yaml")
    assert Workspace.of(tmp_path / "edge.yaml", "edge", {}).directory == tmp_path / "real" / ".edgewrap" / "edge"
