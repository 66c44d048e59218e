"""What every plane shares: the context of a run, and the comparison of what is planned with what is needed.

A plane observes (`observe`, read-only), plans (`plan` and `destroy`, pure), applies (`apply`) and checks what a run
needs (`preflight`, which raises nothing). The order of arguments is the same everywhere: the facts or the plan, then
the context.

The plan is data: `apply` may do what it shows. Before a plane acts, it observes again and plans again with the same
functions. An operation that is no longer needed is skipped; one that was not planned stops the run before that plane
changes anything (`require_planned`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from edgewrap.change import Change, unplanned
from edgewrap.errors import PlanOutdatedError
from edgewrap.events import Emit, Event, EventKind
from edgewrap.outputs import HostPin, HostReport, Outputs

SHOWN = 5  # of the changes that an error names


@dataclass(frozen=True, slots=True)
class Context:
    """What planes know about each other and about the run. A plane reads what it needs.

    `outputs` are AWS's: as they are now, or as a plan predicts them, with UNKNOWN in them; None if AWS has nothing yet.
    `before` are those before the run. `pins` are the pinned SSH host keys and `reports` what the hosts plane reports of
    each host, by host key. No interface group stays on the hosts `avoid`; the instances of the hosts `replaced` are
    replaced. `front_end_version` is OpenNebula's, empty if unknown. `allocations` are the allocation ids that address
    ranges on the front-end name, None if they are not known. `wait_s`: seconds to wait for SSH.
    """

    outputs: Outputs | None = None
    before: Outputs | None = None
    pins: Mapping[str, HostPin] = field(default_factory=dict)
    reports: Mapping[str, HostReport] = field(default_factory=dict)
    avoid: frozenset[str] = frozenset()
    replaced: frozenset[str] = frozenset()
    front_end_version: str = ""
    allocations: frozenset[str] | None = None
    wait_s: float = 0

    @property
    def known_outputs(self) -> Outputs:
        """The outputs, for a plane that needs them."""
        if self.outputs is None:
            raise ValueError("a plane was called without AWS's outputs")
        return self.outputs


NO_CONTEXT = Context()


def require_planned(changes: Sequence[Change], planned: Sequence[Change]) -> None:
    """Raises PlanOutdatedError, with the names, if `changes` has what was not `planned`."""
    more = unplanned(changes, planned)
    if not more:
        return
    names = ", ".join(f"{change.action} {change.kind} {change.key}" for change in more[:SHOWN])
    rest = f" and {len(more) - SHOWN} more" if len(more) > SHOWN else ""
    raise PlanOutdatedError(
        f"not planned: {names}{rest}",
        cause=f"{more[0].plane.value} changed after the plan was made",
        advice="re-run: the new plan shows it",
    )


def report_skipped(planned: Sequence[Change], changes: Sequence[Change], emit: Emit) -> None:
    """An event for each planned change that is no longer needed."""
    left = {(change.plane, change.kind, change.key) for change in changes}
    for change in planned:
        if (change.plane, change.kind, change.key) not in left:
            text = f"skipped, no longer needed: {change.action} {change.kind}"
            emit(Event(EventKind.INFO, change.plane, change.key, text))
