"""`python over_ssh.py TRIED POINTS edgewrap's arguments`: a run that is killed at the first script on a host, of those
that change something, that the file TRIED does not name yet: before it is sent, while it runs, and after its answer.
POINTS is `all`, or those to be tried, as `within change host-0,after confirm host-0`.

A run's own connections are encrypted, so this is done within its process, around the one method that sends scripts.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from edgewrap.cli.main import main
from edgewrap.hosts.rollback import CONFIRM
from edgewrap.hosts.ssh.sessions import CommandResult, HostSession

WITHIN_S = 0.5  # from sending a script until its host is at it
_CHANGE = "set -eu\nrollback="
_SET_UP = "\nstart_setup\n"

_send = HostSession.run_as_root
_tried, _points = Path(sys.argv[1]), sys.argv[2].split(",")


def _named(session: HostSession, script: str) -> str:
    """What a script is, in any run; empty where it only reads."""
    kinds = {"change": script.startswith(_CHANGE), "confirm": CONFIRM in script, "set up": _SET_UP in script}
    return next((f"{kind} {session.host.key}" for kind, is_it in kinds.items() if is_it), "")


def _untried(when: str, what: str) -> bool:
    point = f"{when} {what}"
    wanted = _points == ["all"] or point in _points
    return bool(what) and wanted and point not in _tried.read_text().splitlines()


def _die_once(when: str, what: str) -> None:
    if _untried(when, what):
        with _tried.open("a") as file:
            file.write(f"{when} {what}\n")
        os.kill(os.getpid(), signal.SIGKILL)


async def _run_as_root(self: HostSession, script: str, timeout_s: float) -> CommandResult:
    what = _named(self, script)
    _die_once("before", what)
    sent = asyncio.ensure_future(_send(self, script, timeout_s))
    if _untried("within", what):
        await asyncio.wait([sent], timeout=WITHIN_S)
        _die_once("within", what)
    answer = await sent
    _die_once("after", what)
    return answer


HostSession.run_as_root = _run_as_root  # type: ignore[method-assign]
sys.argv = ["edgewrap", *sys.argv[3:]]
sys.exit(main())
