"""The directory of a lab, and the environment of a command inside it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgewrap.errors import LabError, UsageError
from edgewrap.lab.directory import LabDirectory, LabFacts, ProcessId, lab_directory
from edgewrap.lab.environment import inside_environment
from edgewrap.lab.settings import CloudInit, LabSettings


@pytest.mark.parametrize(
    ("name", "environ", "path"),
    [
        (None, {"XDG_STATE_HOME": "/state"}, "/state/edgewrap/lab/default"),
        ("blue", {"XDG_STATE_HOME": "/state"}, "/state/edgewrap/lab/blue"),
        (None, {"EDGEWRAP_LAB_DIR": "/labs/mine"}, "/labs/mine"),
    ],
)
def test_the_directory_of_a_lab(name: str | None, environ: dict[str, str], path: str) -> None:
    assert lab_directory(name, environ).path == Path(path)


@pytest.mark.parametrize(
    ("name", "environ"),
    [("Blue", {}), ("", {}), ("../x", {}), ("-x", {}), ("x" * 32, {}), ("blue", {"EDGEWRAP_LAB_DIR": "/labs/mine"})],
)
def test_an_invalid_lab_name_is_wrong_usage(name: str, environ: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        lab_directory(name, environ)


def test_a_lab_is_running_while_its_directory_is_locked(tmp_path: Path) -> None:
    directory = LabDirectory("x", tmp_path)
    assert not directory.running()
    held = directory.claim()
    assert directory.running()
    with pytest.raises(LabError, match="running already"):
        directory.claim()
    os.close(held)
    assert not directory.running()
    with pytest.raises(LabError, match="not running"):
        directory.facts()


def test_a_new_lab_starts_empty(tmp_path: Path) -> None:
    directory = LabDirectory("x", tmp_path)
    os.close(directory.claim())
    (directory.runs / "state").write_text("old")
    directory.log.write_text("old")
    os.close(directory.claim())
    assert not (directory.runs / "state").exists()
    assert not directory.log.exists()
    assert directory.home.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("name", ["home", "aws", "runs", "lock", "lab.json", "thesis.tex"])
def test_a_directory_that_was_never_a_labs_is_not_emptied(tmp_path: Path, name: str) -> None:
    """Its entries may have the names of a lab's."""
    (tmp_path / name).mkdir()
    (tmp_path / name / "kept").write_text("mine")
    with pytest.raises(LabError, match=f"files that are not a lab's \\({name}\\)"):
        LabDirectory("x", tmp_path).claim()
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == [name, f"{name}/kept"]


def test_a_stranger_in_a_labs_directory_is_kept(tmp_path: Path) -> None:
    directory = LabDirectory("x", tmp_path)
    os.close(directory.claim())
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(LabError, match=r"thesis\.tex"):
        directory.claim()
    assert directory.home.is_dir()


def test_a_reused_pid_is_another_process() -> None:
    own = ProcessId.of(os.getpid())
    assert own.alive()
    assert not ProcessId(own.pid, own.started + 1).alive()
    with pytest.raises(ProcessLookupError):
        ProcessId.of(2**30)


def test_settings_are_written_and_read(tmp_path: Path) -> None:
    settings = LabSettings("", True, CloudInit.TIDY, "7.4.0", 4566, 2633, "/sys/fs/cgroup/x")
    settings.write(tmp_path / "s")
    assert LabSettings.read(tmp_path / "s") == settings


def test_a_command_inside_gets_the_labs_endpoints_and_none_of_the_callers_credentials() -> None:
    directory = LabDirectory("x", Path("/labs/x"))
    process = ProcessId(1, 1)
    facts = LabFacts("x", process, process, True, "pid:[1]", "http://127.0.0.1:1", "http://127.0.0.1:2/RPC2")
    kept = {"PATH": "/bin", "TERM": "xterm", "COLUMNS": "80", "EDGEWRAP_PLUGIN_DIR": "/mirror"}
    dropped = (
        "AWS_PROFILE",
        "AWS_SESSION_TOKEN",
        "HTTPS_PROXY",
        "no_proxy",
        "SSH_AUTH_SOCK",
        "EDGEWRAP_LAB_NAME",
        "EDGEWRAP_BACKEND",
    )
    replaced = ("HOME", "ONE_AUTH", "EDGEWRAP_DIR", "EDGEWRAP_LAB_DIR", "AWS_ENDPOINT_URL")
    base = {**kept, **dict.fromkeys((*dropped, *replaced), "the caller's")}
    assert inside_environment(base, directory, facts) == {
        **kept,
        "HOME": "/labs/x/home",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_ACCESS_KEY_ID": "lab",
        "AWS_SECRET_ACCESS_KEY": "lab",
        "AWS_EC2_METADATA_DISABLED": "true",
        "ONE_XMLRPC": "http://127.0.0.1:2/RPC2",
        "ONE_AUTH": "/labs/x/home/.one/one_auth",
        "EDGEWRAP_DIR": "/labs/x/runs",
        "EDGEWRAP_LAB_DIR": "/labs/x",
        "EDGEWRAP_REMOTES": "/labs/x/frontend/remotes",
        "EDGEWRAP_CLUSTERS_DIR": "/labs/x/frontend/clusters",
    }
    assert inside_environment(base, directory, facts, "/found")["EDGEWRAP_PLUGIN_DIR"] == "/found"
