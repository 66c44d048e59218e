"""Which terraform is used, and what it says of itself."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from edgewrap.aws.terraform.binary import OLDEST_WITH_S3, find_binary
from edgewrap.errors import ToolError

ENVIRON = {"PATH": "/usr/bin:/bin"}


def program(directory: Path, script: str) -> str:
    path = directory / "terraform"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def of_version(directory: Path, version: str) -> str:
    return program(directory, f"""echo '{{"terraform_version": "{version}", "platform": "linux_amd64"}}'""")


def test_a_missing_program_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="terraform-of-no-one is not installed") as caught:
        find_binary("terraform-of-no-one", tmp_path, ENVIRON)
    assert "https://developer.hashicorp.com/terraform/install" in caught.value.advice
    assert "\n" not in caught.value.advice


def test_it_is_found_on_path_or_by_its_path(tmp_path: Path) -> None:
    path = of_version(tmp_path, "1.11.4")
    for name, environ in ((path, ENVIRON), ("terraform", {"PATH": str(tmp_path)})):
        found = find_binary(name, tmp_path / "not" / "there yet", environ)
        assert (str(found.path), found.version) == (path, "1.11.4")


@pytest.mark.parametrize(
    ("version", "oldest", "cause"),
    [
        ("1.5.7", (1, 6), "edgewrap needs 1.6 or newer"),
        ("0.15.5", (1, 6), "edgewrap needs 1.6 or newer"),
        ("1.9.8", OLDEST_WITH_S3, "edgewrap needs 1.10 or newer for a state in S3"),
    ],
)
def test_an_old_one_is_refused(tmp_path: Path, version: str, oldest: tuple[int, int], cause: str) -> None:
    with pytest.raises(ToolError, match=f"is of version {version}") as caught:
        find_binary(of_version(tmp_path, version), tmp_path, ENVIRON, oldest)
    assert caught.value.cause == cause


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        pytest.param("", "it returned no version", id="no message"),
        pytest.param("echo '{}'", "it returned no version", id="no version"),
        pytest.param("echo '[]'", "it returned no version", id="a list"),
        pytest.param("echo no json", "it returned no version", id="no JSON"),
        pytest.param("""echo '{"terraform_version": 1}'""", "it returned no version", id="a number"),
        pytest.param("""echo '{"terraform_version": "latest"}'""", "it returned no version", id="a word"),
        pytest.param("head -c 100000 /dev/zero | tr '\\0' '{'", "it returned no version", id="nested"),
        pytest.param(
            "echo 'No version is set for command terraform' >&2; exit 126",
            "No version is set for command terraform",
            id="asdf without a version",
        ),
        pytest.param(
            "echo 'Version could not be resolved (set by /x or tfenv use <version>)'; exit 1",
            "Version could not be resolved (set by /x or tfenv use <version>)",
            id="a reason on standard output",
        ),
        pytest.param("exit 3", "it ended with code 3, no message", id="no reason"),
    ],
)
def test_one_that_does_not_work_is_refused_with_its_reason(tmp_path: Path, script: str, reason: str) -> None:
    with pytest.raises(ToolError) as caught:
        find_binary(program(tmp_path, script), tmp_path, ENVIRON)
    assert caught.value.what == f"{tmp_path}/terraform does not work: {reason}"


def test_what_it_leaves_running_does_not_hold_up_the_run(tmp_path: Path) -> None:
    begun = time.monotonic()
    script = """sleep 3 &\necho '{"terraform_version": "1.11.4"}'"""
    assert find_binary(program(tmp_path, script), tmp_path, ENVIRON).version == "1.11.4"
    assert time.monotonic() - begun < 2


def test_one_that_the_kernel_cannot_start_is_refused(tmp_path: Path) -> None:
    path = program(tmp_path, "")
    Path(path).write_bytes(b"\x7fELF broken")
    with pytest.raises(ToolError, match="does not work: Exec format error"):
        find_binary(path, tmp_path, ENVIRON)


def test_a_notice_ahead_of_the_version_is_tolerated(tmp_path: Path) -> None:
    path = program(tmp_path, """printf 'Upgrade available {2.0}\\n{\\n "terraform_version": "1.11.4"\\n}\\n'""")
    assert find_binary(path, tmp_path, ENVIRON).version == "1.11.4"


@pytest.mark.parametrize("file", [".terraform-version", "../.tool-versions"])
def test_a_version_manager_is_asked_again_when_its_files_or_variables_change(tmp_path: Path, file: str) -> None:
    """A shim: the version is in a file in or above the directory, or in the environment."""
    directory = tmp_path / "work" / "terraform"
    directory.mkdir(parents=True)
    script = (
        f"""version=${{TFENV_TERRAFORM_VERSION:-$(cat {file})}}; echo "{{\\"terraform_version\\": \\"$version\\"}}\""""
    )
    shim = program(tmp_path, script)
    for version in ("1.11.4", "1.12.0"):
        (directory / file).write_text(version)
        assert find_binary(shim, directory, ENVIRON).version == version
    assert find_binary(shim, directory, {**ENVIRON, "TFENV_TERRAFORM_VERSION": "1.13.1"}).version == "1.13.1"


def test_a_relative_path_does_not_become_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`./tf` beside a spec in the current directory."""
    from edgewrap.aws.plane import AwsPlane
    from edgewrap.events import discard
    from tests.support.aws_plane import make_spec

    Path(of_version(tmp_path, "1.11.4")).rename(tmp_path / "tf")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "environ", {**os.environ, **ENVIRON})
    spec = make_spec(terraform={"binary": "./tf"})
    terraform, _ = AwsPlane(spec, tmp_path / "work", discard).tools()
    assert terraform.text == f"{tmp_path}/tf, version 1.11.4"


ITSELF = "path\tgithub.com/hashicorp/terraform\n"


def counting(directory: Path, version: str, rest: str) -> str:
    """One that counts how often it is asked."""
    return program(
        directory, f"""echo >> {directory}/asked\necho '{{"terraform_version": "{version}"}}'\nexit\n{rest}"""
    )


def times_asked(directory: Path) -> int:
    return len((directory / "asked").read_text().splitlines())


@pytest.mark.parametrize(("rest", "times"), [(ITSELF, 1), ("exec asdf exec terraform\n", 3)])
def test_a_binary_is_asked_once_and_a_version_manager_in_every_run(tmp_path: Path, rest: str, times: int) -> None:
    path, memory = counting(tmp_path, "1.11.4", rest), tmp_path / "own" / "binary.json"
    for _ in range(3):
        assert find_binary(path, tmp_path, ENVIRON, memory=memory).version == "1.11.4"
    assert times_asked(tmp_path) == times


def test_another_binary_is_asked_again(tmp_path: Path) -> None:
    memory = tmp_path / "binary.json"
    find_binary(counting(tmp_path, "1.11.4", ITSELF), tmp_path, ENVIRON, memory=memory)
    path = Path(counting(tmp_path, "1.12.0", ITSELF))
    assert find_binary(str(path), tmp_path, ENVIRON, memory=memory).version == "1.12.0"
    os.utime(path, (1, 1))
    find_binary(str(path), tmp_path, ENVIRON, memory=memory)
    (tmp_path / "tofu").symlink_to(path)
    find_binary(str(tmp_path / "tofu"), tmp_path, ENVIRON, memory=memory)
    assert times_asked(tmp_path) == 4


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"{}", b"\xff", b'{"binary": ["/x"], "version": "1.99.0"}'])
def test_a_record_that_is_wrong_is_replaced(tmp_path: Path, content: bytes) -> None:
    path, memory = counting(tmp_path, "1.11.4", ITSELF), tmp_path / "binary.json"
    memory.write_bytes(content)
    for _ in range(2):
        assert find_binary(path, tmp_path, ENVIRON, memory=memory).version == "1.11.4"
    assert times_asked(tmp_path) == 1


def test_a_recorded_one_that_is_too_old_is_refused_again(tmp_path: Path) -> None:
    path, memory = counting(tmp_path, "1.9.8", ITSELF), tmp_path / "binary.json"
    find_binary(path, tmp_path, ENVIRON, memory=memory)
    with pytest.raises(ToolError, match=r"is of version 1\.9\.8"):
        find_binary(path, tmp_path, ENVIRON, OLDEST_WITH_S3, memory)
