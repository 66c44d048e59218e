"""A lab that follows a process ends with it, however that ends; the labs of a test run follow the run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edgewrap.lab.directory import LabDirectory, ProcessId
from tests.support.checkout import REPOSITORY
from tests.support.lab import Lab
from tests.support.lab_cloud import wait_until

UNFINISHED = """
import time
from pathlib import Path
from tests.support.lab import Lab

def test_unfinished(lab: Lab) -> None:
    Path(__file__).with_suffix(".new").write_text(str(lab.directory))
    Path(__file__).with_suffix(".new").rename(Path(__file__).with_suffix(".started"))
    time.sleep(600)
"""


def test_a_lab_ends_with_the_process_that_it_follows(tmp_path: Path) -> None:
    lab = Lab(tmp_path / "lab")
    with subprocess.Popen(["sleep", "600"]) as followed:
        lab.tool("lab", "up", "--no-hosts", "--follow-pid", str(followed.pid))
        supervisor = ProcessId.of(lab.facts["supervisor"]["pid"])
        assert lab.run("true").returncode == 0
        followed.kill()
    wait_until(lambda: not supervisor.alive(), 10)
    assert not running(lab.directory)


def test_a_lab_does_not_start_for_a_process_that_has_ended(tmp_path: Path) -> None:
    lab = Lab(tmp_path / "lab")
    with subprocess.Popen(["true"]) as ended:
        pass
    refused = lab.tool("lab", "up", "--no-hosts", "--follow-pid", str(ended.pid), check=False)
    assert refused.returncode == 1
    assert f"process {ended.pid} has ended" in refused.stderr
    assert not running(lab.directory)


@pytest.mark.parametrize(
    ("workers", "number"),
    [
        *((0, number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)),
        *(pytest.param(2, number, marks=pytest.mark.full) for number in (signal.SIGINT, signal.SIGTERM)),
        (2, signal.SIGKILL),
    ],
)
def test_an_interrupted_test_run_leaves_no_lab(tmp_path: Path, number: signal.Signals, workers: int) -> None:
    for name in ("test_one.py", "test_two.py"):
        (tmp_path / name).write_text(UNFINISHED)
    run = start_pytest(tmp_path, workers)
    try:
        wait_until(lambda: len([*tmp_path.glob("*.started")]) == max(workers, 1), 120)
        labs = [Path(file.read_text()) for file in tmp_path.glob("*.started")]
        assert all(map(running, labs))
        os.kill(run.pid, number)
        wait_until(lambda: not any(map(running, labs)), 30)
    finally:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()


def start_pytest(directory: Path, workers: int) -> subprocess.Popen[bytes]:
    """The tests in a directory, run with this project's settings and fixtures, in a process group of their own."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    command = [sys.executable, "-m", "pytest", "-c", str(REPOSITORY / "pyproject.toml"), "-p", "tests.conftest"]
    options = ["-n", str(workers), "--dist", "load", "-p", "no:cacheprovider", f"--basetemp={directory / 'made'}"]
    return subprocess.Popen(
        [*command, *options, str(directory)],
        env={**outside, "PYTHONPATH": str(REPOSITORY)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def running(lab: Path) -> bool:
    """Whether a lab is running in this directory."""
    return LabDirectory("lab", lab).running()
