"""The file lock, with real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgewrap.engine.lock.file import file_lock_info
from edgewrap.engine.lock.info import LockInfo
from edgewrap.errors import LockedError, StateError
from tests.support.locks import file_lock

ROOT = Path(__file__).parents[4]
HOLD = """
import sys, time
from pathlib import Path
from tests.support.locks import file_lock
with file_lock(Path(sys.argv[1]), "apply"):
    print("held", flush=True)
    time.sleep(60)
"""
HOLD_WITH_CHILD = """
import subprocess, sys, time
from pathlib import Path
from tests.support.locks import file_lock
with file_lock(Path(sys.argv[1]), "apply") as lock:
    child = subprocess.Popen(["sleep", "60"], pass_fds=(lock,))
    print(child.pid, flush=True)
    time.sleep(60)
"""
TRY = """
import sys
from pathlib import Path
from tests.support.locks import file_lock
from edgewrap.errors import LockedError
print("ready", flush=True)
sys.stdin.readline()
try:
    with file_lock(Path(sys.argv[1]), "apply"):
        sys.stdin.readline()
except LockedError:
    sys.exit(1)
"""


def start(code: str, lock: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, str(lock)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_locked_out_run_names_holder_and_time(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with file_lock(lock, "apply"), pytest.raises(LockedError) as raised, file_lock(lock, "plan"):
        pytest.fail("two runs hold the lock")
    assert f"pid {os.getpid()}" in raised.value.what
    assert "`edgewrap apply`" in raised.value.what
    assert " since 20" in raised.value.what
    assert f"in {lock}" in raised.value.what


def test_the_holder_can_be_read(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    assert file_lock_info(lock) is None
    with file_lock(lock, "apply"):
        holder = file_lock_info(lock)
        assert holder is not None
        assert (holder.command, holder.pid, holder.has_ended()) == ("apply", os.getpid(), False)
    assert file_lock_info(lock) is None
    assert LockInfo.from_text("half of {") is None


def test_of_many_concurrent_runs_exactly_one_gets_the_lock(tmp_path: Path) -> None:
    runs = [start(TRY, tmp_path / "lock") for _ in range(8)]
    for run in runs:
        assert run.stdout is not None
        assert run.stdout.readline() == "ready\n"
    for run in runs:
        report_findings(run)
    deadline = time.monotonic() + 30
    while sum(run.poll() is None for run in runs) > 1 and time.monotonic() < deadline:
        time.sleep(0.05)
    winner = [run for run in runs if run.poll() is None]
    assert len(winner) == 1
    report_findings(winner[0])
    assert sorted(run.wait(timeout=30) for run in runs) == [0] + [1] * 7


def report_findings(run: subprocess.Popen[str]) -> None:
    assert run.stdin is not None
    run.stdin.write("\n")
    run.stdin.flush()


def test_a_waiting_run_gets_the_lock_when_the_holder_is_killed(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    holder = start(HOLD, lock)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(LockedError), file_lock(lock, "plan", timeout_s=0.3):
        pytest.fail("two runs hold the lock")
    holder.kill()
    holder.wait()
    with file_lock(lock, "plan", timeout_s=5):
        assert json.loads(lock.read_text())["command"] == "plan"


def test_a_child_that_survives_a_killed_run_keeps_the_lock(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    holder = start(HOLD_WITH_CHILD, lock)
    assert holder.stdout is not None
    child = int(holder.stdout.readline())
    holder.kill()
    holder.wait()
    try:
        with pytest.raises(LockedError) as raised, file_lock(lock, "apply"):
            pytest.fail("two runs hold the lock")
        assert "Terraform" in raised.value.cause
    finally:
        os.kill(child, signal.SIGKILL)
    with file_lock(lock, "apply", timeout_s=5):
        pass


def test_the_lock_is_released_at_the_end_of_the_block(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    for _ in range(2):
        with file_lock(lock, "apply"):
            pass
    assert lock.read_text() == ""
    started = time.monotonic()
    with file_lock(lock, "apply", timeout_s=10):
        assert time.monotonic() - started < 1


def test_a_holder_with_other_fields_can_be_read() -> None:
    """One that says more of a run, or less."""
    known = LockInfo.of_this_run("apply", Path("lock"))
    assert LockInfo.from_text(known.to_text()) == known
    assert LockInfo.from_text(json.dumps({**json.loads(known.to_text()), "cloud": "aws"})) == known
    less = LockInfo.from_text('{"id": "0a1b", "pid": 4711, "user": "lea"}')
    assert less == LockInfo("0a1b", "lea", "unknown", 4711, "unknown", "unknown")
    for text in ("", "half of {", "[]", '{"pid": 4711}', '{"id": "0a1b"}'):
        assert LockInfo.from_text(text) is None


def test_a_lock_file_that_cannot_be_created(tmp_path: Path) -> None:
    for use in (lambda: file_lock(tmp_path, "apply").__enter__(), lambda: file_lock_info(tmp_path)):
        with pytest.raises(StateError, match="cannot be used: it is not a regular file"):
            use()


@pytest.mark.parametrize("kind", ["link", "pipe", "directory", "device"])
def test_what_is_not_a_regular_file_is_not_opened_for_a_lock(tmp_path: Path, kind: str) -> None:
    """The lock file is overwritten. A pipe has no end."""
    lock, target = tmp_path / "lock", tmp_path / "target"
    target.write_text("kept")
    if kind == "pipe":
        os.mkfifo(lock)
    elif kind == "directory":
        lock.mkdir()
    else:
        lock.symlink_to(target if kind == "link" else "/dev/zero")
    with pytest.raises(StateError, match="cannot be used"), file_lock(lock, "apply"):
        pytest.fail("it is held")
    with pytest.raises(StateError, match="cannot be used"):
        file_lock_info(lock)
    assert target.read_text() == "kept"
