"""Whether terraform is there and new enough, checked before there is a working directory."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgewrap.aws.preflight.terraform import check_tools
from edgewrap.finding import Verdict


@pytest.mark.parametrize(
    ("version", "with_s3", "verdict"),
    [
        ("1.5.7", False, Verdict.FAILURE),
        ("1.6.0", False, Verdict.OK),
        ("1.9.8", True, Verdict.FAILURE),
        ("1.10.0", True, Verdict.OK),
    ],
)
def test_a_state_in_s3_needs_a_newer_terraform(tmp_path: Path, version: str, with_s3: bool, verdict: Verdict) -> None:
    binary = tmp_path / "terraform"
    binary.write_text(f'#!/bin/sh\necho \'{{"terraform_version": "{version}"}}\'\n')
    binary.chmod(0o755)
    finding, _ = check_tools(str(binary), tmp_path / "work", None, {"PATH": "/bin:/usr/bin"}, with_s3=with_s3)
    assert finding.verdict is verdict
    assert ("for a state in S3" in finding.text) == (with_s3 and verdict is Verdict.FAILURE)


def test_a_plugin_dir_that_does_not_exist_has_no_provider(tmp_path: Path) -> None:
    _, finding = check_tools("/bin/true", tmp_path, Path("/" + "p" * 300), {"PATH": "/bin:/usr/bin"}, with_s3=False)
    assert (finding.verdict, "holds no AWS provider" in finding.text) == (Verdict.FAILURE, True)
