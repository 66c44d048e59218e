"""How far a run is: counted from its plan and its events; pure. What the views and the end of a run show is from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from edgewrap.change import Change, PlaneName
from edgewrap.counted import counted
from edgewrap.events import Event, EventKind
from edgewrap.outputs import Outputs

MOST_EIPS = 8  # Elastic IPs that the end of a run names
STEPS = (EventKind.STEP_STARTED, EventKind.STEP_PROGRESS)


@dataclass(slots=True)
class Running:
    """A step that has not ended: what it does, and since when (seconds of a monotonic clock)."""

    text: str
    since: float


@dataclass(slots=True)
class PlaneProgress:
    """One plane. `things` are what the plan changes (resources, hosts); `done` and `failed` those of them that ended.
    `since` and `until` are when its first step started and its last one ended."""

    things: frozenset[str] = frozenset()
    done: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    running: dict[str, Running] = field(default_factory=dict)
    since: float | None = None
    until: float = 0

    @property
    def left(self) -> int:
        """How many things are not done."""
        return len(self.things - self.done)

    @property
    def seconds(self) -> float:
        """From the start of the first step to the end of the last one."""
        return 0 if self.since is None else self.until - self.since


class Progress:
    """A run."""

    def __init__(self) -> None:
        self.planes = {plane: PlaneProgress() for plane in PlaneName}

    def planned(self, changes: Sequence[Change]) -> None:
        """What the run will change."""
        for plane, progress in self.planes.items():
            progress.things = frozenset(thing(change) for change in changes if change.plane is plane)

    def add(self, event: Event, now: float) -> None:
        """An event at `now`, in seconds of a monotonic clock."""
        if event.plane is None:
            return
        progress = self.planes[event.plane]
        if event.kind in STEPS:
            started = now - (event.seconds or 0)
            progress.since = started if progress.since is None else progress.since
            progress.running.setdefault(event.key, Running(event.text, started)).text = event.text
            return
        progress.running.pop(event.key, None)
        if event.kind is EventKind.STEP_DONE:
            progress.done.add(event.key)
            progress.failed.discard(event.key)
            progress.until = now
        elif event.kind is EventKind.STEP_FAILED:
            progress.failed.add(event.key)
            progress.until = now


def thing(change: Change) -> str:
    """The key of the events about a change: a host's changes are one step."""
    if change.plane is PlaneName.HOSTS:
        return change.key.partition("/")[0]
    return f"{change.kind} {change.key}"


def result_lines(progress: Progress, name: str, outputs: Outputs) -> Iterator[str]:
    """The end of a run that changed something: counts and seconds for each plane, the Elastic IPs, the next step."""
    for plane, one in progress.planes.items():
        if one.things:
            what = "host" if plane is PlaneName.HOSTS else "change"
            yield f"{plane.value}: {counted(len(one.things), what)} in {one.seconds:.0f} s"
    if outputs.eips:
        shown = [f"{key} {eip.public_address}" for key, eip in list(outputs.eips.items())[:MOST_EIPS]]
        more = f", and {len(outputs.eips) - MOST_EIPS} more" if len(outputs.eips) > MOST_EIPS else ""
        yield f"Elastic IPs: {', '.join(shown)}{more}"
    yield f"Next: start a VM with a NIC in the network {name}-public; `edgewrap status` shows its Elastic IP."


def remaining_lines(progress: Progress, command: str) -> Iterator[str]:
    """After a failure or an interrupt: what was done, what is left, and the command that resumes. Nothing if no change
    had begun."""
    if not any(one.done or one.failed or one.running.keys() & one.things for one in progress.planes.values()):
        return
    for plane, one in progress.planes.items():
        if one.things:
            failed = f", {len(one.failed)} failed: {', '.join(sorted(one.failed)[:5])}" if one.failed else ""
            yield f"{plane.value}: {len(one.things) - one.left} of {len(one.things)} done{failed}"
    yield f"To resume: `{command}`"
