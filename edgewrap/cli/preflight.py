"""`edgewrap preflight`: check that everything an apply needs is available."""

from __future__ import annotations

from edgewrap.cli.options import Insecure, Json, Only, PluginDir, Skip, SpecFile, select


def preflight(
    file: SpecFile,
    only: Only = [],  # noqa: B006 - typer's way of a repeatable option
    skip: Skip = [],  # noqa: B006
    json: Json = False,
    plugin_dir: PluginDir = None,
    insecure: Insecure = False,
) -> int:
    """Check quotas, limits, credentials, the front-end and this machine's tools; change nothing."""
    from edgewrap.cli.views import print_warning
    from edgewrap.cli.views.preflight import print_findings
    from edgewrap.engine.cluster import peek_cluster
    from edgewrap.engine.preflight import preflight as look
    from edgewrap.errors import PreflightError
    from edgewrap.finding import Verdict

    with peek_cluster(file, print_warning, plugin_dir, insecure=insecure) as cluster:
        findings = look(cluster, select(only, skip))
    failed = any(finding.verdict is Verdict.FAILURE for finding in findings)
    if failed and json:
        raise PreflightError(findings)
    print_findings(findings, json=json)
    return 1 if failed else 0
