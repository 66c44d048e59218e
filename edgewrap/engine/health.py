"""What is configured correctly and does not work: one list of findings, for plan, status and the end of an apply."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from edgewrap.change import PlaneName
from edgewrap.engine.cluster import Cluster
from edgewrap.errors import HostError
from edgewrap.finding import Finding, Verdict
from edgewrap.outputs import HostPin, Outputs
from edgewrap.plane import Context

if TYPE_CHECKING:
    from edgewrap.aws.plane import AwsState
    from edgewrap.hosts.plane import Observation

SETTLE_S = 6  # a session of BGP is up some 3 s after both ends are
SETTLE_AFTER_CHANGES_S = 20


def observe_hosts(
    cluster: Cluster, state: AwsState | None, pins: Mapping[str, HostPin], settle_s: float = SETTLE_S
) -> Observation:
    """Read the hosts that AWS has; again, for at most `settle_s` seconds, if something does not pass between them."""
    from edgewrap.hosts.plane import Observation

    if state is None:
        return Observation()
    context = Context(state.outputs, pins=pins)
    return cluster.hosts.settle(cluster.hosts.observe(context), context, settle_s)


def health(
    cluster: Cluster, state: AwsState | None, outputs: Outputs, hosts: Observation | None
) -> tuple[Finding, ...]:
    """The findings about instances and hosts. `outputs` are AWS's now, `state` is what the run has observed of it (None
    in the first one), `hosts` are None if the run leaves them out."""
    found = cluster.aws.health(state, outputs) if state is not None else ()
    return (*found, *cluster.hosts.health(hosts, Context(outputs))) if hosts is not None else found


def dead_hosts(outputs: Outputs) -> Iterator[Finding]:
    """The hosts whose instance does not run."""
    for key, host in outputs.hosts.items():
        if not host.is_dead:
            continue
        groups = [group.key for group in outputs.groups.values() if group.host == key]
        stranded = f", and no other host is left for {', '.join(groups)}" if groups else ""
        text = f"its instance {host.instance_id} is {host.state}{stranded}"
        advice = f"start it in EC2, retire it (`retired: [{host.index}]`), or replace it (`edgewrap replace {key}`)"
        yield Finding(PlaneName.AWS, key, Verdict.WARNING, text, advice)


def explained(failures: Iterable[HostError], findings: Iterable[Finding]) -> tuple[HostError, ...]:
    """The hosts that could not be read, with the cause and advice that AWS gives."""
    of_aws = {finding.check: finding for finding in findings if finding.plane is PlaneName.AWS}
    return tuple(
        HostError(error.host, error.what.removeprefix(f"{error.host}: "), cause=known.text, advice=known.advice)
        if (known := of_aws.get(error.host))
        else error
        for error in failures
    )
