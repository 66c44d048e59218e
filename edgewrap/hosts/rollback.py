"""The way back of a change on a host, as text: arming it around a script, confirming, and what the host tells of it.

scripts/rollback.sh does it on the host. It is there only between a change and its confirmation. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from shlex import quote

from edgewrap.hosts.render.files import script

DIRECTORY = "/var/lib/edgewrap/undo"
LOG = "/var/lib/edgewrap/undo.log"
TAKEN_BACK = 4  # the status of CONFIRM where nothing is left to confirm

CONFIRM = f"""[ -f {DIRECTORY}/rollback.sh ] || exit {TAKEN_BACK}
exec sh {DIRECTORY}/rollback.sh confirm "${{1:-nobody}}"
"""
"""Confirms the last change, for a root shell on a connection that is newer than that."""

_SCRIPTS = ("rollback.sh", "snapshot.py", "frr.sh")
_PENDING = "pending"
_FAILED = 'case $? in 0) ;; *) sh "$undo/rollback.sh" undo "a step of it failed" ;; esac'


@dataclass(frozen=True, slots=True)
class RollbackFacts:
    """Whether a change waits for its confirmation, and the last line of the host's log of changes (empty without
    one)."""

    pending: bool = False
    last: str = ""

    @property
    def taken_back(self) -> str:
        """When and why the last change was taken back; empty where it was not."""
        return self.last if " undone: " in self.last else ""


NO_ROLLBACK = RollbackFacts()


def parse_rollback(lines: list[str]) -> RollbackFacts:
    """Parse what facts.sh printed of it."""
    return RollbackFacts(lines[:1] == [_PENDING], next((line for line in reversed(lines) if line != _PENDING), ""))


def with_rollback(change: str, user: str, *, at_most_s: int, rollback_s: int) -> str:
    """The script `change` with a rollback around it: armed for `at_most_s` seconds before it, and for `rollback_s` more
    when it is done. If a step fails, all of it is rolled back at once. `user`: whose authorized keys it may change."""
    return "\n".join([*_arm(user, at_most_s), change, f'sh "$undo/rollback.sh" ready {rollback_s}', ""])


def _arm(user: str, seconds: int) -> Iterator[str]:
    yield "set -eu"
    yield f"undo={DIRECTORY}"
    yield 'echo "##edgewrap:step the way back"'
    # what waits for a confirmation stays with the scripts that it was made with
    yield 'if [ ! -f "$undo/snapshot.json" ]; then'
    yield '\trm -rf "$undo"; mkdir -p "${undo%/*}"; mkdir -m 700 "$undo"'
    for name in _SCRIPTS:
        yield f"\tprintf '%s' {quote(script(name))} >\"$undo/{name}\""
    yield "fi"
    yield f'sh "$undo/rollback.sh" arm {seconds} {quote(user)} $$'
    yield f"trap {quote(_FAILED)} EXIT"
