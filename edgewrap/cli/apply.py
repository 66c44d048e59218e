"""`edgewrap apply`: plan, ask, apply."""

from __future__ import annotations

from edgewrap.cli.options import Json, SpecFile
from edgewrap.cli.plan_and_apply import plan_and_apply
from edgewrap.cli.run_options import (
    MONITOR_TIMEOUT_S,
    AutoApprove,
    HostTimeout,
    Insecure,
    LockTimeout,
    MonitorTimeout,
    MoveOff,
    Only,
    PluginDir,
    Skip,
)


def apply(
    file: SpecFile,
    only: Only = [],  # noqa: B006 - typer's way of a repeatable option
    skip: Skip = [],  # noqa: B006
    auto_approve: AutoApprove = False,
    json: Json = False,
    move_off: MoveOff = [],  # noqa: B006
    lock_timeout: LockTimeout = 0,
    plugin_dir: PluginDir = None,
    insecure: Insecure = False,
    host_timeout: HostTimeout = None,
    monitor_timeout: MonitorTimeout = MONITOR_TIMEOUT_S,
) -> int:
    """Make the cluster what the spec says, in all three planes."""
    from edgewrap.engine.apply import Waits
    from edgewrap.engine.cluster import Options
    from edgewrap.engine.plane_selection import select

    return plan_and_apply(
        Options(file, "apply", plugin_dir, lock_timeout, insecure),
        select(only, skip),
        Waits(host_timeout, monitor_timeout),
        auto_approve=auto_approve,
        json=json,
        move_off=move_off,
    )
