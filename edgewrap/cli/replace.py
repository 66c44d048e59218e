"""`edgewrap replace`: replace the instance of one host."""

from __future__ import annotations

from typing import Annotated

import typer

from edgewrap.cli.options import Json, SpecFile
from edgewrap.cli.plan_and_apply import plan_and_apply
from edgewrap.cli.run_options import (
    MONITOR_TIMEOUT_S,
    AutoApprove,
    HostTimeout,
    Insecure,
    LockTimeout,
    MonitorTimeout,
    PluginDir,
)


def replace(
    host: Annotated[str, typer.Argument(metavar="HOST", help="The host's key, such as host-1.")],
    file: SpecFile,
    auto_approve: AutoApprove = False,
    json: Json = False,
    lock_timeout: LockTimeout = 0,
    plugin_dir: PluginDir = None,
    insecure: Insecure = False,
    host_timeout: HostTimeout = None,
    monitor_timeout: MonitorTimeout = MONITOR_TIMEOUT_S,
) -> int:
    """Replace a host's instance. Its Elastic IPs move to other hosts first, and stay there. Refused while VMs are on
    the host: their disks are deleted with the instance."""
    from edgewrap.engine.apply import Waits
    from edgewrap.engine.cluster import Options
    from edgewrap.engine.plane_selection import select

    return plan_and_apply(
        Options(file, "replace", plugin_dir, lock_timeout, insecure),
        select(),
        Waits(host_timeout, monitor_timeout),
        auto_approve=auto_approve,
        json=json,
        replace=[host],
    )
