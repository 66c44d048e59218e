"""`edgewrap replace`: replace the instance of one host."""

from __future__ import annotations

from typing import Annotated

import typer

from edgewrap.change import PlaneName
from edgewrap.cli import completion, options
from edgewrap.cli.apply import plan_and_apply


def replace(
    host: Annotated[
        str, typer.Argument(metavar="HOST", autocompletion=completion.hosts, help="The host's key, such as host-1.")
    ],
    file: options.SpecFile,
    auto_approve: options.AutoApprove = False,
    json: options.Json = False,
    lock_timeout: options.LockTimeout = 0,
    plugin_dir: options.PluginDir = None,
    insecure: options.Insecure = False,
    host_timeout: options.HostTimeout = None,
    monitor_timeout: options.MonitorTimeout = options.MONITOR_TIMEOUT_S,
) -> int:
    """Replace a host's instance. Its Elastic IPs move to other hosts first, and stay there. If there is no other host,
    they do not answer until the new instance has booted (5 to 20 minutes); the plan warns of it. Refused while VMs are
    on the host: their disks are deleted with the instance."""
    from edgewrap.engine.apply import Waits
    from edgewrap.engine.cluster import Options

    return plan_and_apply(
        Options(file, "replace", plugin_dir, lock_timeout, insecure),
        tuple(PlaneName),
        Waits(host_timeout, monitor_timeout),
        auto_approve=auto_approve,
        json=json,
        replaced=[host],
    )
