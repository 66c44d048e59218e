"""Start, stop and enter a lab from outside: `lab up`, `lab down` and `lab exec`."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgewrap.errors import LabError, ToolError, UsageError
from edgewrap.lab import cgroups, control, nsenter
from edgewrap.lab.directory import LabDirectory, LabFacts, not_running
from edgewrap.lab.environment import inside_environment
from edgewrap.lab.hosts.program import find_cloud_init
from edgewrap.lab.settings import CloudInit, LabSettings
from edgewrap.lab.supervisor import WRAPPER
from edgewrap.lab.tools import find_providers

_AWS_PORT = 4566
_FRONT_END_PORT = 2633
_READY_S = 90.0
_END_S = 15.0
_LOG_LINES = 12

# Programs that hosts need on this machine, and their packages in Debian and Ubuntu.
_NEEDED = {
    "unshare": "util-linux",
    "ip": "iproute2",
    "nft": "nftables",
    "sshd": "openssh-server",
    "ssh-keygen": "openssh-client",
    "sudo": "sudo",
    "iptables": "iptables",
    "ipset": "ipset",
    "/lib/systemd/systemd": "systemd",
    "/usr/bin/dbus-daemon": "dbus",
    "/usr/lib/frr/bgpd": "frr",
}
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def up(
    directory: LabDirectory, *, hosts: bool, cloud_init: CloudInit, front_end_version: str, follow: int = 0
) -> LabFacts:
    """Start a lab and wait until its AWS and its front-end answer. It ends when process `follow` ends, unless that is
    0. Raises LabError, ToolError."""
    if follow and not Path(f"/proc/{follow}").exists():
        raise LabError(
            f"the lab {directory.name!r} was not started: process {follow} has ended",
            cause="the lab would end with that process (--follow-pid or EDGEWRAP_LAB_FOLLOW)",
            advice="give the id of a running process",
        )
    why_no_hosts = _why_no_hosts(hosts)
    _require({"ssh-keygen": _NEEDED["ssh-keygen"]} if why_no_hosts else _NEEDED)
    isolated = not why_no_hosts or _can_isolate()
    cgroups.sweep()
    held = directory.claim()
    try:
        LabSettings(
            why_no_hosts=why_no_hosts,
            isolated=isolated,
            cloud_init=cloud_init,
            front_end_version=front_end_version,
            # In the lab's own network namespace, all ports are free.
            aws_port=_AWS_PORT if isolated else _free_port(),
            front_end_port=_FRONT_END_PORT if isolated else _free_port(),
            cloud_init_program=find_cloud_init(os.environ),
            follow=follow,
        ).write(directory.settings)
        supervisor = _start_supervisor(directory, held)
    finally:
        os.close(held)  # the supervisor holds it now
    _wait_until_ready(directory, supervisor)
    return directory.facts()


def down(directory: LabDirectory) -> None:
    """Stop a lab: all its processes at once. Raises LabError if none is running."""
    if not directory.running():
        cgroups.sweep()
        raise not_running(directory)
    supervisor = directory.facts().supervisor
    if supervisor.alive():
        os.kill(supervisor.pid, signal.SIGTERM)
    deadline = time.monotonic() + _END_S
    while directory.running():
        if time.monotonic() > deadline:
            raise LabError(
                f"the lab {directory.name!r} did not end within {_END_S:.0f} s",
                cause=f"its supervisor, process {supervisor.pid}, does not react",
                advice=f"end process {supervisor.pid} with SIGKILL: all other processes of the lab end with it",
            )
        time.sleep(0.02)
    cgroups.sweep()


@dataclass(frozen=True, slots=True)
class Entrance:
    """How a command gets into a lab: the file of each kind of namespace to enter, and the environment and the directory
    to start in (None for `/`)."""

    namespaces: Mapping[str, str]
    environ: Mapping[str, str]
    directory: Path | None


def entrance(directory: LabDirectory, environ: Mapping[str, str], *, place: str = "") -> Entrance:
    """The way into the lab, or into one `place` of it: `internet`, `fabric`, a VPC, a host, a VM. Raises LabError."""
    facts = directory.facts()
    inside = inside_environment(environ, directory, facts, find_providers(environ))
    if not facts.isolated:
        if place:
            raise LabError(
                f"there is no {place!r} in the lab {directory.name!r}",
                cause="the lab runs without namespaces and without hosts",
                advice="start the lab as root",
            )
        return Entrance({}, inside, Path.cwd())
    # From outside, the files inside the lab are found below /proc of its first process.
    root = "" if _inside(facts) else f"/proc/{facts.init.pid}/root"
    if place:
        answer = control.ask(directory, "place", name=place)
        namespaces = {kind: root + file for kind, file in answer["namespaces"].items()}
        if answer["own_root"]:
            return Entrance(namespaces, _bare_environment(environ), None)
    else:
        namespaces = {kind: f"{root}/proc/1/ns/{kind}" for kind in INSIDE}
    return Entrance(namespaces, inside, Path.cwd())


INSIDE = ("mnt", "net", "pid", "uts", "ipc")
"""The kinds of namespaces that the lab's wrapper creates."""


def execute(directory: LabDirectory, command: Sequence[str], environ: Mapping[str, str], *, place: str = "") -> int:
    """Run a command inside the lab, or in one `place` of it. Returns its exit status. Raises LabError."""
    way = entrance(directory, environ, place=place)
    if not command:
        raise UsageError("no command is given", cause="`lab exec` runs one", advice="edgewrap lab exec -- COMMAND …")
    try:
        return nsenter.run(command, namespaces=way.namespaces, environ=way.environ, directory=way.directory)
    except PermissionError as error:
        raise LabError(
            "the lab's namespaces cannot be entered",
            cause=f"only root can enter them ({error.strerror})",
            advice="run the command as the user who started the lab: root",
        ) from error
    except (FileNotFoundError, ProcessLookupError) as error:
        raise LabError(
            f"the lab {directory.name!r} or the place in it, has just ended",
            cause=str(error),
            advice="see `edgewrap lab status`",
        ) from error


def _inside(facts: LabFacts) -> bool:
    """Whether this process is inside the lab already (`lab exec -- edgewrap lab exec …`)."""
    return facts.isolated and str(Path("/proc/self/ns/pid").readlink()) == facts.pid_namespace


def _bare_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """For a host: a root shell's environment, and of the caller's only its terminal."""
    kept = {name: environ[name] for name in ("TERM", "COLUMNS", "LINES", "LANG") if name in environ}
    return {"PATH": _SYSTEM_PATH, "HOME": "/root", "USER": "root", "LOGNAME": "root", **kept}


def _why_no_hosts(wanted: bool) -> str:
    if not wanted:
        return "--no-hosts was given"
    if os.geteuid() != 0:
        return "only root can create network namespaces"
    if cgroups.hierarchy() is None:
        return "no cgroup2 hierarchy is mounted, and systemd needs one"
    return ""


def _can_isolate() -> bool:
    """Whether a lab without hosts can have a network of its own: within it, packets that the tool sends to an address
    of AWS do not leave the machine."""
    if os.geteuid() != 0 or not all(map(shutil.which, ("unshare", "ip"))):
        return False
    wrapped = subprocess.run([*WRAPPER, "true"], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return wrapped.returncode == 0


def _require(needed: Mapping[str, str]) -> None:
    path = f"{os.environ.get('PATH', '')}:{_SYSTEM_PATH}"
    missing = {tool: package for tool, package in needed.items() if not shutil.which(tool, path=path)}
    if missing:
        raise ToolError(
            f"this machine lacks {', '.join(missing)}",
            cause="a lab's hosts use this machine's own programs",
            advice=f"apt-get install {' '.join(sorted(set(missing.values())))}, or start without hosts: --no-hosts",
        )


def _free_port() -> int:
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _start_supervisor(directory: LabDirectory, held: int) -> subprocess.Popen[bytes]:
    environ = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:{_SYSTEM_PATH}", "PYTHONUNBUFFERED": "1"}
    with directory.log.open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "edgewrap.lab.supervisor", directory.name, str(directory.path)],
            cwd="/",
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(held,),
            start_new_session=True,
        )


def _wait_until_ready(directory: LabDirectory, supervisor: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _READY_S
    while supervisor.poll() is None and not directory.control.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    try:
        control.ask(directory, "ready", timeout_s=_READY_S)
    except LabError as error:
        _end(supervisor)
        lines = directory.log.read_text(errors="replace").splitlines()[-_LOG_LINES:] if directory.log.exists() else []
        raise LabError(
            f"the lab {directory.name!r} did not start: {error.what}",
            cause="\n".join([error.cause, "the last lines of its log:", *lines]),
            advice=f"the whole log is {directory.log}; {error.advice}",
        ) from error


def _end(supervisor: subprocess.Popen[bytes]) -> None:
    supervisor.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        supervisor.wait(_END_S)
