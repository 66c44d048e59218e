"""The working directory of a cluster."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from edgewrap.engine.workspace import Workspace
from edgewrap.errors import StateError


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
