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
    """What one check found. `plane` is None if it concerns this machine only; `check` names what was checked
    (`Elastic IPs`); `text` is the result, `advice` what to do, empty if the verdict is ok."""

    plane: PlaneName | None
    check: str
    verdict: Verdict
    text: str
    advice: str = ""

    def __str__(self) -> str:
        return f"{self.check}: {self.text}"
