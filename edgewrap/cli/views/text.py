"""Plans, errors and events as plain text, shared by the views; pure functions. Texts in what they get are safe."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from edgewrap.change import Action, Change, PlaneName
from edgewrap.errors import ErrorReport
from edgewrap.events import Event, EventKind

SYMBOLS = {Action.CREATE: "+", Action.UPDATE: "~", Action.REPLACE: "±", Action.DELETE: "-"}
SYMBOLS |= {Action.ADOPT: "→"}
LONGEST = 4000  # characters of a line of an error
LONGEST_VALUE = 60
MARKS = {EventKind.STEP_FAILED: "failed: ", EventKind.WARNING: "warning: "}
DONE = "✓"
PLANE_WIDTH = max(len(plane) for plane in PlaneName)
MOST_NEW_PARTS = 12  # a new host with more parts than this is shown as one entry


def plan_lines(changes: Sequence[Change], planes: Sequence[PlaneName], unread: Sequence[str] = ()) -> Iterator[str]:
    """The plan: a head line for every plane, below it a line for every change and every attribute that differs.
    `unread` are the hosts that could not be read."""
    for plane in planes:
        of_plane = [change for change in changes if change.plane is plane]
        yield f"{plane.value}: {plane_summary(changes, plane, unread)}"
        for _, lines in entries(of_plane):
            yield from lines


def entries(changes: Sequence[Change]) -> Iterator[tuple[Action, list[str]]]:
    """What an entry of a shown plan does, and its lines. Every change is an entry; a new object with many parts
    (`host-0/…`) is one."""
    for thing, group in groupby(changes, key=lambda change: change.key.partition("/")[0]):
        parts = list(group)
        if len(parts) > MOST_NEW_PARTS and all(part.action is Action.CREATE for part in parts):
            kinds = ", ".join(f"{count} {kind}" for kind, count in Counter(part.kind for part in parts).items())
            yield Action.CREATE, [f"  {SYMBOLS[Action.CREATE]} {thing}  ({kinds})"]
        else:
            yield from ((part.action, [*change_lines(part)]) for part in parts)


def change_lines(change: Change) -> Iterator[str]:
    """One change: its head line, then, for an update or a replacement, the attributes that differ."""
    why = f"  ({change.why})" if change.why else ""
    yield f"  {SYMBOLS[change.action]} {change.kind} {change.key}{why}"
    if change.action in (Action.UPDATE, Action.REPLACE):
        for name in sorted({*change.before, *change.after}):
            before, after = change.before.get(name), change.after.get(name)
            yield f"      {name}: {_value(before)} -> {_value(after)}"


def plane_summary(changes: Sequence[Change], plane: PlaneName, unread: Sequence[str]) -> str:
    """The summary of one plane's changes; for the hosts, with those of which nothing is known."""
    text = summary([change for change in changes if change.plane is plane])
    if plane is not PlaneName.HOSTS or not unread:
        return text
    return f"{text} on those that were read; not read: {', '.join(unread)}"


def summary(changes: Sequence[Change]) -> str:
    """`2 to create, 1 to delete`, or `nothing to do`."""
    if not changes:
        return "nothing to do"
    counts = Counter(change.action for change in changes)
    return ", ".join(f"{counts[action]} to {action.value}" for action in Action if counts[action])


def capped(report: ErrorReport) -> ErrorReport:
    """The report with long texts cut: those of others may have megabytes. Secrets must be hidden by then, or a part of
    one that is cut would be shown."""
    failures = None if report.failures is None else tuple(map(capped, report.failures))
    return replace(report, what=tuple(map(_capped, report.what)), cause=_capped(report.cause), failures=failures)


def _capped(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text) - LONGEST} more characters)"


def error_lines(report: ErrorReport) -> Iterator[str]:
    """What happened, with Terraform's diagnostics or the failures within it, the likely cause, what to do."""
    first, *more = report.what or ("",)
    yield f"Error: {first}"
    yield from more
    for diagnostic in report.diagnostics or ():
        yield f"  terraform: {diagnostic.summary}"
        yield from (f"    {line}" for line in diagnostic.detail if line.strip())
    for failure in report.failures or ():
        yield from (f"  {line}" for line in error_lines(failure))
    yield f"  Cause: {report.cause}"
    yield f"  What to do: {report.advice}"


def event_line(event: Event) -> str:
    """One event as one line. One that ends a step: `aws  + elastic ip eip-3  eipalloc-0a1b  2 s`."""
    took = f"{event.seconds:.0f} s" if event.seconds is not None and event.seconds >= 1 else ""
    if event.kind is EventKind.STEP_DONE and event.plane:
        symbol = SYMBOLS[event.action] if event.action else DONE
        parts = (event.plane.value.ljust(PLANE_WIDTH), f"{symbol} {event.key}", event.text, took)
        return "  ".join(part for part in parts if part)
    where = f"{event.plane.value}: " if event.plane else ""
    mark = MARKS.get(event.kind, "")
    key = f"{event.key}: " if event.key else ""
    return f"{where}{mark}{key}{event.text}{f' [{took}]' if took else ''}"


def _value(value: str | None) -> str:
    if value is None:
        return "(none)"
    return repr(value[: LONGEST_VALUE - 1] + "…") if len(value) > LONGEST_VALUE else repr(value)
