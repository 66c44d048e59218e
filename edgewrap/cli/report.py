"""`edgewrap report`: one page about the cluster, for people."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgewrap.cli import options
from edgewrap.counted import counted
from edgewrap.paths import expanded

if TYPE_CHECKING:
    from edgewrap.cli.many import ClusterRun


def report(
    file: options.SpecFile,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", parser=expanded, help="The page, one HTML file.")
    ] = Path("report.html"),
    json: options.Json = False,
    lock_timeout: options.LockTimeout = 0,
    plugin_dir: options.PluginDir = None,
    insecure: options.Insecure = False,
) -> int:
    """Write one HTML page: status, picture, findings, and what an apply would change."""
    from edgewrap.atomic_files import write_atomically
    from edgewrap.cli.views import choose_view, print_document
    from edgewrap.cli.views.report import report_page
    from edgewrap.engine.cluster import Options
    from edgewrap.engine.report import read_report
    from edgewrap.events import Event, EventKind

    with choose_view(json=False) as view:
        read = read_report(Options(file, "report", plugin_dir, lock_timeout, insecure), view.event)
        for error in read.errors:
            view.event(Event(EventKind.STEP_FAILED, None, read.name, f"{error.what}: {error.cause}"))
        if not json:
            write_atomically(output, report_page((read,)))
            view.message(f"{read.name}: the report is in {output}")
    if json:
        print_document(read)
    return 1 if read.errors else 0


def write_report_of_several(runs: Sequence[ClusterRun], output: Path) -> None:
    """Write one page about several clusters, from the reports of their own runs. One that gave none has its error on
    the page."""
    from datetime import UTC, datetime

    from pydantic import TypeAdapter

    from edgewrap.atomic_files import write_atomically
    from edgewrap.cli.views import print_line
    from edgewrap.cli.views.report import report_page
    from edgewrap.engine.report import ClusterReport, ReportedError

    now = datetime.now(UTC).isoformat(timespec="seconds")
    adapter = TypeAdapter(ClusterReport)
    reports = []
    for run in runs:
        found = [one for one in run.objects if isinstance(one, dict) and "type" not in one]
        if found:
            reports.append(adapter.validate_python(found[-1]))
            continue
        lines = run.errors or ("the run ended without a report",)
        what, *more = [line.removeprefix("Error: ").strip() for line in lines]
        error = ReportedError(what, f"the exit code is {run.exit_code}", "see the lines above", tuple(more))
        reports.append(ClusterReport(run.cluster, now, errors=(error,)))
    write_atomically(output, report_page(tuple(reports)))
    print_line(f"{counted(len(reports), 'cluster')}: the report is in {output}")
