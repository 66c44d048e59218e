"""The options of the commands that run over the planes, said once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgewrap.change import PlaneName

MONITOR_TIMEOUT_S = 240  # a front-end takes up to 196 s to try a host in ERROR again by itself

Only = Annotated[list[PlaneName], typer.Option("--only", help="Only this plane; may be given several times.")]
Skip = Annotated[list[PlaneName], typer.Option("--skip", help="Leave out this plane; may be given several times.")]
AutoApprove = Annotated[bool, typer.Option("--auto-approve", help="Do not ask before changing anything.")]
LockTimeout = Annotated[
    float,
    typer.Option("--lock-timeout", metavar="SECONDS", help="How long to wait for another run on this cluster."),
]
MoveOff = Annotated[
    list[str],
    typer.Option(
        "--move-off",
        metavar="HOST",
        help="Move the Elastic IPs that enter by this host to others; may be given several times.",
    ),
]
PluginDir = Annotated[
    Path | None,
    typer.Option(
        "--plugin-dir",
        envvar="EDGEWRAP_PLUGIN_DIR",
        metavar="DIR",
        help="A mirror of Terraform's providers on this machine, used instead of the registry.",
    ),
]
HostTimeout = Annotated[
    float | None,
    typer.Option(
        "--host-timeout",
        metavar="SECONDS",
        help="How long to wait for SSH on the hosts. [default: 1800 with new hosts, else 60]",
        show_default=False,
    ),
]
MonitorTimeout = Annotated[
    float,
    typer.Option("--monitor-timeout", metavar="SECONDS", help="How long to wait for the hosts to be MONITORED."),
]
Insecure = Annotated[
    bool,
    typer.Option("--insecure", help="Do not look at the certificate of OpenNebula's front-end. Never in production."),
]
DetailedExitcode = Annotated[
    bool, typer.Option("--detailed-exitcode", help="Exit with 2 where there is something to do.")
]
