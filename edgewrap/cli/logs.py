"""`edgewrap logs`: the log files of earlier runs."""

from __future__ import annotations

from typing import Annotated

import typer

from edgewrap.cli import completion
from edgewrap.cli.options import Json, SpecFile
from edgewrap.counted import counted


def logs(
    file: SpecFile,
    run: Annotated[
        int,
        typer.Option(
            "--run", help="1 is the last run, 2 the one before it.", min=1, autocompletion=completion.log_numbers
        ),
    ] = 1,
    list_runs: Annotated[bool, typer.Option("--list", help="List the log files instead.")] = False,
    json: Json = False,
) -> int:
    """Print the log of the last run, or list the runs."""
    from edgewrap.cli.documents.results import LogFile, Logs
    from edgewrap.cli.views import print_document, print_line, print_log
    from edgewrap.engine.cluster import peek_cluster
    from edgewrap.engine.log_file import runs
    from edgewrap.errors import UsageError
    from edgewrap.events import discard

    with peek_cluster(file, discard) as cluster:
        found = runs(cluster.workspace.logs)[::-1]
        name = cluster.spec.name
    if list_runs and json:
        print_document(Logs(1, name, tuple(LogFile(run, str(file), None) for run, file in enumerate(found, 1))))
        return 0
    if list_runs:
        print_line(*map(str, found))
        return 0
    if len(found) < run:
        raise UsageError(
            f"there is no log of run {run}",
            cause=f"there are logs of {counted(len(found), 'run')}",
            advice="`edgewrap logs --list` lists them",
        )
    text = found[run - 1].read_text(encoding="utf-8", errors="backslashreplace")
    if json:
        print_document(Logs(1, name, (LogFile(run, str(found[run - 1]), tuple(text.splitlines())),)))
    else:
        print_log(text)
    return 0
