"""`edgewrap preflight`: check that everything an apply needs is available."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgewrap.cli.options import Insecure, Json, Only, PluginDir, Skip, SpecFile, select
from edgewrap.paths import expanded


def preflight(
    file: SpecFile,
    only: Only = [],  # noqa: B006 - typer's way of a repeatable option
    skip: Skip = [],  # noqa: B006
    json: Json = False,
    junit: Annotated[
        Path | None,
        typer.Option("--junit", metavar="FILE", parser=expanded, help="Write the findings as JUnit XML, too."),
    ] = None,
    plugin_dir: PluginDir = None,
    insecure: Insecure = False,
) -> int:
    """Check quotas, limits, credentials, the front-end and this machine's tools; change nothing."""
    from edgewrap.atomic_files import write_atomically
    from edgewrap.cli.views import github, print_warning
    from edgewrap.cli.views.markdown import findings_markdown
    from edgewrap.cli.views.preflight import print_findings
    from edgewrap.cli.views.reports import junit_report
    from edgewrap.engine.cluster import peek_cluster
    from edgewrap.engine.preflight import preflight as look
    from edgewrap.errors import PreflightError
    from edgewrap.finding import Verdict
    from edgewrap.safe_text import safe

    with peek_cluster(file, print_warning, plugin_dir, insecure=insecure) as cluster:
        findings = look(cluster, select(only, skip))
        name = cluster.spec.name
    if junit is not None:
        write_atomically(junit, junit_report(name, findings))
    github.add_markdown(findings_markdown(name, safe(findings)))
    failed = any(finding.verdict is Verdict.FAILURE for finding in findings)
    if failed and json:
        raise PreflightError(findings)
    print_findings(findings, json=json)
    return 1 if failed else 0
