"""The form of the tables that lead from a raw error message to its likely cause and to what to do.

Every plane has a table of its own, in its `remedies.py`. The first row whose pattern is found counts, so a row that
says more stands before one that says less.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Remedy:
    """One row: a regular expression that is searched in the message, the likely cause, and what to do."""

    pattern: str
    cause: str
    advice: str

    def fits(self, message: str) -> bool:
        """Whether the message is of this kind. Where its lines break does not count."""
        return re.search(self.pattern, " ".join(message.split())) is not None


Table = Sequence[Remedy]


def find_remedy(table: Table, message: str) -> Remedy | None:
    """The first row that fits the message; None where none does."""
    return next((remedy for remedy in table if remedy.fits(message)), None)
