"""One process at a time: followed, interrupted once, and never cut off when edgewrap itself dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from edgewrap import limits
from edgewrap.aws.terraform.process import ProcessRunner, TimeLimits

SHELL = "/bin/sh"
ENVIRON = {"PATH": os.environ["PATH"]}

GENTLE = """
interrupts=0
trap 'interrupts=$((interrupts + 1))' INT
echo started
while [ $interrupts = 0 ]; do sleep 0.05; done
sleep 0.3
echo "ended after $interrupts"
echo "ended after $interrupts" > "$1"
exit 1
"""
"""Like terraform: one SIGINT lets it end its step, which takes a while, and write its state."""


STEADY = """
state="not interrupted"
trap 'state=interrupted' INT TERM HUP
echo started
sleep 0.5
echo "still writing"
echo "$state" > "$1.new"
mv "$1.new" "$1"
"""
"""Like terraform too: left alone, it writes its state at the end."""


def run(
    script: str,
    *arguments: str,
    on_line: Callable[[str], None] | None = None,
    on_stop: Callable[[], None] | None = None,
) -> tuple[int, str, str]:
    command = [SHELL, "-c", script, SHELL, *arguments]
    finished = ProcessRunner().run(command, directory=Path("/"), environ=ENVIRON, on_line=on_line, on_stop=on_stop)
    return finished.code, finished.stdout, finished.stderr


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_output_exit_code_and_lines() -> None:
    lines: list[str] = []
    result = run("echo one; sleep 0.3; echo two; printf three; echo oops >&2; exit 7", on_line=lines.append)
    assert result == (7, "one\ntwo\nthree", "oops\n")
    assert lines == ["one", "two", "three"]


def test_lines_are_delivered_while_it_runs() -> None:
    seen: list[float] = []
    run("echo one; sleep 1; echo two", on_line=lambda _line: seen.append(time.monotonic()))
    assert seen[1] - seen[0] > 0.5


def test_an_inherited_descriptor_lives_as_long_as_the_child(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("w") as lock:
        finished = ProcessRunner(pass_fds=[lock.fileno()]).run(
            [SHELL, "-c", f"readlink /proc/self/fd/{lock.fileno()}"], directory=tmp_path, environ=ENVIRON
        )
    assert finished.stdout.strip() == str(tmp_path / "lock")


def test_a_child_is_in_a_session_of_its_own() -> None:
    _, stdout, _ = run("ps -o sid= -p $$")
    assert int(stdout) != os.getsid(0)


def test_a_keyboard_interrupt_lets_the_child_end_its_step(tmp_path: Path) -> None:
    lines: list[str] = []

    def on_line(line: str) -> None:
        lines.append(line)
        if line == "started":
            signal.raise_signal(signal.SIGINT)  # what a Ctrl-C does

    with pytest.raises(KeyboardInterrupt):
        run(GENTLE, str(tmp_path / "state"), on_line=on_line, on_stop=lambda: lines.append("told"))
    assert (tmp_path / "state").read_text() == "ended after 1\n"
    assert lines == ["started", "told", "ended after 1"]


def test_a_second_keyboard_interrupt_does_not_reach_it(tmp_path: Path) -> None:
    def interrupt_twice(line: str) -> None:
        if line == "started":
            threading.Timer(0.2, signal.raise_signal, [signal.SIGINT]).start()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(GENTLE, str(tmp_path / "state"), on_line=interrupt_twice)
    assert (tmp_path / "state").read_text() == "ended after 1\n"


def test_a_listener_that_fails_neither_interrupts_the_child_nor_leaves_it_alone(tmp_path: Path) -> None:
    lines: list[str] = []

    def fail(line: str) -> None:
        lines.append(line)
        raise KeyError(line)

    with pytest.raises(KeyError, match="started"):
        run(STEADY, str(tmp_path / "state"), on_line=fail)
    assert (tmp_path / "state").read_text() == "not interrupted\n"
    assert lines == ["started", "still writing"]


def test_an_interrupt_after_a_listener_has_failed_is_obeyed(tmp_path: Path) -> None:
    def fail(line: str) -> None:
        if line == "started":
            threading.Timer(0.3, signal.raise_signal, [signal.SIGINT]).start()
            raise KeyError(line)

    with pytest.raises(KeyboardInterrupt):
        run(GENTLE, str(tmp_path / "state"), on_line=fail)
    assert (tmp_path / "state").read_text() == "ended after 1\n"


def test_it_can_be_interrupted_from_another_thread(tmp_path: Path) -> None:
    children = ProcessRunner()

    def on_line(line: str) -> None:
        if line == "started":
            threading.Thread(target=children.interrupt).start()

    script = [SHELL, "-c", GENTLE, SHELL, str(tmp_path / "state")]
    assert children.run(script, directory=tmp_path, environ=ENVIRON, on_line=on_line).code == 1
    assert (tmp_path / "state").read_text() == "ended after 1\n"


def test_no_process_starts_after_an_interrupt(tmp_path: Path) -> None:
    """It may come between two terraforms of one plan."""
    children = ProcessRunner()
    children.interrupt()
    with pytest.raises(KeyboardInterrupt):
        children.run([SHELL, "-c", 'touch "$0"', str(tmp_path / "began")], directory=tmp_path, environ=ENVIRON)
    assert not (tmp_path / "began").exists()


def test_signals_drop_none_of_the_lines_that_were_read() -> None:
    lines: list[str] = []

    def on_line(line: str) -> None:
        lines.append(line)
        if line in ("1", "3"):
            signal.raise_signal(signal.SIGINT)
        if line == "2":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run("trap '' INT; printf '1\\n2\\n3\\n4\\n5'; sleep 0.3", on_line=on_line)
    assert lines == ["1", "2", "3", "4", "5"]


@pytest.mark.parametrize(("end", "lives"), [("kill -9 $$", False), ("exit 11", False), ("exit 1", True)])
def test_what_a_killed_or_crashed_terraform_left_is_ended(tmp_path: Path, end: str, lives: bool) -> None:
    """A provider that lives on would keep the run's lock, which it inherits."""
    left = tmp_path / "left"
    run(f"sh -c 'sleep 0.5; touch \"$0\"' {left} & {end}")
    if lives:
        eventually(left.exists)
    else:
        time.sleep(1)
        assert not left.exists()


def test_the_child_finishes_after_sigkill_of_edgewrap(tmp_path: Path) -> None:
    parent = """
import sys
from pathlib import Path
from edgewrap import limits
from edgewrap.aws.terraform.process import TimeLimits, ProcessRunner
environ = {"PATH": "/bin:/usr/bin"}
ProcessRunner().run(sys.argv[1:], directory=Path("/"), environ=environ, on_line=lambda line: print(line, flush=True))
"""
    script = [SHELL, "-c", STEADY, SHELL, str(tmp_path / "state")]
    edgewrap = subprocess.Popen([sys.executable, "-c", parent, *script], stdout=subprocess.PIPE, text=True)
    assert edgewrap.stdout is not None
    assert edgewrap.stdout.readline() == "started\n"
    edgewrap.kill()
    edgewrap.wait()
    edgewrap.stdout.close()
    eventually((tmp_path / "state").exists)
    assert (tmp_path / "state").read_text() == "not interrupted\n"


HANGS = "trap '' INT TERM; echo started; while :; do sleep 0.05; done"
"""A binary that hangs, whatever it is sent."""


def test_a_process_that_hangs_is_killed_when_its_time_is_up() -> None:
    began = time.monotonic()
    with pytest.raises(subprocess.TimeoutExpired):
        ProcessRunner().run([SHELL, "-c", HANGS], directory=Path("/"), environ=ENVIRON, limits=TimeLimits(total_s=0.3))
    assert time.monotonic() - began < 15


def test_a_process_that_hangs_is_killed_some_time_after_an_interrupt() -> None:
    runner = ProcessRunner()
    began = time.monotonic()
    threading.Timer(0.3, runner.interrupt).start()
    with pytest.raises(subprocess.TimeoutExpired):
        runner.run([SHELL, "-c", HANGS], directory=Path("/"), environ=ENVIRON, limits=TimeLimits(60, interrupted_s=0.3))
    assert time.monotonic() - began < 15


def test_an_interrupt_waits_until_the_process_has_ended(tmp_path: Path) -> None:
    runner = ProcessRunner()
    command = [SHELL, "-c", GENTLE, SHELL, str(tmp_path / "state")]
    running = limits.start(lambda: runner.run(command, directory=Path("/"), environ=ENVIRON, limits=TimeLimits(60, 60)))
    eventually(lambda: runner._running is not None)
    time.sleep(0.3)
    runner.interrupt()
    assert (tmp_path / "state").read_text() == "ended after 1\n"
    assert running.result(5).code == 1
