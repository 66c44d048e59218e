"""Front-ends as processes of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.lab_opennebula import AUTH, Served, Start


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts front-ends; ends those that still run."""
    auth_file = tmp_path / "one_auth"
    auth_file.write_text(AUTH + "\n")
    served: list[Served] = []

    def starts(*options: str, database: str = "one.db") -> Served:
        command = [sys.executable, "-m", "edgewrap.lab.opennebula", "--port", "0", "--auth-file", str(auth_file)]
        command += ["--database", str(tmp_path / database), "--die-with-parent", *options]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        served.append(Served(process, ready["url"], ready["version"]))
        return served[-1]

    yield starts
    for one in served:
        if one.process.poll() is None:
            one.process.kill()
        one.process.wait()
        if one.process.stdout:
            one.process.stdout.close()
