"""Runs that are killed at one outside effect after the other, until one completes.

A run is killed at the first point that it meets and that was not tried before; the next run resumes from what it left,
and is killed at the next one. So each point is tried once, each run but the first has to cope with what a killed one
left, and a whole life costs one run a point.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.gate import Gate, Point
from tests.support.lab import EDGEWRAP, Lab

RUN_S = 300
MOST_RUNS = 200
_OVER_SSH = str(Path(__file__).with_name("over_ssh.py"))


@dataclass
class Killer:
    """Kills runs in a lab. `tried_over_ssh`: the file of the points of SSH; `with_terraform`: whether the terraform of
    a run dies with it; `skipped`: writes that are not tried; `over_ssh`: the points of SSH that are, or `all`."""

    lab: Lab
    aws: Gate
    front_end: Gate
    tried_over_ssh: Path
    with_terraform: bool = True
    skipped: Callable[[Point], bool] = lambda point: False
    over_ssh: str = "all"
    tried: list[Point] = field(default_factory=list)
    converged: int = 0
    seconds: float = 0
    _run: subprocess.Popen[str] | None = None
    _forgotten: int = 0

    def __post_init__(self) -> None:
        self.tried_over_ssh.touch()
        for gate in (self.aws, self.front_end):
            gate.wanted, gate.kill = self._wanted, self._kill

    def run(self, command: str, *arguments: str) -> tuple[int, str]:
        """One run, which no gate kills."""
        self._run = None
        return self._ended(self._start(EDGEWRAP, command, *arguments))

    def at(self, point: str, command: str, *arguments: str) -> None:
        """One run that is killed at this point of its writes."""
        skipped, self.skipped = self.skipped, lambda met: str(met) != point
        self.forget()
        self._run = self._start(EDGEWRAP, command, *arguments)
        code, said = self._ended(self._run)
        self.skipped = skipped
        assert code == -signal.SIGKILL, said
        self.converged += 1  # what follows is the caller's to look at

    def until_done(self, look: Callable[[Point], None], command: str, *arguments: str) -> list[Point]:
        """Run until a run completes; `look` is called after each killed one. Returns the points tried."""
        begun, before = time.monotonic(), len(self.tried)
        pending: Point | None = None
        for _ in range(MOST_RUNS):
            known, met = len(self._over_ssh()), len(self.tried)
            self._run = self._start(
                sys.executable, _OVER_SSH, str(self.tried_over_ssh), self.over_ssh, command, *arguments
            )
            code, said = self._ended(self._run)
            if len(self._over_ssh()) > known:
                self.tried.append(self._over_ssh()[-1])
            assert code in (0, -signal.SIGKILL), f"the run after the one killed {pending} ended with {code}:\n{said}"
            assert (code == 0) == (len(self.tried) == met), f"{self.tried[met:]} did not kill it: it ended with {code}"
            self.converged += pending is not None
            if code == 0:
                self.seconds += time.monotonic() - begun
                return self.tried[before:]
            pending = self.tried[-1]
            look(pending)
        raise AssertionError(f"no end after {MOST_RUNS} runs")

    def summary(self) -> str:
        """`tried N converged N`, and what it took. A point has converged when the next run has resumed from there."""
        return f"tried {len(self.tried)} converged {self.converged} in {self.seconds:.0f} s"

    def forget(self) -> None:
        """Start another life: every point counts again."""
        self._forgotten = len(self.tried)
        self.tried_over_ssh.write_text("")

    def _over_ssh(self) -> list[Point]:
        return [Point(*line.split(" ", 1)) for line in self.tried_over_ssh.read_text().splitlines()]

    def _start(self, *command: str) -> subprocess.Popen[str]:
        edges = (f"AWS_ENDPOINT_URL={self.aws.endpoint}", f"ONE_XMLRPC={self.front_end.endpoint}")
        return self.lab.start("env", *edges, *command)

    def _ended(self, run: subprocess.Popen[str]) -> tuple[int, str]:
        said, _ = run.communicate(timeout=RUN_S)
        return run.returncode, said

    def _wanted(self, point: Point) -> bool:
        return self._run is not None and point not in self.tried[self._forgotten :] and not self.skipped(point)

    def _kill(self, point: Point) -> bool:
        """Whether the process that sent the write is dead."""
        assert self._run is not None
        run, self._run = self._run, None
        self.tried.append(point)
        [edgewrap] = children(run.pid)
        below = descendants(edgewrap) if self.with_terraform else []
        os.kill(edgewrap, signal.SIGKILL)
        for pid in below:
            with suppress(ProcessLookupError):  # a child may have ended by itself
                os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 10
        while any(map(alive, (edgewrap, *below))):
            assert time.monotonic() < deadline, "a process survived SIGKILL"
            time.sleep(0.01)
        return self.with_terraform or point.what in self.front_end.writes or "." in point.what


def children(pid: int) -> list[int]:
    """The processes that the threads of a process have started; none once it has ended."""
    try:
        return [int(word) for file in Path(f"/proc/{pid}/task").glob("*/children") for word in file.read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def descendants(pid: int) -> list[int]:
    """The children, and theirs."""
    return [found for child in children(pid) for found in (child, *descendants(child))]


def alive(pid: int) -> bool:
    """Whether a thread of the process has not ended: the last one closes its connections."""
    try:
        states = [file.read_text().rpartition(")")[2].split()[0] for file in Path(f"/proc/{pid}/task").glob("*/stat")]
    except (FileNotFoundError, ProcessLookupError):  # one has just ended
        return alive(pid)
    return any(state not in ("Z", "X") for state in states)
