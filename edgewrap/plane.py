"""The interface of every plane, the context of a run, and the comparison of what is planned with what is needed.

The plan is data: `apply` may do what it shows. Before a plane acts, it observes again and plans again with the same
functions. An operation that is no longer needed is skipped; one that was not planned stops the run before that plane
changes anything (`require_planned`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from edgewrap.change import Change, unplanned
from edgewrap.errors import PlanOutdatedError
from edgewrap.events import Emit, Event, EventKind
from edgewrap.finding import Finding
from edgewrap.outputs import HostPin, HostReport, Outputs

FactsT = TypeVar("FactsT")
PlanT = TypeVar("PlanT")
ResultT_co = TypeVar("ResultT_co", covariant=True)

SHOWN = 5  # of the changes that an error names


@dataclass(frozen=True, slots=True)
class Context:
    """What planes know about each other and about the run. A plane reads what it needs.

    `outputs` are AWS's: as they are now, or as a plan predicts them, with UNKNOWN in them; None if AWS has nothing yet.
    `before` are those before the run. `pins` are the pinned SSH host keys and `reports` what the hosts plane reports of
    each host, by host key. No interface group stays on the hosts `avoid`; the instances of the hosts `replaced` are
    replaced. `front_end_version` is OpenNebula's, empty if unknown. `used_addresses` are the addresses in the address
    ranges of networks on `br-edge`, None if they are not known.
    `decided_inputs` is what a saved plan has decided for AWS, as its text; empty if nothing is decided. `wait_s`:
    seconds to wait for SSH.
    """

    outputs: Outputs | None = None
    before: Outputs | None = None
    pins: Mapping[str, HostPin] = field(default_factory=dict)
    reports: Mapping[str, HostReport] = field(default_factory=dict)
    avoid: frozenset[str] = frozenset()
    replaced: frozenset[str] = frozenset()
    front_end_version: str = ""
    used_addresses: frozenset[str] | None = None
    decided_inputs: str = ""
    wait_s: float = 0

    @property
    def known_outputs(self) -> Outputs:
        """The outputs, for a plane that needs them."""
        if self.outputs is None:
            raise ValueError("a plane was called without AWS's outputs")
        return self.outputs


NO_CONTEXT = Context()


class Plane(Protocol[FactsT, PlanT, ResultT_co]):
    """One plane. The order of arguments is the same everywhere: the facts or the plan, then the context."""

    def observe(self, context: Context, /) -> FactsT:
        """Read the present state; changes nothing."""
        ...

    def plan(self, facts: FactsT, context: Context, /) -> PlanT:
        """The operations that lead to what the spec asks for; changes nothing."""
        ...

    def apply(self, plan: PlanT, context: Context, /) -> ResultT_co:
        """Do what is planned and still needed. Raises PlanOutdatedError if more is needed."""
        ...

    def destroy(self, facts: FactsT, context: Context, /) -> PlanT:
        """The plan that removes everything; `apply` executes it."""
        ...

    def preflight(self, facts: FactsT, context: Context, /) -> tuple[Finding, ...]:
        """Check whether a run has what it needs; changes nothing, raises nothing."""
        ...


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
