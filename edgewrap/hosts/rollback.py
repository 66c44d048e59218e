"""The rollback around a change on a host, as text: arming it, confirming the change, and what the host reports of it.

scripts/rollback.sh does it on the host. It is there only from a change to its confirmation. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from shlex import quote

from edgewrap.hosts.authorized_keys import keys_functions
from edgewrap.hosts.blocks import NAMES
from edgewrap.hosts.render.files import GLOBAL_SYSCTLS, RELOADS, UNIT_NAMES, WANTS, script

DIRECTORY = "/var/lib/edgewrap/rollback"
LOG = "/var/lib/edgewrap/changes.log"
ROLLED_BACK = 4  # the status of CONFIRM if there is nothing to confirm any more

CONFIRM = f"""[ -f {DIRECTORY}/rollback.sh ] || exit {ROLLED_BACK}
exec sh {DIRECTORY}/rollback.sh confirm "${{1:-nobody}}"
"""
"""Confirms the last change, for a root shell on a connection that is newer than the change."""


SAVED_PATHS = {
    **RELOADS,
    **{f"{WANTS}/{unit}": None for unit in UNIT_NAMES},
    "/var/lib/edgewrap/operators": None,
    NAMES: None,
}
"""Patterns of the files that a rollback restores, and what it reloads after that. libvirt's file is not among them: it
would be removed if a package has brought it since."""

_PENDING = "pending"
_FAILED = 'case $? in 0) ;; *) sh "$rollback/rollback.sh" now "a step of it failed" ;; esac'


@dataclass(frozen=True, slots=True)
class RollbackFacts:
    """Whether a change is not confirmed yet, and the last line of the host's log of changes (empty without one)."""

    pending: bool = False
    last: str = ""

    @property
    def rolled_back(self) -> str:
        """When and why the last change was rolled back; empty if it was not."""
        return self.last if " rolled back: " in self.last else ""


def parse_rollback(lines: Sequence[str]) -> RollbackFacts:
    """Parse what facts.sh printed of it."""
    return RollbackFacts(_PENDING in lines[:1], next((line for line in reversed(lines) if line != _PENDING), ""))


def confirm_and(then: str) -> str:
    """The script that confirms the last change and, once it has, runs the script `then`. A confirmation that fails ends
    it with that status; otherwise the status is 0, whatever `then` does."""
    return f"(\n{CONFIRM}) </dev/null || exit\n(\n{then})\nexit 0\n"


def with_rollback(change: str, user: str, *, at_most_s: int, rollback_s: int) -> str:
    """The script `change` with a rollback around it: armed for `at_most_s` seconds before the change, and for
    `rollback_s` more after it. If a step fails, everything is rolled back at once. `user`: whose authorized keys it may
    change."""
    texts = {name: script(name) for name in ("rollback.sh", "network.sh", "frr.sh")}
    texts["keys.sh"] = keys_functions()
    texts["sysctl-names"] = "".join(f"{name}\n" for name in GLOBAL_SYSCTLS)
    texts["paths"] = "".join(f"{reload or '-'} {pattern}\n" for pattern, reload in SAVED_PATHS.items())
    write = "\n".join(f"\tprintf '%s' {quote(text)} >\"$rollback/{name}\"" for name, text in texts.items())
    # a change that is not confirmed yet keeps the scripts that it was made with
    return f"""set -eu
rollback={DIRECTORY}
echo "##edgewrap:step rollback"
if [ ! -f "$rollback/armed" ]; then
	rm -rf "$rollback"; mkdir -p "${{rollback%/*}}"; mkdir -m 700 "$rollback"
{write}
fi
sh "$rollback/rollback.sh" arm {at_most_s} {quote(user)} $$
trap {quote(_FAILED)} EXIT
{change}
sh "$rollback/rollback.sh" ready {rollback_s}
"""
