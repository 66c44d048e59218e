"""What has drifted, as text, Markdown or JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from edgewrap.change import Change, Origin, PlaneName, Reason
from edgewrap.cli.views import github, print_document, print_line
from edgewrap.cli.views.markdown import LONGEST, folded, heading
from edgewrap.cli.views.text import entries
from edgewrap.counted import counted
from edgewrap.safe_text import safe

if TYPE_CHECKING:
    from edgewrap.engine.drift import DriftItem, DriftReport


def print_drift(report: DriftReport, *, json: bool, markdown: bool) -> None:
    """Write to standard output, and to a job of GitHub Actions."""
    if json:
        print_document(report)
    report = safe(report)
    if not json:
        print_line(*(markdown_lines(report) if markdown else text_lines(report)))
    github.add_markdown("\n".join(markdown_lines(report)))
    restored = github.counts([change for item in report.items if (change := _change(item)) is not None])
    github.set_outputs(**restored | github.total(len(report.items)))


def text_lines(report: DriftReport) -> Iterator[str]:
    """For each plane its count and its objects, then what is not drift or not known."""
    for plane in report.planes:
        yield f"{plane.value}: {_counts(report, plane)}"
        for entry in _entries(report, plane):
            yield from entry
    yield from _notes(report)


def markdown_lines(report: DriftReport) -> list[str]:
    """A table of counts, and folded details of each plane, in at most `LONGEST` characters."""
    used = [reason for reason in Reason if any(item.reason is reason for item in report.items)]
    rows = [
        f"| plane |{''.join(f' {reason.value} |' for reason in used)} drifted |",
        f"|---|{'---:|' * (len(used) + 1)}",
    ]
    for plane in report.planes:
        counts = Counter(item.reason for item in report.items if item.plane is plane)
        rows.append(f"| {plane.value} |{''.join(f' {counts[one]} |' for one in used)} {counts.total()} |")
    notes = [line[:LONGEST_NOTE] for line in _notes(report)][:MOST_NOTES]
    head = [heading(report.cluster, "drift"), "", *rows, "", *(line for note in notes for line in (note, ""))]
    room = LONGEST - sum(len(line) + 1 for line in head)
    shares = [plane for plane in report.planes if any(item.plane is plane for item in report.items)]
    for plane in shares:
        title = f"{plane.value}: {_counts(report, plane)}"
        head += folded(title, _entries(report, plane), room // len(shares), "`edgewrap drift` lists them")
    return head


LONGEST_NOTE, MOST_NOTES = 400, 20  # of what is not known, in Markdown


def _entries(report: DriftReport, plane: PlaneName) -> list[list[str]]:
    """The lines of each object: those that `apply` restores as in a plan, then those that it does not."""
    items = [item for item in report.items if item.plane is plane]
    changes = [change for item in items if (change := _change(item)) is not None]
    restored = [lines for _, lines in entries(changes)]
    others = [item for item in items if item.action is None]
    return [*restored, *([f"  ! {one.kind} {one.key}  (drift: {one.reason.value})", *_said(one)] for one in others)]


def _said(item: DriftItem) -> Iterator[str]:
    yield f"      {item.why}"
    if item.advice:
        yield f"      {item.advice}"


def _change(item: DriftItem) -> Change | None:
    if item.action is None:
        return None
    origin = Origin.SPEC if item.spec_changed else Origin.DRIFT
    sides = (item.before, item.after, item.why, item.diff)
    return Change(item.plane, item.kind, item.key, item.action, *sides, origin, item.reason)


def _counts(report: DriftReport, plane: PlaneName) -> str:
    counts = Counter(item.reason for item in report.items if item.plane is plane)
    return ", ".join(f"{counts[reason]} {reason.value}" for reason in Reason if counts[reason]) or "no drift"


def _notes(report: DriftReport) -> Iterator[str]:
    for one in report.unread:
        yield f"{one.name}: could not be compared: {one.what} ({one.cause}); {one.advice}"
    yield from (f"not compared, because the run leaves the hosts out: {text}" for text in report.not_compared)
    if report.spec_changes:
        verb = "is" if report.spec_changes == 1 else "are"
        yield f"{counted(report.spec_changes, 'change')} {verb} from the spec, not drift: `edgewrap plan` shows them"
