"""A plan as Markdown, for a comment on a pull request; findings and errors, for the summary of a job. Texts in what it
gets are safe."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from edgewrap.change import Action, Change, PlaneName
from edgewrap.cli.views import ShownPlan
from edgewrap.cli.views.lines import LinesView
from edgewrap.cli.views.text import drift_count, entries, error_lines
from edgewrap.counted import counted
from edgewrap.errors import ErrorReport
from edgewrap.finding import Finding, Verdict

MOST_UNREAD = 20  # hosts that are named
LONGEST = 60_000  # characters; GitHub takes 65,536


def heading(name: str, command: str = "plan") -> str:
    """The first line, by which a pipeline finds its comment to update it."""
    return f"### edgewrap {command}: {name}"


def plan_markdown(
    name: str,
    changes: Sequence[Change],
    planes: Sequence[PlaneName],
    longest: int = LONGEST,
    *,
    command: str = "plan",
    unread: Sequence[str] = (),
) -> str:
    """A summary table, and folded details of each plane; at most `longest` characters, with a note of what is left
    out. `unread` are the hosts that could not be read."""
    head = [heading(name, command), "", *_table(changes, planes), ""]
    if unread:
        shown = ", ".join(f"`{key}`" for key in unread[:MOST_UNREAD])
        more = f" and {len(unread) - MOST_UNREAD} more" if len(unread) > MOST_UNREAD else ""
        head += [f"**Not complete**: {shown}{more} could not be read, so what they need is not known.", ""]
    room = longest - sum(len(line) + 1 for line in head)
    shares = [plane for plane in planes if any(change.plane is plane for change in changes)]
    parts = [
        part
        for plane in shares
        for part in _details(plane, [one for one in changes if one.plane is plane], room // len(shares))
    ]
    return "\n".join([*head, *(parts or ["No changes."])]) + "\n"


def findings_markdown(name: str, findings: Sequence[Finding]) -> str:
    """The findings of a preflight: counts, then every check that is not ok with its advice, then the others, folded."""
    counts = Counter(finding.verdict for finding in findings)
    lines = {
        finding: f"{finding.verdict.value}: {finding}" + (f"\n    {finding.advice}" if finding.advice else "")
        for finding in findings
    }
    rest = [line for finding, line in lines.items() if finding.verdict is not Verdict.OK]
    fine = [line for finding, line in lines.items() if finding.verdict is Verdict.OK]
    summary = ", ".join(f"{counts[verdict]} {verdict.value}" for verdict in Verdict if counts[verdict])
    folded = ["<details><summary>ok</summary>", "", *_block(fine), "", "</details>"] if fine else []
    return "\n".join([heading(name, "preflight"), "", summary, "", *(_block(rest) if rest else []), "", *folded]) + "\n"


def error_markdown(command: str, report: ErrorReport) -> str:
    """The error that ended a command."""
    return "\n".join(
        [f"**edgewrap {command} failed** (exit code {report.exit_code})", "", *_block(error_lines(report))]
    )


def _block(lines: Iterable[str]) -> list[str]:
    """Lines as they are, cut to the limit; nothing in them ends the block."""
    return ["```text", "\n".join(lines).replace("```", "'''")[:LONGEST], "```"]


def _table(changes: Sequence[Change], planes: Sequence[PlaneName]) -> Iterator[str]:
    used = [action for action in Action if any(change.action is action for change in changes)]
    yield f"| plane |{''.join(f' to {action.value} |' for action in used)} changes |"
    yield f"|---|{'---:|' * (len(used) + 1)}"
    for plane in planes:
        counts = Counter(change.action for change in changes if change.plane is plane)
        yield f"| {plane.value} |{''.join(f' {counts[action]} |' for action in used)} {counts.total()} |"


def _details(plane: PlaneName, changes: Sequence[Change], room: int) -> Iterator[str]:
    """The changes of one plane, folded."""
    count = drift_count(changes)
    drift = f", {count} of them drift" if count else ""
    lines = (entry for _, entry in entries(changes))
    return folded(f"{plane.value}: {counted(len(changes), 'change')}{drift}", lines, room, "`edgewrap show` lists them")


def folded(title: str, shown: Iterable[Sequence[str]], room: int, advice: str) -> Iterator[str]:
    """Entries of several lines below a title; those that no longer fit into `room` characters are counted, with the
    advice."""
    opening = [f"<details><summary>{title}</summary>", "", "```text"]
    closing = ["```", "", "</details>", ""]
    lines: list[str] = []
    room -= sum(len(line) + 1 for line in (*opening, *closing)) + 80
    left = 0
    for entry in shown:
        text = [line.removeprefix("  ").replace("```", "'''") for line in entry]
        size = sum(len(line) + 1 for line in text)
        if left or size > room:
            left += 1
            continue
        room -= size
        lines += text
    more = [f"… {left} more; {advice}"] if left else []
    yield from (*opening, *lines, *more, *closing)


class MarkdownView(LinesView):
    """The plan as Markdown; everything else is progress."""

    def show_changes(self, plan: ShownPlan) -> None:
        self.write(
            self._results, plan_markdown(plan.cluster, plan.changes, plan.planes, unread=plan.unread).rstrip("\n")
        )

    def show_message(self, text: str) -> None:
        self.write(self._progress, text)
