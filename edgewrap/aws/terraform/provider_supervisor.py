"""Runs a program until nobody holds the other end of standard input any more, then interrupts it.

This file is run as a script, with the program and its arguments. However the processes at the other end die, the
program ends. It imports little, to start fast.
"""

from __future__ import annotations

import os
import signal
import sys
import time

GRACE_S = 5


def main(arguments: list[str]) -> None:
    """Run `arguments`. A program that does not end within GRACE_S seconds of the interrupt is killed."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    signal.signal(signal.SIGCHLD, lambda *_: sys.exit())  # it has ended by itself
    child = os.posix_spawn(arguments[0], arguments, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, nothing, 0)])
    os.read(0, 1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.kill(child, signal.SIGINT)
    deadline = time.monotonic() + GRACE_S
    while os.waitpid(child, os.WNOHANG)[0] == 0:
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
        time.sleep(0.01)


if __name__ == "__main__":
    main(sys.argv[1:])
