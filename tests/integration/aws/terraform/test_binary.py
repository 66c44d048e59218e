"""The real Terraform is recognised, so that it is asked for its version once."""

from __future__ import annotations

import json
import os
from pathlib import Path

from edgewrap.aws.terraform.binary import find_binary


def test_its_version_is_recorded(tmp_path: Path, terraform: Path) -> None:
    memory = tmp_path / "binary.json"
    binary = find_binary(str(terraform), tmp_path, os.environ, memory=memory)
    assert json.loads(memory.read_text())["version"] == binary.version
