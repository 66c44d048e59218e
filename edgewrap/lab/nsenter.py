"""Run a command inside namespaces as if it had been started there, with terminal, signals and exit status.

The program `nsenter` is not enough: an interrupt ends it even if its command handles it, and it does not pass on
SIGTERM.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from edgewrap.lab.supervisor import die_with_parent

_FORWARDED = {
    *(signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGTSTP, signal.SIGCONT),
    *(signal.SIGUSR1, signal.SIGUSR2),
}
_FROM_A_PROCESS = 0  # si_code; the kernel's own (a key at the terminal) is greater, and the child has it already
_NOT_FOUND, _NOT_RUNNABLE = 127, 126


def run(
    command: Sequence[str], *, namespaces: Mapping[str, str], environ: Mapping[str, str], directory: Path | None
) -> int:
    """Run a command in namespaces and wait for it; returns its exit status.

    `namespaces` maps a kind (`net`, `mnt`, `pid`, `uts`, `ipc`, `cgroup`) to the namespace's file. `directory` is where
    the command starts, `/` if it is None or missing. If a signal ends the command, the same signal ends this process.
    """
    entrances = {kind: os.open(file, os.O_RDONLY | os.O_CLOEXEC) for kind, file in namespaces.items()}
    if "pid" in entrances:
        _enter(entrances.pop("pid"))  # for children only: this process stays where it is
    signal.pthread_sigmask(signal.SIG_BLOCK, {*_FORWARDED, signal.SIGCHLD})
    child = os.fork()
    if child == 0:
        _become(command, entrances, environ, directory)
    for entrance in entrances.values():
        os.close(entrance)
    return _attend(child)


def _become(
    command: Sequence[str], entrances: Mapping[str, int], environ: Mapping[str, str], directory: Path | None
) -> None:
    """The child: enter, and become the command. Never returns."""
    status = _NOT_RUNNABLE
    try:
        die_with_parent(signal.SIGTERM)
        for kind in sorted(entrances, key=lambda kind: kind == "mnt"):  # the mounts last: the others are found by path
            _enter(entrances[kind])
        os.chdir("/")
        if directory is not None:
            with contextlib.suppress(OSError):
                os.chdir(directory)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {*_FORWARDED, signal.SIGCHLD})
        os.execvpe(command[0], list(command), dict(environ))  # noqa: S606 - becoming it is the point
    except FileNotFoundError:
        status = _NOT_FOUND
        sys.stderr.write(f"edgewrap lab exec: {command[0]}: no such command\n")
    except OSError as error:
        sys.stderr.write(f"edgewrap lab exec: {command[0]}: {error.strerror}\n")
    finally:
        sys.stderr.flush()
        os._exit(status)


def _attend(child: int) -> int:
    """Pass signals on to the child until it ends."""
    while True:
        received = signal.sigwaitinfo({*_FORWARDED, signal.SIGCHLD})
        if received.si_signo != signal.SIGCHLD:
            if received.si_code <= _FROM_A_PROCESS:
                os.kill(child, received.si_signo)
            continue
        ended, status = os.waitpid(child, os.WNOHANG | os.WUNTRACED)
        if not ended:
            continue
        if os.WIFSTOPPED(status):
            os.kill(os.getpid(), signal.SIGSTOP)
            os.kill(child, signal.SIGCONT)
        elif os.WIFSIGNALED(status):
            _die_of(os.WTERMSIG(status))
        else:
            return os.WEXITSTATUS(status)


def _die_of(number: int) -> None:
    with contextlib.suppress(OSError):  # SIGKILL has no handler
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
    os.kill(os.getpid(), number)


def _enter(descriptor: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, 0):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
