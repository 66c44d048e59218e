"""The lab's outermost process: `python -m edgewrap.lab.supervisor NAME DIRECTORY`, started with the directory's lock
held.

It starts the wrapper (`unshare`, all namespaces new) with the daemon inside, waits until it ends, for any reason, and
then removes what the kernel does not remove by itself: the cgroup directories. If any of supervisor, wrapper and daemon
is killed, the others end too: each ends with its parent, and the namespaces end with their first process.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import os
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import FrameType

from edgewrap.lab import cgroups
from edgewrap.lab.directory import LabDirectory, LabFacts, ProcessId
from edgewrap.lab.settings import LabSettings

WRAPPER = (
    *("unshare", "--mount", "--net", "--pid", "--uts", "--ipc"),
    *("--fork", "--kill-child", "--mount-proc", "--propagation", "private"),
)
# The namespace's first process must reap the orphans of all others, which a shell does, and end with the daemon.
FIRST_PROCESS = ("sh", "-c", '"$@" & wait $!', "lab")
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_END_S = 10.0


def die_with_parent(number: int = signal.SIGKILL) -> None:
    """Send this process a signal when its parent ends. For `preexec_fn`, in a parent's main thread."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number)


def keep(directory: LabDirectory) -> int:
    """Run the lab of this directory until it ends; returns the daemon's exit status."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)  # orphans become children of this process
    supervisor = ProcessId.of(os.getpid())
    settings = LabSettings.read(directory.settings)
    top = cgroups.hierarchy() if settings.hosts else None
    cgroup = cgroups.make(top, supervisor) if top else None
    try:
        if cgroup:
            settings = dataclasses.replace(settings, cgroup=str(cgroup))
            settings.write(directory.settings)
        return _run(directory, settings, supervisor)
    finally:
        directory.forget()
        if cgroup and not cgroups.remove(cgroup):
            print(f"{cgroup} could not be removed", file=sys.stderr)


def _run(directory: LabDirectory, settings: LabSettings, supervisor: ProcessId) -> int:
    daemon = [sys.executable, "-m", "edgewrap.lab.daemon", directory.name, str(directory.path)]
    command = [*WRAPPER, *FIRST_PROCESS, *daemon] if settings.isolated else daemon
    child = subprocess.Popen(command, preexec_fn=die_with_parent)

    def end(_number: int, _frame: FrameType | None) -> None:
        child.kill()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, end)
    if settings.follow:
        threading.Thread(target=_end_with, args=(settings.follow, child), daemon=True).start()
    init = _first_process(child) if settings.isolated else child.pid
    if init:
        directory.write_facts(
            LabFacts(
                name=directory.name,
                supervisor=supervisor,
                init=ProcessId.of(init),
                isolated=settings.isolated,
                pid_namespace=str(Path(f"/proc/{init}/ns/pid").readlink()),
                aws_endpoint=settings.aws_endpoint,
                front_end_endpoint=settings.front_end_endpoint,
            )
        )
    status = child.wait()
    _wait_for_the_rest()
    return status


def _end_with(pid: int, child: subprocess.Popen[bytes]) -> None:
    """Kill the child once process `pid` has ended."""
    with contextlib.suppress(ProcessLookupError):
        select.select([os.pidfd_open(pid)], [], [])
    child.kill()


def _wait_for_the_rest() -> None:
    """Wait until the processes that end with the child have ended."""
    deadline = time.monotonic() + _END_S
    with contextlib.suppress(ChildProcessError):
        while time.monotonic() < deadline:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                time.sleep(0.01)


def _first_process(wrapper: subprocess.Popen[bytes]) -> int:
    """The process that the wrapper forked into the new namespaces; 0 if the wrapper has ended before."""
    children = Path(f"/proc/{wrapper.pid}/task/{wrapper.pid}/children")
    while wrapper.poll() is None:
        with contextlib.suppress(OSError):
            for child in children.read_text().split():
                return int(child)
        time.sleep(0.005)
    return 0


if __name__ == "__main__":
    sys.exit(keep(LabDirectory(sys.argv[1], Path(sys.argv[2]))))
