"""The form of the tables that map a raw error message to its likely cause and to what to do.

Every plane has its own table, in its `remedies.py`. The first row whose pattern matches is used, so a specific row
must be before a general one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Remedy:
    """One row: a regular expression to search for in the message, the likely cause, and what to do."""

    pattern: str
    cause: str
    advice: str

    def fits(self, message: str) -> bool:
        """Whether the pattern matches the message. Line breaks count as spaces."""
        return re.search(self.pattern, " ".join(message.split())) is not None


def find_remedy(table: Sequence[Remedy], message: str) -> Remedy | None:
    """The first row that matches the message, or None."""
    return next((remedy for remedy in table if remedy.fits(message)), None)
