"""What a check found before anything is made: the one type that every plane's checks give.

It stands below the planes, beside `Change`, because planes make findings and must not import the engine.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from edgewrap.change import PlaneName

CREDENTIALS = "credentials"
"""The check of who we are to AWS: shown even where all is well, since it says whose account is changed."""


class Verdict(StrEnum):
    """`UNKNOWN`: the check could not be made."""

    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found. `plane` is None for what concerns this machine only; `check` names what was looked at
    (`Elastic IPs`); `text` says what is, `advice` what to do, empty where the verdict is ok."""

    plane: PlaneName | None
    check: str
    verdict: Verdict
    text: str
    advice: str = ""

    def __str__(self) -> str:
        return f"{self.check}: {self.text}"
