"""What a run does on the front-end, as data: shown, approved, and then executed."""

from __future__ import annotations

from dataclasses import dataclass

from edgewrap.change import Change, changes_of
from edgewrap.opennebula.kinds.operation import Operation


@dataclass(frozen=True, slots=True)
class OpenNebulaPlan:
    """`ahead` is done before AWS removes or replaces anything, `operations` once the hosts are ready. `obstacles` are
    the reasons why `apply` refuses. `hosts_left` are the keys of hosts that are removed or replaced; `ranges_removed`
    says whether their network loses address ranges. `destroy`: the plan removes the whole cluster."""

    ahead: tuple[Operation, ...] = ()
    operations: tuple[Operation, ...] = ()
    obstacles: tuple[str, ...] = ()
    hosts_left: tuple[str, ...] = ()
    ranges_removed: bool = False
    destroy: bool = False

    @property
    def changes(self) -> tuple[Change, ...]:
        """All changes, in the order in which they are made."""
        return changes_of((*self.ahead, *self.operations))
