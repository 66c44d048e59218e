"""A login in ONE_AUTH comes out nowhere: not on the terminal, not in `--json`, not in the log file."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.front_end_process import FrontEndProcess
from tests.support.lab import EDGEWRAP

PASSWORD = "s3cret-" * 43  # longer than a file's name may be
NOWHERE = "http://127.0.0.1:1/RPC2"
SPEC = """\
apiVersion: edgewrap/v1
name: edge-paris
aws: {{ region: eu-west-3 }}
opennebula: {{ endpoint: "{url}" }}
"""
DESTROY = ("destroy", "--only", "opennebula", "--auto-approve")


def run(directory: Path, url: str, one_auth: str, *arguments: str) -> tuple[int, str]:
    """One run as a child process: its exit status, and all that it showed or wrote."""
    (directory / "edge.yaml").write_text(SPEC.format(url=url))
    done = subprocess.run(
        [EDGEWRAP, *arguments, "--file", str(directory / "edge.yaml")],
        env={"PATH": os.environ["PATH"], "HOME": str(directory), "ONE_AUTH": one_auth},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    written = [path.read_text() for path in directory.rglob("*") if path.is_file() and path.name != "edge.yaml"]
    return done.returncode, "\n".join([done.stdout, done.stderr, *written])


@pytest.fixture(scope="module")
def front_end(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrontEndProcess]:
    """A running front-end with an operator whose password is long."""
    process = FrontEndProcess(tmp_path_factory.mktemp("front-end"))
    process.start()
    administrator = process.as_user()
    administrator.call("user.chgrp", int(administrator.call("user.allocate", "operator", PASSWORD, "core")), 0)
    yield process
    process.stop()


def test_a_long_login_works(front_end: FrontEndProcess, tmp_path: Path) -> None:
    status, text = run(tmp_path, front_end.url, f"operator:{PASSWORD}", "preflight", "--only", "opennebula")
    assert status == 0, text
    assert "operator is in the group oneadmin" in text
    assert "s3cret" not in text


@pytest.mark.parametrize(
    "arguments",
    [("preflight", "--only", "opennebula"), DESTROY, (*DESTROY, "--json")],
    ids=" ".join,
)
@pytest.mark.parametrize(
    "one_auth",
    [
        f"oneadmin:{PASSWORD}",
        f"oneadmin:/{PASSWORD}/x",
        f"oneadmin:{PASSWORD}\n\nmore",
        PASSWORD,
        f"/{PASSWORD}",
        "s3cret-of-few-letters",
    ],
    ids=["long", "long, with slashes", "lines", "no user", "no user, with a slash", "short, no user"],
)
def test_a_login_is_never_shown(tmp_path: Path, one_auth: str, arguments: tuple[str, ...]) -> None:
    status, text = run(tmp_path, NOWHERE, one_auth, *arguments)
    assert status == 1
    assert "s3cret" not in text
