"""The findings of a preflight as a list, or as JSON."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from edgewrap.cli.documents.results import Findings, count_verdicts
from edgewrap.cli.views import print_document
from edgewrap.finding import Finding, Verdict
from edgewrap.safe_text import safe

COLOURS = {Verdict.OK: "green", Verdict.WARNING: "yellow", Verdict.FAILURE: "bold red", Verdict.UNKNOWN: "yellow"}
WIDTH = max(len(verdict) for verdict in Verdict)


def print_findings(findings: Sequence[Finding], *, json: bool) -> None:
    """Write to standard output: each finding with its advice, then the counts."""
    if json:
        print_document(Findings.of(findings))
        return
    counts = count_verdicts(findings)
    console = Console(highlight=False)
    for finding in safe(tuple(findings)):
        verdict = Text(finding.verdict.value.ljust(WIDTH), style=COLOURS[finding.verdict])
        console.print(Text.assemble(verdict, f"  {finding}"), soft_wrap=True)
        if finding.advice:
            console.print(Text(f"{'':{WIDTH}}    {finding.advice}", style="dim"), soft_wrap=True)
    console.print(Text(", ".join(f"{counts[verdict]} {verdict.value}" for verdict in Verdict if counts[verdict])))
