"""Broken standard streams, with real descriptors: nothing but what is shown changes."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.lab import EDGEWRAP

ODD = """
from edgewrap.cli.streams import protect_streams
protect_streams()
print("± \\udc80")
"""
NUMBERS = """
import os, sys
from edgewrap.cli import main

def numbers() -> None:
    with open("lock", "w") as lock:
        sys.exit(lock.fileno())

main.COMMANDS = (numbers,)
sys.argv[1:] = ["numbers"]
main.main()
"""

COMMANDS = (["schema"], ["plan", "--nope"], ["validate", "--json"])
"""One that ends well, and two that fail; all find no spec."""


def run(words: list[str], directory: Path, redirections: str = "") -> subprocess.CompletedProcess[str]:
    """Run edgewrap as bash does with these redirections."""
    line = ["bash", "-c", f'"$@" {redirections}', "bash", EDGEWRAP, *words]
    return subprocess.run(line, cwd=directory, capture_output=True, text=True, timeout=30, check=False)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, subprocess.CompletedProcess[str]]:
    """What each command does if nothing is broken."""
    directory = tmp_path_factory.mktemp("whole")
    return {" ".join(words): run(words, directory) for words in COMMANDS}


@contextmanager
def pipe_without_reader() -> Iterator[int]:
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_pipe_without_a_reader(words: list[str], stream: str, whole: dict[str, Any], tmp_path: Path) -> None:
    expected = whole[" ".join(words)]
    with pipe_without_reader() as writer:
        out, err = (writer, subprocess.PIPE) if stream == "stdout" else (subprocess.PIPE, writer)
        line = [EDGEWRAP, *words]
        done = subprocess.run(line, cwd=tmp_path, stdout=out, stderr=err, text=True, timeout=30, check=False)
    assert done.returncode == expected.returncode
    if stream == "stdout":
        assert done.stderr == expected.stderr
    else:
        assert len(done.stdout) == len(expected.stdout)  # with --json a time is in it


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("redirections", [">/dev/full", ">&-", "1</dev/null", "2>/dev/full", "2>&-", "<&- >&- 2>&-"])
def test_a_full_disk_and_closed_descriptors(
    words: list[str], redirections: str, whole: dict[str, Any], tmp_path: Path
) -> None:
    expected, done = whole[" ".join(words)], run(words, tmp_path, redirections)
    assert done.returncode == expected.returncode
    if "2>" in redirections:
        assert done.stderr == ""
    else:
        assert done.stderr.startswith(expected.stderr)
        assert "Exception" not in done.stderr


def test_lost_output_is_reported_unless_the_reader_exited(tmp_path: Path) -> None:
    """Otherwise a script takes half a file for the whole one."""
    assert run(["schema"], tmp_path, ">/dev/full").stderr == (
        "Warning: standard output is incomplete: No space left on device\n"
    )
    assert run(["schema"], tmp_path, "| true").stderr == ""


def test_no_file_gets_the_number_of_a_closed_stream(tmp_path: Path) -> None:
    """What children write to standard output would go to the run's lock, or its log."""
    line = ["bash", "-c", '"$@" <&- >&- 2>&-', "bash", sys.executable, "-c", NUMBERS]
    assert subprocess.run(line, cwd=tmp_path, timeout=30, check=False).returncode > 2


def test_a_slow_reader_of_a_non_blocking_pipe_gets_everything(whole: dict[str, Any]) -> None:
    """A pipe is shared by all that write to it, and any of them may make it non-blocking."""
    schema_text = whole["schema"].stdout
    reader, writer = os.pipe()
    assert fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096) < len(schema_text)
    os.set_blocking(writer, False)
    schema = subprocess.Popen([EDGEWRAP, "schema"], stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    with pytest.raises(subprocess.TimeoutExpired):
        schema.wait(timeout=3)
    with os.fdopen(reader, encoding="utf-8") as stream:
        assert stream.read() == schema_text
    _, err = schema.communicate(timeout=30)
    assert (schema.returncode, err) == (0, "")


@pytest.mark.parametrize(("encoding", "shown"), [("ascii", b"\\xb1 \\udc80\n"), ("utf-8", b"\xc2\xb1 \\udc80\n")])
def test_characters_outside_the_encoding_are_escaped(encoding: str, shown: bytes) -> None:
    environ = {**os.environ, "PYTHONIOENCODING": encoding}
    assert subprocess.run([sys.executable, "-c", ODD], env=environ, capture_output=True, check=True).stdout == shown
