"""The right that a user lacks: from the front-end's refusal to the command that grants it."""

from __future__ import annotations

import re
from dataclasses import dataclass

_REFUSAL = re.compile(r"User \[(?P<user>\d+)\] : Not authorized to perform (?P<rights>.+)")
_RIGHT = re.compile(r"(?P<right>USE|MANAGE|ADMIN|CREATE) (?P<kind>[A-Z]+(?: TEMPLATE)?)(?: \[(?P<number>\d+)\])?")


@dataclass(frozen=True, slots=True)
class MissingRight:
    """One right that a user lacks: `kind` as access control lists write it, `number` the object's id, None if the right
    is not about a single object."""

    user: int
    right: str
    kind: str
    number: int | None

    def __str__(self) -> str:
        return f"{self.right} on {self.kind}{'' if self.number is None else f' {self.number}'}"

    @property
    def grant(self) -> str:
        """The command that grants it for all objects of the kind: otherwise the next new one would be refused."""
        return f'oneacl create "#{self.user} {self.kind}/* {self.right}"'


def missing_rights(refusal: str) -> tuple[MissingRight, ...]:
    """The rights that a refusal of the front-end names; none if it has another form."""
    found = _REFUSAL.search(refusal)
    if found is None:
        return ()
    return tuple(
        MissingRight(
            int(found["user"]),
            right["right"],
            right["kind"].replace(" ", ""),  # VN TEMPLATE is VNTEMPLATE there
            int(right["number"]) if right["number"] else None,
        )
        for right in _RIGHT.finditer(found["rights"])
    )
