"""The options of the commands that run over the planes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgewrap.change import PlaneName

MONITOR_TIMEOUT_S = 240  # a front-end retries a host in ERROR by itself after up to 196 s

Only = Annotated[list[PlaneName], typer.Option("--only", help="Run only this plane; repeatable.")]
Skip = Annotated[list[PlaneName], typer.Option("--skip", help="Leave out this plane; repeatable.")]
AutoApprove = Annotated[bool, typer.Option("--auto-approve", help="Apply without asking for confirmation.")]
LockTimeout = Annotated[
    float,
    typer.Option("--lock-timeout", metavar="SECONDS", help="How long to wait for another run to release the cluster."),
]
MoveOff = Annotated[
    list[str],
    typer.Option(
        "--move-off", metavar="HOST", help="Move the Elastic IPs of this entry host to other hosts; repeatable."
    ),
]
PluginDir = Annotated[
    Path | None,
    typer.Option(
        "--plugin-dir",
        envvar="EDGEWRAP_PLUGIN_DIR",
        metavar="DIR",
        help="A local mirror of Terraform providers, used instead of the registry.",
    ),
]
HostTimeout = Annotated[
    float | None,
    typer.Option(
        "--host-timeout",
        metavar="SECONDS",
        help="How long to wait for SSH on the hosts.",
        show_default="1800 with new hosts, otherwise 60",
    ),
]
MonitorTimeout = Annotated[
    float, typer.Option("--monitor-timeout", metavar="SECONDS", help="How long to wait until the hosts are MONITORED.")
]
Insecure = Annotated[
    bool,
    typer.Option(
        "--insecure", help="Skip TLS certificate verification of the OpenNebula front-end. Never use it in production."
    ),
]
DetailedExitcode = Annotated[bool, typer.Option("--detailed-exitcode", help="Exit 2 if there are changes.")]
