"""Waiting over SSH until a host's first-boot setup is done. A setup that failed is started again first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from shlex import quote

from edgewrap.errors import ConvergeError, HostError
from edgewrap.first_boot.files import DIRECTORY, SCRIPT, SetupFile
from edgewrap.hosts.facts import HostFacts
from edgewrap.hosts.first_boot import Setup, SetupState, parse_setup
from edgewrap.hosts.remedies import cause_and_advice
from edgewrap.hosts.render.files import script
from edgewrap.hosts.ssh.sessions import HostSession
from edgewrap.poll import until_async

WAIT_S = 1800  # a mirror may be slow, and every other package run on the host comes first
POLL_S = 2
PROGRESS_S = 15
READ_TIMEOUT_S = 60
SHOWN = 5  # lines of the log in an error


async def read_when_set_up(session: HostSession, files: Sequence[SetupFile]) -> HostFacts:
    """The facts of the host once its first-boot setup is done; those of the session, if it had nothing to wait for. If
    it has none, and the host sets itself up with `files`, it waits first: until then parts of the facts may be missing.
    """
    facts = session.facts
    setup = facts.setup if facts else await read_setup(session) if files else Setup()
    while await wait_until_set_up(session, setup, files, session.progress) or facts is None:
        facts = await session.read()
        setup = facts.setup
    return facts


async def wait_until_set_up(
    session: HostSession, setup: Setup, files: Sequence[SetupFile], tell: Callable[[str], None]
) -> bool:
    """Wait until the host's first-boot setup is done, given its state as just read; returns False at once if it is, or
    if the host has none, True after a wait. If it failed before, start it again with `files` in place of its own.

    Raises ConvergeError if it fails, HostError if it is not done in time.
    """
    if setup.state is SetupState.FAILED:
        tell(f"first-boot setup failed ({setup.reason}); starting it again")
        await _start(session, files)
    elif setup.state is not SetupState.RUNNING:
        return False
    key = session.host.key
    told, shown = -float(PROGRESS_S), ""

    async def look(waited: float) -> Setup | None:
        nonlocal setup, told, shown
        setup = await read_setup(session)
        if setup.state is not SetupState.RUNNING:
            return setup
        new_step = setup.step.startswith("edgewrap: ") and setup.step != shown
        if new_step or waited - told >= PROGRESS_S:
            told, shown = waited, setup.step
            tell(f"first-boot setup: {setup.step.removeprefix('edgewrap: ')}")
        return None

    if await until_async(look, WAIT_S, pause_s=POLL_S) is None:
        raise HostError(
            key,
            f"first-boot setup not finished after {WAIT_S // 60} minutes",
            cause=f"its last step: {setup.step}",
            advice=f"look at {DIRECTORY}/setup.log on the host (`edgewrap ssh {key}`), then re-run",
        )
    if setup.state is SetupState.FAILED:
        errors = [line for line in setup.log if line.startswith("E: ")] or list(setup.log)
        cause, advice = cause_and_advice("; ".join(errors[-SHOWN:]) or "it printed no error", "fix the cause")
        raise ConvergeError(
            key,
            f"first-boot setup failed: {setup.reason}",
            cause=cause,
            advice=f"{advice}, then re-run apply: it starts the setup again; the whole log is {DIRECTORY}/setup.log on "
            f"the host (`edgewrap ssh {key}`)",
        )
    return True


async def read_setup(session: HostSession) -> Setup:
    """The state of its first-boot setup. Raises HostError if it cannot be read."""
    answer = await session.run_as_root(f"{script('set-up.sh')}setup_state\n", READ_TIMEOUT_S)
    try:
        return parse_setup(answer.stdout)
    except ValueError as error:
        raise HostError(
            session.host.key,
            "the state of its first-boot setup cannot be read",
            cause=answer.stderr.strip() or str(error),
            advice=f"look at {DIRECTORY} on the host (`edgewrap ssh`)",
        ) from error


async def _start(session: HostSession, files: Sequence[SetupFile]) -> None:
    """Each of the `files` is put in its place in one step before."""
    session.changed = True
    lines = [script("set-up.sh"), "set -eu"]
    for file in files:
        path, new = quote(file.path), quote(f"{file.path}.new")
        lines += [f"printf '%s' {quote(file.text)} >{new}", f"chmod {file.mode} {new}", f"mv {new} {path}"]
    answer = await session.run_as_root("\n".join([*lines, "start_setup", ""]), READ_TIMEOUT_S)
    if answer.status != 0:
        raise ConvergeError(
            session.host.key,
            f"its first-boot setup could not be started again: status {answer.status}",
            cause=answer.stderr.strip() or "the host printed no error",
            advice=f"run `sh {SCRIPT}` as root on the host",
        )
