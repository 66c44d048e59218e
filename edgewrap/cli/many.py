"""Runs of several clusters side by side: each is a process of its own, and none of them stops another.

A process each, because a run has things that are one per process: its secrets, its signals, its environment. It also
bounds the memory: there are never more Terraform providers than clusters at work.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import IO, Protocol

from edgewrap.errors import InterruptedRunError

PROGRAM = (sys.executable, "-P", "-m", "edgewrap.cli.start")  # -P: no module is taken from the current directory
PAUSE_S = 0.05
WRITING = ("apply", "destroy")
WORST_FIRST = (InterruptedRunError.exit_code, 3, 1, 64, 2, 0)


@dataclass(frozen=True, slots=True)
class Job:
    """What to run for one cluster: the words after `edgewrap`. With `--json` among them, its output is JSON values."""

    cluster: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ClusterRun:
    """How the run of one cluster ended. `objects` are the JSON values on its standard output, in order, or else `text`
    is its lines. `errors` are the lines of the error that ended it."""

    cluster: str
    exit_code: int
    seconds: float = 0
    objects: tuple[object, ...] = ()
    text: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()


class Listener(Protocol):
    """Follows the runs while they work."""

    def started(self, cluster: str) -> None: ...

    def received(self, cluster: str, value: object) -> None:
        """A JSON value."""

    def noted(self, cluster: str, line: str) -> None:
        """A line on standard error, such as a warning; not one of the error that ends the run."""

    def ended(self, run: ClusterRun) -> None: ...


def run_each(
    jobs: Sequence[Job],
    parallel: int,
    listener: Listener,
    signals: Sequence[int] = (),
) -> tuple[ClusterRun, ...]:
    """Run all jobs, at most `parallel` of them at once; returns their ends in the same order.

    `signals` is the growing list that `defer_signals` yields. The first signal in it is passed on to each running child
    once, and no other job is started. The children end by themselves, however long that takes: none is killed, as it
    may be in the middle of a change.
    """
    waiting = list(enumerate(jobs))
    children: dict[int, _Child] = {}
    ends: dict[int, ClusterRun] = {}
    passed_on = False
    try:
        while waiting or children:
            if signals and not passed_on:
                passed_on = True
                ends |= {number: ClusterRun(job.cluster, InterruptedRunError.exit_code) for number, job in waiting}
                waiting.clear()
                for child in children.values():
                    child.process.terminate()
            while waiting and len(children) < parallel:
                number, job = waiting.pop(0)
                listener.started(job.cluster)
                try:
                    children[number] = _Child(job)
                except OSError as error:
                    ends[number] = ClusterRun(job.cluster, 1, errors=(f"Error: cannot be started: {error.strerror}",))
                    listener.ended(ends[number])
            for number, child in list(children.items()):
                over = child.process.poll() is not None  # before the last read
                child.read(listener)
                if over:
                    del children[number]
                    ends[number] = child.end(interrupted=passed_on)
                    listener.ended(ends[number])
            time.sleep(PAUSE_S if children else 0)
    finally:  # there are children only if a listener failed: they end by themselves, and write to nobody
        for child in children.values():
            child.close()
            child.process.wait()
    return tuple(ends[number] for number in range(len(jobs)))


def together(planned: Sequence[ClusterRun], made: Sequence[ClusterRun]) -> tuple[ClusterRun, ...]:
    """The runs of two phases as one for each cluster: it ended as its last run, and printed what both printed."""
    ends = {run.cluster: run for run in planned}
    for run in made:
        before = ends.get(run.cluster)
        ends[run.cluster] = run if before is None else replace(run, objects=(*before.objects, *run.objects))
    return tuple(ends.values())


def worst(codes: Iterable[int]) -> int:
    """The exit code of a command about several clusters: interrupted, else partly applied, else failed, else wrong
    usage, else changes, else done."""
    known = {code if code in WORST_FIRST else 1 for code in codes}
    return next((code for code in WORST_FIRST if code in known), 0)


class _Json:
    """Collects lines until they are a JSON value: on one line, or on several that are indented but for its ends."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def add(self, line: str) -> Iterator[object]:
        self._lines.append(line)
        if line.startswith(" ") or line in ("{", "["):
            return
        for text in ("\n".join(self._lines), line):  # the line alone: what was before it is not JSON
            try:
                value = json.loads(text)
            except ValueError:
                continue
            self._lines.clear()
            yield value
            return


class _Lines:
    """The lines of a pipe, as far as they have arrived."""

    def __init__(self, pipe: IO[bytes]) -> None:
        os.set_blocking(pipe.fileno(), False)
        self._pipe = pipe
        self._rest = b""

    def read(self) -> list[str]:
        *whole, self._rest = (self._rest + (self._pipe.read() or b"")).split(b"\n")
        return [line.decode(errors="replace") for line in whole]

    def close(self) -> None:
        self._pipe.close()


class _Child:
    """The process of one job, in a session of its own: a Ctrl-C at the terminal reaches it only through its parent."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.since = time.monotonic()
        self.process = subprocess.Popen(
            [*PROGRAM, *job.arguments],
            bufsize=0,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment(os.environ),
            start_new_session=True,
        )
        assert self.process.stdout is not None and self.process.stderr is not None  # noqa: S101, PT018 - both are pipes
        self.output, self.notes = _Lines(self.process.stdout), _Lines(self.process.stderr)
        self.json = _Json() if "--json" in job.arguments else None
        self.objects: list[object] = []
        self.text: list[str] = []
        self.errors: list[str] = []

    def read(self, listener: Listener) -> None:
        """Take what it has written so far."""
        for line in self.output.read():
            if self.json is None:
                self.text.append(line)
                continue
            for value in self.json.add(line):
                self.objects.append(value)
                listener.received(self.job.cluster, value)
        for line in self.notes.read():
            if self.errors or line.startswith("Error: "):
                self.errors.append(line)
            else:
                listener.noted(self.job.cluster, line)

    def end(self, *, interrupted: bool) -> ClusterRun:
        """Its end, when the process is over and all is read."""
        self.close()
        code = self.process.returncode
        if code < 0 and interrupted:  # before it could handle the signal: it has changed nothing
            code = InterruptedRunError.exit_code
        elif code < 0:
            self.errors.append(f"Error: its process was ended by signal {-code}")
            code = 3 if self.job.arguments[0] in WRITING else 1
        took = time.monotonic() - self.since
        return ClusterRun(self.job.cluster, code, took, tuple(self.objects), tuple(self.text), tuple(self.errors))

    def close(self) -> None:
        self.output.close()
        self.notes.close()


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    """A child's environment: which spec it is about is in its arguments, and its parent reports to a CI system."""
    return {name: value for name, value in environ.items() if name != "EDGEWRAP_SPEC"} | {"EDGEWRAP_CI": "off"}
