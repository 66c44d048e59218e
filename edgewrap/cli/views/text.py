"""Plans, errors and events as plain text, shared by the views; pure functions. Texts in what they get are safe."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from edgewrap.change import Action, Change, Origin, PlaneName
from edgewrap.counted import counted
from edgewrap.errors import ErrorReport
from edgewrap.events import Event, EventKind

SYMBOLS = {Action.CREATE: "+", Action.UPDATE: "~", Action.REPLACE: "±", Action.DELETE: "-"}
SYMBOLS |= {Action.ADOPT: "→"}
LONGEST = 4000  # characters of a line of an error
LONGEST_VALUE = 60
LONGEST_LINE = 200  # of a diff
MARKS = {EventKind.STEP_FAILED: "failed: ", EventKind.WARNING: "warning: "}
DONE = "✓"
PLANE_WIDTH = max(len(plane) for plane in PlaneName)
MOST_NAMED = 2  # things of one kind on a host; more are counted
MOST_LINES = 40  # about the updates of a host
CHECKSUM = "sha256"  # which means nothing to people
TEXTS = ("lines", "rules", "configuration", "keys", "accept")  # attributes that a diff shows


def plan_lines(
    changes: Sequence[Change], planes: Sequence[PlaneName], unread: Sequence[str] = (), *, details: bool = False
) -> Iterator[str]:
    """The plan: a head line for every plane, below it its entries. `unread` are the hosts that could not be read."""
    for plane in planes:
        of_plane = [change for change in changes if change.plane is plane]
        yield f"{plane.value}: {plane_summary(changes, plane, unread)}"
        for _, lines in entries(of_plane, details=details):
            yield from lines


def entries(changes: Sequence[Change], *, details: bool = False) -> Iterator[tuple[Action, list[str]]]:
    """What an entry of a shown plan does, and its lines. Every change is an entry. Hosts that need the same are one,
    unless there are `details`: a line that names or counts what changes on them, and below it what is different."""
    hosts: dict[tuple[Action, str, tuple[str, ...]], list[str]] = {}
    for change in changes:
        if details or change.plane is not PlaneName.HOSTS:
            yield change.action, [*change_lines(change)]
    if not details:
        of_hosts = [change for change in changes if change.plane is PlaneName.HOSTS]
        for host, group in groupby(of_hosts, key=lambda change: change.key.partition("/")[0]):
            of_host = [*group]
            action, lines = _host_entry(of_host)
            hosts.setdefault((action, _drift_of(of_host), tuple(lines)), []).append(host)
    for (action, drift, (parts, *rest)), names in hosts.items():
        yield action, [f"  {SYMBOLS[action]} {', '.join(names)}  ({parts}){drift}", *rest]


def _drift_of(changes: Sequence[Change]) -> str:
    """What the line of a host's changes says of drift."""
    count, words = drift_count(changes), dict.fromkeys(map(_drift, changes))
    if not count or len(words) == 1:
        return "".join(words)
    return f"  (drift: {count} of {len(changes)})" if count < len(changes) else "  (drift)"


def _drift(change: Change) -> str:
    if change.reason is None:
        return ""
    return f"  ({'spec, and ' if change.origin is Origin.SPEC else ''}drift: {change.reason.value})"


def _why(change: Change) -> str:
    return f"  ({change.why})" if change.why and change.why != change.reason else ""


def drift_count(changes: Iterable[Change]) -> int:
    """How many of the changes restore what has drifted."""
    return sum(change.reason is not None for change in changes)


def _host_entry(changes: Sequence[Change]) -> tuple[Action, list[str]]:
    """What a host's changes do to it, what they are in one line, and what the updates among them change."""
    actions = [action for action in Action if any(change.action is action for change in changes)]
    parts = []
    for action in actions:
        names: dict[str, list[str]] = {}
        for change in changes:
            if change.action is action:
                names.setdefault(change.kind, []).append(change.key.split("/", 2)[-1])
        symbol = f"{SYMBOLS[action]} " if len(actions) > 1 else ""
        parts.append(symbol + ", ".join(_named(kind, several) for kind, several in names.items()))
    different = (change for change in changes if change.diff or change.action is Action.UPDATE)
    updates = [line for change in different for line in _update_lines(change)]
    if len(updates) > MOST_LINES:
        updates = [
            *updates[:MOST_LINES],
            f"      … {counted(len(updates) - MOST_LINES, 'more line')}; `--details` shows them",
        ]
    return actions[0] if len(actions) == 1 else Action.UPDATE, ["; ".join(parts), *updates]


def _named(kind: str, names: Sequence[str]) -> str:
    if len(names) > MOST_NAMED:
        return counted(len(names), kind)
    return ", ".join(f"{kind} {name}" for name in names)


def _update_lines(change: Change) -> Iterator[str]:
    yield f"      {change.kind} {change.key.split('/', 2)[-1]}{_why(change)}"
    yield from (f"  {line}" for line in _attribute_lines(change))


def change_lines(change: Change) -> Iterator[str]:
    """One change: its head line, then, for an update or a replacement, the attributes that differ."""
    yield f"  {SYMBOLS[change.action]} {change.kind} {change.key}{_why(change)}{_drift(change)}"
    if change.action in (Action.UPDATE, Action.REPLACE):
        yield from _attribute_lines(change)


def _attribute_lines(change: Change) -> Iterator[str]:
    """The attributes that differ, and the lines of a text that are removed and added."""
    for name in sorted({*change.before, *change.after}):
        if name != CHECKSUM and not (change.diff and name in TEXTS):
            yield f"      {name}: {_value(change.before.get(name))} -> {_value(change.after.get(name))}"
    yield from (f"      {_cut(line, LONGEST_LINE)}" for line in change.diff)


def plane_summary(changes: Sequence[Change], plane: PlaneName, unread: Sequence[str]) -> str:
    """The summary of one plane's changes; for the hosts, with those of which nothing is known."""
    text = summary([change for change in changes if change.plane is plane])
    if plane is not PlaneName.HOSTS or not unread:
        return text
    return f"{text} on those that were read; not read: {', '.join(unread)}"


def summary(changes: Sequence[Change]) -> str:
    """`2 to create, 1 to delete (1 of them drift)`, or `nothing to do`."""
    if not changes:
        return "nothing to do"
    counts, drift = Counter(change.action for change in changes), drift_count(changes)
    text = ", ".join(f"{counts[action]} to {action.value}" for action in Action if counts[action])
    return f"{text} ({drift} of them drift)" if drift else text


def capped(report: ErrorReport) -> ErrorReport:
    """The report with long texts cut: those of others may have megabytes. Secrets must be hidden by then, or a part of
    one that is cut would be shown."""
    failures = None if report.failures is None else tuple(map(capped, report.failures))
    return replace(report, what=tuple(map(_capped, report.what)), cause=_capped(report.cause), failures=failures)


def _capped(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({counted(len(text) - LONGEST, 'more character')})"


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
    key = f"{event.key}: " if event.key and not event.text.startswith(f"{event.key}: ") else ""
    return f"{where}{mark}{key}{event.text}{f' [{took}]' if took else ''}"


def _value(value: str | None) -> str:
    if value is None:
        return "(none)"
    return repr(_cut(value, LONGEST_VALUE))


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
