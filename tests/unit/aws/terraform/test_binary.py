"""Which terraform is used."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from edgewrap.aws.terraform.binary import OLDEST_WITH_S3, checked_version, find_binary
from edgewrap.errors import ToolError


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "terraform"
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


class Asked:
    """Says a version, and counts how often it was asked."""

    def __init__(self, version: str) -> None:
        self.version = version
        self.times = 0

    def __call__(self, path: Path) -> str:
        self.times += 1
        return json.dumps({"terraform_version": self.version, "platform": "linux_amd64"})


def test_a_missing_program_says_how_to_get_it() -> None:
    with pytest.raises(ToolError, match="terraform-of-no-one is not installed") as caught:
        find_binary("terraform-of-no-one")
    assert "https://developer.hashicorp.com/terraform/install" in caught.value.advice
    assert "\n" not in caught.value.advice


def test_a_path_is_used_unchanged(program: Path) -> None:
    assert find_binary(str(program)) == program


def test_the_version_is_asked_once_for_each_binary(program: Path, tmp_path: Path) -> None:
    asked, memory = Asked("1.11.4"), tmp_path / "version.json"
    assert checked_version(program, memory, asked) == "1.11.4"
    assert checked_version(program, memory, asked) == "1.11.4"
    assert asked.times == 1
    os.utime(program, (1, 1))
    asked.version = "1.12.0"
    assert checked_version(program, memory, asked) == "1.12.0"
    assert asked.times == 2


@pytest.mark.parametrize("version", ["1.5.7", "0.15.5"])
def test_an_old_one_is_refused(program: Path, tmp_path: Path, version: str) -> None:
    with pytest.raises(ToolError, match=f"is of version {version}") as caught:
        checked_version(program, tmp_path / "version.json", Asked(version))
    assert caught.value.cause == "edgewrap needs 1.6 or newer"


def test_a_state_in_s3_needs_a_newer_one(program: Path, tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"is of version 1\.9\.8") as caught:
        checked_version(program, tmp_path / "version.json", Asked("1.9.8"), OLDEST_WITH_S3)
    assert caught.value.cause == "edgewrap needs 1.10 or newer for a state in S3"
    assert checked_version(program, tmp_path / "version.json", Asked("1.9.8")) == "1.9.8"


@pytest.mark.parametrize("answer", ["", "{}", "[]", "no json", '{"terraform_version": ""}'])
def test_a_binary_that_is_not_terraform_is_refused(program: Path, tmp_path: Path, answer: str) -> None:
    with pytest.raises(ToolError, match="returned no version"):
        checked_version(program, tmp_path / "version.json", lambda _path: answer)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"binary": 1}'])
def test_a_broken_memory_is_forgotten(program: Path, tmp_path: Path, text: str) -> None:
    memory = tmp_path / "version.json"
    memory.write_text(text)
    assert checked_version(program, memory, Asked("1.6.0")) == "1.6.0"
