"""One terraform process at a time: started, read while it writes, interrupted gently.

Its output goes to unnamed files, not to pipes: if edgewrap is killed, terraform finishes its plan and saves its state.
(Writing to a broken pipe would end it at once, and what it was creating would be lost. An interrupt would taint what it
was creating: a metal host that takes 20 minutes to start would be replaced.)
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgewrap.signals import defer_signals

LOOK_EVERY_S = 0.1
ORDERLY = (0, 1, 2)  # done, failed, `plan -detailed-exitcode`


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """How many seconds a process may take, and how many after an interrupt; then it is killed. None: as many as it
    needs."""

    total_s: float | None = None
    interrupted_s: float | None = None

    def is_over(self, began: float, interrupted: float | None) -> bool:
        """Whether the process that began, and was interrupted, at these times must be killed."""
        now = time.monotonic()
        if self.total_s is not None and now - began > self.total_s:
            return True
        return interrupted is not None and self.interrupted_s is not None and now - interrupted > self.interrupted_s


NO_LIMITS = TimeLimits()


@dataclass(frozen=True, slots=True)
class Finished:
    """How a process ended, and what it wrote."""

    code: int
    stdout: str
    stderr: str


class ProcessRunner:
    """Starts processes, one at a time, and can interrupt the one that runs from any thread.

    `pass_fds` are descriptors that a child inherits: a lock held on one is kept as long as the child runs. `on_crash`
    is called when a child was killed or crashed.
    """

    def __init__(self, *, pass_fds: Sequence[int] = (), on_crash: Callable[[], None] | None = None) -> None:
        self._pass_fds = tuple(pass_fds)
        self._on_crash = on_crash
        self._running: subprocess.Popen[bytes] | None = None
        self._interrupted = False
        self._guard = threading.Lock()

    def run(
        self,
        arguments: Sequence[str],
        *,
        directory: Path,
        environ: Mapping[str, str],
        pass_fds: Sequence[int] = (),
        on_line: Callable[[str], None] | None = None,
        on_stop: Callable[[], None] | None = None,
        limits: TimeLimits = NO_LIMITS,
    ) -> Finished:
        """Run to the end; `on_line` gets each line of standard output as it is written. `pass_fds` are descriptors that
        only this child inherits.

        A KeyboardInterrupt sends one SIGINT, calls `on_stop`, and is raised again when the process has ended. Any other
        exception of `on_line` does not stop the process, and is raised when the process has ended. Raises
        KeyboardInterrupt, and starts nothing, after `interrupt`. Raises subprocess.TimeoutExpired if the process takes
        longer than its `limits`.
        """
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:

            def start() -> subprocess.Popen[bytes]:
                return subprocess.Popen(
                    list(arguments),
                    cwd=directory,
                    env=dict(environ),
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    pass_fds=(*self._pass_fds, *pass_fds),
                    start_new_session=True,  # a Ctrl-C on the terminal reaches it through us only, once
                )

            try:
                code = self._follow(start, _Lines(out.fileno(), on_line), on_stop, limits)
            finally:
                with self._guard:
                    self._running = None
            return Finished(code, _read_all(out.fileno()), _read_all(err.fileno()))

    def interrupt(self) -> None:
        """Send SIGINT to the process that runs, if any, and wait until it has ended its step and stopped. No other is
        started any more."""
        with self._guard:
            self._interrupted = True
            running = self._running
            if running is not None:
                running.send_signal(signal.SIGINT)
        if running is not None:
            running.wait()

    def _started(self, start: Callable[[], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
        with self._guard:  # an interrupt from another thread is either before the start, or finds the process
            if self._interrupted:
                raise KeyboardInterrupt
            self._running = start()
            return self._running

    def _follow(
        self,
        start: Callable[[], subprocess.Popen[bytes]],
        lines: _Lines,
        on_stop: Callable[[], None] | None,
        limits: TimeLimits,
    ) -> int:
        fault: BaseException | None = None
        asked = overdue = False
        began, interrupted = time.monotonic(), None
        with defer_signals() as signals:  # Terraform must not be left alone
            child = self._started(start)
            while True:
                stop = bool(signals) or isinstance(fault, KeyboardInterrupt)
                stop, asked = stop and not asked, asked or stop
                if stop:  # once: a second SIGINT would make it drop its state
                    child.send_signal(signal.SIGINT)
                if interrupted is None and (asked or self._interrupted):
                    interrupted = time.monotonic()
                if not overdue and limits.is_over(began, interrupted):
                    overdue = True
                    _kill_group(child)
                ended = _ended(child)
                try:
                    if stop and on_stop is not None:
                        on_stop()
                    lines.read_on(last=ended)  # even if they cannot be shown: they say what failed
                    if ended:
                        break
                except BaseException as error:
                    if fault is None or isinstance(error, KeyboardInterrupt):
                        fault = error
            if child.returncode not in ORDERLY:
                self._end_providers(child)
            if fault is not None:
                raise fault
        if overdue:
            raise subprocess.TimeoutExpired(child.args, time.monotonic() - began)
        return child.returncode

    def _end_providers(self, child: subprocess.Popen[bytes]) -> None:
        """If terraform was killed or crashed, its providers may keep running, with the run's lock, and nothing records
        what they create."""
        _kill_group(child)
        if self._on_crash is not None:
            self._on_crash()


class _Lines:
    """Passes on complete lines of a file that still grows. Has its own read position: the writer's is not moved."""

    def __init__(self, descriptor: int, on_line: Callable[[str], None] | None) -> None:
        self._descriptor = descriptor
        self._on_line = on_line
        self._position = 0
        self._rest = b""
        self._waiting: deque[bytes] = deque()

    def read_on(self, *, last: bool) -> None:
        if self._on_line is None:
            return
        read = _read_from(self._descriptor, self._position)
        self._position += len(read)
        *complete, self._rest = (self._rest + read).split(b"\n")
        self._waiting.extend(complete)
        if last and self._rest:
            self._waiting.append(self._rest)
            self._rest = b""
        while self._waiting:  # those after one that raises are passed on the next time
            self._on_line(self._waiting.popleft().decode("utf-8", errors="replace"))


def _read_from(descriptor: int, position: int) -> bytes:
    return os.pread(descriptor, max(0, os.fstat(descriptor).st_size - position), position)


def _read_all(descriptor: int) -> str:
    return _read_from(descriptor, 0).decode("utf-8", errors="replace")


def _ended(child: subprocess.Popen[bytes]) -> bool:
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(timeout=LOOK_EVERY_S)
        return True
    return False


def _kill_group(child: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # none is left; macOS refuses for zombies
        os.killpg(child.pid, signal.SIGKILL)  # it leads a group of its own
