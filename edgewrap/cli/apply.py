"""`edgewrap apply`: plan, ask, apply."""

from __future__ import annotations

from edgewrap.cli import options
from edgewrap.cli.plan_and_apply import plan_and_apply


def apply(
    file: options.SpecFile,
    only: options.Only = [],  # noqa: B006 - typer's way of a repeatable option
    skip: options.Skip = [],  # noqa: B006
    auto_approve: options.AutoApprove = False,
    json: options.Json = False,
    move_off: options.MoveOff = [],  # noqa: B006
    lock_timeout: options.LockTimeout = 0,
    plugin_dir: options.PluginDir = None,
    insecure: options.Insecure = False,
    host_timeout: options.HostTimeout = None,
    monitor_timeout: options.MonitorTimeout = options.MONITOR_TIMEOUT_S,
) -> int:
    """Make the cluster what the spec says, in all three planes."""
    from edgewrap.engine.apply import Waits
    from edgewrap.engine.cluster import Options

    return plan_and_apply(
        Options(file, "apply", plugin_dir, lock_timeout, insecure),
        options.select(only, skip),
        Waits(host_timeout, monitor_timeout),
        auto_approve=auto_approve,
        json=json,
        move_off=move_off,
    )
