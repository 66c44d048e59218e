"""Runs IPAM drivers as OpenNebula's `one_ipam -t 1` does: one at a time, in the order of the requests.

A driver is `<remotes>/ipam/NAME/ACTION`. It gets the request's number as its argument and the request on stdin. A
caller waits for the time-out at most; the driver that it waited for still runs to its end, its output is ignored, and
the next one waits for it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import signal
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from edgewrap.lab.opennebula.driver_calls import Reply, Request

TIMEOUT_S = 90.0
_TIMED_OUT = "Request timeout"
_ONLY_LOGGED = "ERROR:"
# Kills the drivers and their children when this process has ended, however it ended: it reads their process groups.
_GUARD = 'while read -r line; do last=$line; done; test -z "$last" || kill -s KILL -- $last'
_log = logging.getLogger(__name__)


class Ended(Exception):  # noqa: N818  not an error of the driver's
    """The front-end ends while a call waits for a driver."""


@dataclass(slots=True)
class _Job:
    number: int
    request: Request
    done: threading.Event = field(default_factory=threading.Event)
    reply: Reply | None = None


class Drivers:
    """The drivers of one front-end. `listed` are the ones that may be used; `var` is where they run. `accepted` and
    `finished` count requests: those that have arrived, and those whose driver has ended."""

    def __init__(
        self,
        remotes: Path,
        var: Path,
        environ: Mapping[str, str],
        *,
        listed: Sequence[str],
        timeout: float = TIMEOUT_S,
    ) -> None:
        self.listed = tuple(listed)
        self.accepted = 0
        self.finished = 0
        self._remotes = remotes
        self._var = var
        self._environ = dict(environ)
        self._timeout = timeout
        self._lock = threading.Lock()
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._groups: set[int] = set()  # process groups of drivers, and of children that a driver has left behind
        self._guard: subprocess.Popen[bytes] | None = None
        self._stopped = False
        self._worker = threading.Thread(target=self._work, name="ipam", daemon=True)
        self._worker.start()

    @property
    def arguments(self) -> str:
        """IPAM_MAD's ARGUMENTS in the configuration."""
        return f"-t 1 -i {','.join(self.listed)}"

    def run(self, request: Request) -> Reply:
        """Wait for the driver's reply, or for the time-out. Raises Ended."""
        with self._lock:
            if self._stopped:
                raise Ended
            job = _Job(self.accepted, request)
            self.accepted += 1
            self._jobs.put(job)
        if not job.done.wait(self._timeout):
            return Reply(ok=False, text=_TIMED_OUT)
        if self._stopped:
            raise Ended
        return job.reply or Reply(ok=False, text=_TIMED_OUT)

    def stop(self) -> None:
        """Kill the running driver and its children. Calls that wait raise Ended."""
        with self._lock:
            self._stopped = True
            for group in self._groups:
                _signal_group(group, signal.SIGKILL)
        self._jobs.put(None)
        self._worker.join(10)
        if self._guard is not None and self._guard.stdin is not None:
            self._guard.stdin.close()
            self._guard.wait()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            reply = Reply(ok=False)
            try:
                if not self._stopped:
                    reply = self._reply(job)
            except Ended:
                pass
            except Exception:
                _log.exception("IPAM request %d failed", job.number)
            job.reply = reply
            with self._lock:
                self.finished += 1
            job.done.set()

    def _reply(self, job: _Job) -> Reply:
        request = job.request
        if request.driver not in self.listed:
            _log.error("IPAM driver '%s' not available.", request.driver)
            return Reply(ok=False)  # a real front-end gives no reason, either
        path = self._remotes / "ipam" / request.driver / request.action
        status, output, errors = self._run(path, job)
        if status == 0:
            return Reply(ok=True, text=output)
        _log.error("Command execution failed (exit code: %d): %s %d", status, path, job.number)
        return Reply(ok=False, text=reason(errors))

    def _run(self, path: Path, job: _Job) -> tuple[int, str, str]:
        """Exit status (255 after a signal), stdout and stderr. Files, so that a child of the driver which still has
        them open does not keep the front-end waiting."""
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
            try:
                process = self._start(path, job, output, errors)
            except OSError as error:
                return 255, "", f"Internal error {error.strerror} - {path}"
            assert process.stdin is not None  # noqa: S101 - asked for
            with contextlib.suppress(BrokenPipeError):  # a driver need not read it
                process.stdin.write(job.request.stdin)
                process.stdin.flush()
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
            status = process.wait()
            self._update_guard()
            return status if status >= 0 else 255, _content(output), _content(errors)

    def _start(self, path: Path, job: _Job, output: IO[bytes], errors: IO[bytes]) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._stopped:
                raise Ended
            process = subprocess.Popen(
                [str(path), str(job.number)],
                cwd=self._var,
                env=self._environ,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=errors,
                process_group=0,
            )
            self._groups.add(process.pid)
        self._update_guard()
        return process

    def _update_guard(self) -> None:
        if self._guard is None:
            self._guard = subprocess.Popen(
                ["/bin/sh", "-c", _GUARD],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                start_new_session=True,
            )
        assert self._guard.stdin is not None  # noqa: S101 - asked for
        with self._lock:
            self._groups = {group for group in self._groups if _signal_group(group, 0)}
            line = " ".join(f"-{group}" for group in self._groups)
        with contextlib.suppress(BrokenPipeError):
            self._guard.stdin.write(f"{line}\n".encode())
            self._guard.stdin.flush()


def reason(errors: str) -> str:
    """Why a driver failed, from its stderr: the lines without what separates them. Some lines are only logged."""
    shown = []
    for line in errors.split("\n"):
        if line.startswith(_ONLY_LOGGED):
            _log.error("%s", line)
        else:
            shown.append(line)
    return "".join(shown)


def _content(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def _signal_group(group: int, number: int) -> bool:
    """Whether the process group exists; it gets the signal."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)
        return True
    return False
