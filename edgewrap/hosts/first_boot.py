"""The state of a host's first-boot setup, which its user data runs. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class SetupState(StrEnum):
    """`ABSENT`: the host has no user data of edgewrap's, because its image has everything."""

    ABSENT = "absent"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Setup:
    """A host's setup. `version` is that of OpenNebula's repository once it is done; `reason` says why it failed; `log`
    has the last lines of its log."""

    state: SetupState = SetupState.ABSENT
    version: str = ""
    reason: str = ""
    log: tuple[str, ...] = ()

    @property
    def step(self) -> str:
        """Its current step, from the log."""
        return self.log[-1] if self.log else "waiting for cloud-init"


def parse_setup(text: str) -> Setup:
    """Parse what `setup_state` printed. Raises ValueError for anything else."""
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
