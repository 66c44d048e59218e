"""The result of one preflight check: the type that every plane's checks return.

It is below the planes, beside `Change`, because planes make findings and must not import the engine.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from edgewrap.change import PlaneName

CREDENTIALS = "credentials"
"""The check of AWS credentials: shown even if they are valid, because it names the account that will be changed."""


class Verdict(StrEnum):
    """`UNKNOWN`: the check could not run."""

    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found."""

    plane: PlaneName | None
    """The plane that it is about; null if it concerns this machine only."""
    check: str
    """What was checked: `Elastic IPs`."""
    verdict: Verdict
    """Whether that is as it must be."""
    text: str
    """The result."""
    advice: str = ""
    """What to do; empty if the verdict is ok."""

    def __str__(self) -> str:
        return f"{self.check}: {self.text}"
