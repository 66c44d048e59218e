"""A change on a host and its confirmation over a new connection; the host rolls back what is not confirmed.

A wrong firewall, route or list of keys may leave the connection alone over which it was made. So a new connection is
opened after each change, and only that one confirms it. It may be late, or from another address: if it is there before
the host has rolled the change back, SSH works, and the change stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic

from edgewrap.errors import ConvergeError, HostError
from edgewrap.events import EventKind
from edgewrap.hosts.desired import DesiredHost
from edgewrap.hosts.diff.host import diff
from edgewrap.hosts.disk_change import change_disks
from edgewrap.hosts.facts import HostFacts, facts_command
from edgewrap.hosts.operation import DISK, Operation, first_of
from edgewrap.hosts.remedies import cause_and_advice
from edgewrap.hosts.rollback import CONFIRM, LOG, ROLLED_BACK, confirm_and, with_rollback
from edgewrap.hosts.script import converge_script, failed_step
from edgewrap.hosts.ssh.sessions import CommandResult, HostSession, tail

CHANGE_TIMEOUT_S = 180
ROLLBACK_S = 30  # from the end of a change until the host rolls it back: time for three attempts to connect
BACK_S = 30  # and until that is done
SHOWN = 5


async def change(
    visit: HostSession, host: DesiredHost, before: HostFacts, operations: tuple[Operation, ...], *, rollback_s: int
) -> HostFacts:
    """Apply the operations and confirm them, those on disks last. Returns the facts after that.

    Raises ConvergeError if a step fails, or if no new connection confirms the change within `rollback_s` seconds. The
    host has rolled the change back then, and `visit` has its facts after that.
    """
    if before.missing_tools:
        raise ConvergeError(
            host.key,
            f"it lacks {', '.join(before.missing_tools)}",
            cause="the image is not one of the supported Ubuntu releases, or packages were removed",
            advice="install iproute2, nftables, util-linux, python3, frr and frr-pythontools on it, then re-run",
        )
    visit.changed = True
    disks = tuple(one for one in operations if one.change.kind == DISK)
    after = before
    if others := tuple(one for one in operations if one not in disks):
        after = await _change_with_rollback(visit, host, before, others, rollback_s)
    if disks:
        await change_disks(visit, host, disks)
        after = await visit.read()
    return after


async def _change_with_rollback(
    visit: HostSession, host: DesiredHost, before: HostFacts, operations: tuple[Operation, ...], rollback_s: int
) -> HostFacts:
    script = converge_script(host, operations)
    script = with_rollback(script, host.user, at_most_s=CHANGE_TIMEOUT_S, rollback_s=rollback_s)
    lost: HostError | None = None
    try:
        answer = await visit.run_as_root(script, CHANGE_TIMEOUT_S)
    except ConvergeError:
        raise
    except HostError as error:
        lost = error
    else:
        if answer.stderr.strip():
            visit.tell(EventKind.LOG, answer.stderr.strip())
        if answer.status != 0:
            words = tail(answer.stderr) or "the step printed no error"
            cause, advice = cause_and_advice(words, "fix the error above and re-run")
            what = f"step '{failed_step(answer.stdout)}' failed with status {answer.status}"
            raise ConvergeError(host.key, f"{what}; the host rolled the change back", cause=cause, advice=advice)
    return await _confirm(visit, host, before, lost, rollback_s)


async def confirm_earlier_change(visit: HostSession, facts: HostFacts) -> bool:
    """Confirm the change of an earlier run that did not: this connection is newer. Reports what the host rolled back.
    Returns True if the facts may have changed."""
    if not facts.rollback.pending:
        if facts.rollback.rolled_back:
            visit.progress(f"its last change was rolled back: {facts.rollback.rolled_back}")
        return False
    visit.changed = True
    answer = await visit.run_as_root(CONFIRM, CHANGE_TIMEOUT_S)
    if answer.status not in (0, ROLLED_BACK):
        raise _not_confirmed(visit.host.key, answer)
    visit.progress(
        "an earlier run's change is confirmed by this connection"
        if answer.status == 0
        else "an earlier run's change was not confirmed and has been rolled back"
    )
    return True


async def _confirm(
    visit: HostSession, host: DesiredHost, before: HostFacts, lost: HostError | None, rollback_s: int
) -> HostFacts:
    """The facts after it. `lost`: how the connection was lost during the change, which may still be running then."""
    deadline = monotonic() + rollback_s + BACK_S + (CHANGE_TIMEOUT_S if lost else 0)
    cause = f"no new SSH connection within {rollback_s} s after the change"
    try:
        try:
            await visit.connect(0)
        except HostError as error:
            cause += f": {error.cause}"
            visit.progress(
                f"no new SSH connection after the change ({error.cause}): without one within {rollback_s} s, the host "
                "rolls the change back"
            )
            await visit.connect(deadline - monotonic())
    except HostError as error:
        raise ConvergeError(
            host.key,
            "the change cut SSH off, and no connection has worked since: its state is unknown",
            cause=f"{error.what}: {error.cause}",
            advice=f"the host rolls the change back, at its next boot at the latest, and notes that in {LOG}; use the "
            "instance's console if it does not answer again",
        ) from error
    try:
        answer = await visit.run_as_root(confirm_and(facts_command(host.user)), CHANGE_TIMEOUT_S)
    except HostError as error:
        raise ConvergeError(
            host.key,
            "SSH works after the change, but it is not known whether the change was confirmed",
            cause=f"{error.what}: {error.cause}",
            advice=f"re-run; the host rolls back what was not confirmed, at its next boot at the latest, and "
            f"notes that in {LOG}",
        ) from error
    if answer.status == ROLLED_BACK:
        outcome = f"the host rolled it back and {_compared(host, before, await visit.read())}"
        if lost:
            what, cause = f"the change was interrupted; {outcome}", f"{lost.what}: {lost.cause}"
            raise ConvergeError(host.key, what, cause=cause, advice=lost.advice)
        raise ConvergeError(
            host.key,
            f"the change cut SSH off; {outcome}",
            cause=cause,
            advice="make sure that ssh.from, hosts.firewall and ssh.authorized_keys let in every address and key that "
            "you connect with, then re-run",
        )
    if answer.status != 0:
        raise _not_confirmed(host.key, answer)
    return visit.keep_facts(answer)


def _compared(host: DesiredHost, before: HostFacts, facts: HostFacts) -> str:
    """What the host is after a rollback, for a person. A rollback makes the network of before from its files, so what
    was wrong before may be right now."""
    needed = {operation.change.key for operation in diff(host, before)}
    other = [operation for operation in diff(host, facts) if operation.change.key not in needed]
    return f"is not quite as before: {names_of(other)}" if other else "is as before"


def names_of(operations: Sequence[Operation]) -> str:
    """The names of the operations, as text; of many, the first ones and how many more."""
    return first_of([operation.change.key.partition("/")[2] for operation in operations], SHOWN)


def _not_confirmed(key: str, answer: CommandResult) -> ConvergeError:
    return ConvergeError(
        key,
        f"its last change could not be confirmed: status {answer.status}",
        cause=tail(answer.stderr) or "the host printed no error",
        advice=f"the host rolls it back and notes that in {LOG}; look there, then re-run",
    )
