"""How far a host has set itself up, as its user data makes it do at its first boot; and waiting for that.

A set-up that failed is run again by the next converge, with the files of the spec as it is by then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from shlex import quote
from time import monotonic
from typing import TYPE_CHECKING

from edgewrap.errors import ConvergeError, HostError
from edgewrap.first_boot.files import DIRECTORY, SCRIPT, SetupFile
from edgewrap.hosts.render.files import script
from edgewrap.hosts.ssh.errors import cause_and_advice

if TYPE_CHECKING:
    from edgewrap.hosts.ssh.connection import Session

WAIT_S = 1800  # a mirror may be slow, and every package run on the host comes first
POLL_S = 2
PROGRESS_S = 15
READ_TIMEOUT_S = 60
SHOWN = 5  # lines of the log in an error

Tell = Callable[[str], None]


class SetupState(StrEnum):
    """`ABSENT`: the host has no user data of edgewrap's, its image brought everything."""

    ABSENT = "absent"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Setup:
    """A host's set-up. `version` is that of OpenNebula's repository, once it is done; `reason` says why it failed;
    `log` holds the last lines of its log."""

    state: SetupState = SetupState.ABSENT
    version: str = ""
    reason: str = ""
    log: tuple[str, ...] = ()

    @property
    def step(self) -> str:
        """What it does now, as the log tells it."""
        return self.log[-1] if self.log else "waiting for cloud-init"


NO_SETUP = Setup()


def parse_setup(text: str) -> Setup:
    """Parse what `setup_state` printed. Raises ValueError where it is something else."""
    values: dict[str, str] = {}
    log: list[str] = []
    for line in text.split("\n"):
        if line.startswith("|"):
            log.append(line[1:].strip().rpartition("\r")[2])  # of a progress bar, its last state
        elif line.strip():
            name, _, value = line.partition("=")
            values[name] = value.strip()
    return Setup(
        SetupState(values.get("state", SetupState.ABSENT)),
        values.get("version", ""),
        values.get("reason", ""),
        tuple(line for line in log if line),
    )


async def wait_until_set_up(session: Session, files: Sequence[SetupFile], tell: Tell) -> None:
    """Wait until the host has set itself up, at once where it has or where it does not. One that failed before is
    started again, with `files` in place of those that it had.

    Raises ConvergeError where it fails, HostError where it does not end.
    """
    setup = await _read(session)
    if setup.state is SetupState.FAILED:
        tell(f"its set-up failed ({setup.reason}): started again")
        await _start(session, files)
        setup = await _read(session)
    begun, told, shown = monotonic(), -float(PROGRESS_S), ""
    while setup.state is SetupState.RUNNING:
        waited = monotonic() - begun
        if waited > WAIT_S:
            raise _endless(session.host.key, setup)
        new_step = setup.step.startswith("edgewrap: ") and setup.step != shown
        if new_step or waited - told >= PROGRESS_S:
            told, shown = waited, setup.step
            tell(f"it sets itself up: {setup.step.removeprefix('edgewrap: ')}")
        await asyncio.sleep(POLL_S)
        setup = await _read(session)
    if setup.state is SetupState.FAILED:
        raise _failed(session.host.key, setup)


async def _read(session: Session) -> Setup:
    answer = await session.run_as_root(f"{script('set-up.sh')}setup_state\n", READ_TIMEOUT_S)
    try:
        return parse_setup(answer.stdout)
    except ValueError as error:
        raise HostError(
            session.host.key,
            "the state of its set-up cannot be read",
            cause=answer.stderr.strip() or str(error),
            advice=f"look at {DIRECTORY} on the host (`edgewrap ssh`)",
        ) from error


async def _start(session: Session, files: Sequence[SetupFile]) -> None:
    """With `files` in their places first, each in one step."""
    lines = [script("set-up.sh"), "set -eu"]
    for file in files:
        path, new = quote(file.path), quote(f"{file.path}.new")
        lines += [f"printf '%s' {quote(file.text)} >{new}", f"chmod {file.mode} {new}", f"mv {new} {path}"]
    answer = await session.run_as_root("\n".join([*lines, "start_setup", ""]), READ_TIMEOUT_S)
    if answer.status != 0:
        raise ConvergeError(
            session.host.key,
            f"its set-up could not be started again: status {answer.status}",
            cause=answer.stderr.strip() or "it said nothing",
            advice=f"run `sh {SCRIPT}` as root on the host",
        )


def _failed(key: str, setup: Setup) -> ConvergeError:
    telling = [line for line in setup.log if line.startswith("E: ")] or list(setup.log)
    cause, advice = cause_and_advice("; ".join(telling[-SHOWN:]) or "it said nothing", "mend the cause")
    return ConvergeError(
        key,
        f"its set-up failed: {setup.reason}",
        cause=cause,
        advice=f"{advice}, then run apply again: it starts the set-up again; {DIRECTORY}/setup.log on the host has all "
        f"of it (`edgewrap ssh {key}`)",
    )


def _endless(key: str, setup: Setup) -> HostError:
    return HostError(
        key,
        f"it still sets itself up after {WAIT_S // 60} minutes",
        cause=f"the last that it said: {setup.step}",
        advice=f"look at {DIRECTORY}/setup.log on the host (`edgewrap ssh {key}`), then run it again",
    )
