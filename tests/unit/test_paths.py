"""Paths that a user gives, also if the user's home is unknown."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgewrap import paths
from edgewrap.errors import UsageError

NO_HOME = "~no-such-user-7f3a"


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """HOME is not set, and the user has no name, as in a container with a uid of its own."""
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", lambda uid: {}[uid])


def test_a_tilde_is_the_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/lea")
    assert paths.expanded("~/edge.yaml") == paths.with_home("~/edge.yaml") == Path("/home/lea/edge.yaml")
    assert paths.expanded("a/~/b") == Path("a/~/b")
    assert paths.expanded(NO_HOME) == Path(NO_HOME)


@pytest.mark.usefixtures("homeless")
def test_without_a_home_a_tilde_is_an_error_and_all_else_works() -> None:
    assert paths.expanded("edge.yaml") == Path("edge.yaml")
    assert paths.with_home("~/.ssh/id") == Path("~/.ssh/id")
    with pytest.raises(UsageError, match="your home directory is unknown"):
        paths.expanded("~/edge.yaml")


def test_a_loop_of_links_is_a_path_too(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    assert paths.real_path(tmp_path / "loop" / "x").name == "x"
    assert not paths.is_file(tmp_path / "loop")


def test_links_are_found_at_any_depth(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "mirror").mkdir()
    for place in ("a/b/file", "dir", "mirror/x"):
        (tmp_path / place).symlink_to(os.devnull if place == "a/b/file" else "/")
    found = {path.relative_to(tmp_path).as_posix() for path in paths.links_below(tmp_path, "mirror")}
    assert found == {"a/b/file", "dir"}
    assert list(paths.links_below(tmp_path / "none", "")) == []
