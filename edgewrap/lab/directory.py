"""A lab's directory: where it is, what is in it, and whether a lab is running there.

A running lab's supervisor holds a lock on a file of the directory, which the kernel releases however the supervisor
ends: no pid file decides whether a lab is running. Process ids are only used together with their start time.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgewrap.errors import LabError, UsageError
from edgewrap.paths import expanded

DEFAULT_NAME = "default"
_ATTEMPTS = 25
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")
_MARK = ".edgewrap-lab"
_OURS = (
    "home",
    "runs",
    "frontend",
    "aws",
    "packages",
    "machines",
    "lab.json",
    "control",
    "settings.json",
    "lab.log",
    "control.new",
)


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process: its id and its start time (clock ticks since the machine's boot), unique together."""

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> ProcessId:
        """The process that has this id now. Raises ProcessLookupError if there is none."""
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except OSError as error:
            raise ProcessLookupError(pid) from error
        return cls(pid, int(stat.rpartition(")")[2].split()[19]))

    def alive(self) -> bool:
        """Whether this process still exists."""
        try:
            return ProcessId.of(self.pid) == self
        except ProcessLookupError:
            return False


@dataclass(frozen=True, slots=True)
class LabFacts:
    """What a lab's supervisor records: its own process, the first process inside the lab's namespaces, and where the
    servers listen. `isolated` is false without root: then there are no namespaces and no hosts. `pid_namespace` is the
    kernel's name for the lab's one (`pid:[4026532177]`)."""

    name: str
    supervisor: ProcessId
    init: ProcessId
    isolated: bool
    pid_namespace: str
    aws_endpoint: str
    front_end_endpoint: str


@dataclass(frozen=True, slots=True)
class LabDirectory:
    """The directory of one lab."""

    name: str
    path: Path

    @property
    def home(self) -> Path:
        """HOME for `lab exec`."""
        return self.path / "home"

    @property
    def runs(self) -> Path:
        """EDGEWRAP_DIR for `lab exec`."""
        return self.path / "runs"

    @property
    def one_auth(self) -> Path:
        """The front-end's first user and its password, as OpenNebula's tools read them."""
        return self.home / ".one" / "one_auth"

    @property
    def front_end(self) -> Path:
        """The front-end's database and its SSH key."""
        return self.path / "frontend"

    @property
    def remotes(self) -> Path:
        """The front-end's drivers, as `/var/lib/one/remotes` on an installed one."""
        return self.front_end / "remotes"

    @property
    def clusters(self) -> Path:
        """The specs that edgewrap's IPAM driver reads, as `/etc/edgewrap/clusters` on an installed front-end."""
        return self.front_end / "clusters"

    @property
    def aws(self) -> Path:
        """The AWS process's directory."""
        return self.path / "aws"

    @property
    def packages(self) -> Path:
        """The package server's directory."""
        return self.path / "packages"

    @property
    def machines(self) -> Path:
        """The hosts' disks; a tmpfs in the lab's own mount namespace only."""
        return self.path / "machines"

    @property
    def log(self) -> Path:
        """The output of the supervisor, the daemon and the servers."""
        return self.path / "lab.log"

    @property
    def control(self) -> Path:
        """The daemon's socket."""
        return self.path / "control"

    @property
    def settings(self) -> Path:
        """The settings of `lab up`."""
        return self.path / "settings.json"

    @property
    def _lock(self) -> Path:
        return self.path / "lock"

    @property
    def _facts(self) -> Path:
        return self.path / "lab.json"

    def running(self) -> bool:
        """Whether a supervisor holds this directory."""
        try:
            descriptor = os.open(self._lock, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def _hold(self) -> int:
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        for _ in range(_ATTEMPTS):  # `running` holds the lock for a moment too
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return descriptor
            time.sleep(0.02)
        os.close(descriptor)
        raise already_running(self)

    def claim(self) -> int:
        """Create or empty the directory, except for the lock, which is acquired; returns the lock's descriptor.

        Raises LabError if a lab is running there, or if it has files that are not a lab's: a lab's directory has been
        empty before, and has a mark since.
        """
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        there = {entry.name for entry in self.path.iterdir()}
        strangers = sorted(there - {*_OURS, "lock", _MARK} if _MARK in there else there)
        if strangers:
            raise LabError(
                f"{self.path} holds files that are not a lab's ({', '.join(strangers[:3])})",
                cause="the lab empties its directory when it starts, and these would be lost",
                advice="choose an empty or new directory with EDGEWRAP_LAB_DIR; delete it if it is a lab of an "
                "earlier version",
            )
        (self.path / _MARK).touch()
        held = self._hold()
        for name in _OURS:
            entry = self.path / name
            if entry.is_dir():
                shutil.rmtree(entry)
            else:
                entry.unlink(missing_ok=True)
        for folder in (self.home, self.runs, self.front_end, self.aws, self.packages, self.machines):
            folder.mkdir(mode=0o700)
        return held

    def write_facts(self, facts: LabFacts) -> None:
        """Record where the lab's processes and servers are, atomically."""
        new = self._facts.with_suffix(".new")
        new.write_text(json.dumps(asdict(facts)))
        new.replace(self._facts)

    def forget(self) -> None:
        """Remove the record of a running lab; the logs and the runs stay."""
        for path in (self._facts, self.control):
            path.unlink(missing_ok=True)

    def facts(self) -> LabFacts:
        """The record of the running lab. Raises LabError if none is running here."""
        if self.running():
            try:
                return _facts_from(json.loads(self._facts.read_text()))
            except (OSError, ValueError):
                pass  # it is just starting or just ending
        raise not_running(self)


def lab_directory(name: str | None, environ: Mapping[str, str]) -> LabDirectory:
    """The directory that `--name` (or none) and `EDGEWRAP_LAB_DIR` mean. Raises UsageError."""
    given = environ.get("EDGEWRAP_LAB_DIR", "")
    if given and name is not None:
        raise UsageError(
            "--name and EDGEWRAP_LAB_DIR are both given",
            cause="each of them selects a lab",
            advice="give only one of them",
        )
    if given:
        path = expanded(given).absolute()
        return LabDirectory(path.name, path)
    chosen = DEFAULT_NAME if name is None else name
    if not _NAME.fullmatch(chosen):
        raise UsageError(
            f"{chosen!r} is not a name for a lab",
            cause="a name has 1 to 31 lower-case letters, digits and hyphens, and begins with a letter or digit",
            advice="choose another --name",
        )
    return LabDirectory(chosen, _named_labs(environ) / chosen)


def lab_names(environ: Mapping[str, str]) -> list[str]:
    """The names of the labs that have been started by name, running or not."""
    return sorted(mark.parent.name for mark in _named_labs(environ).glob(f"*/{_MARK}"))


def _named_labs(environ: Mapping[str, str]) -> Path:
    return expanded(environ.get("XDG_STATE_HOME") or "~/.local/state") / "edgewrap" / "lab"


def already_running(directory: LabDirectory) -> LabError:
    """A lab is running in this directory."""
    return LabError(
        f"the lab {directory.name!r} is running already",
        cause=f"its directory is {directory.path}",
        advice="use it with `edgewrap lab exec`, stop it with `edgewrap lab down`, or start another one with --name",
    )


def not_running(directory: LabDirectory) -> LabError:
    """No lab is running in this directory."""
    died = directory.log.exists()
    return LabError(
        f"the lab {directory.name!r} is not running",
        cause=f"it has ended; its log is {directory.log}" if died else f"nothing was started in {directory.path}",
        advice="start it with `edgewrap lab up`",
    )


def _facts_from(values: dict[str, Any]) -> LabFacts:
    return LabFacts(
        name=values["name"],
        supervisor=ProcessId(**values["supervisor"]),
        init=ProcessId(**values["init"]),
        isolated=values["isolated"],
        pid_namespace=values["pid_namespace"],
        aws_endpoint=values["aws_endpoint"],
        front_end_endpoint=values["front_end_endpoint"],
    )
