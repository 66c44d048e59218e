"""Waits until instances that stop are off: AWS detaches an interface of a running or a stopped instance only."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from edgewrap.aws.inputs.lookups import InstanceNow
from edgewrap.change import PlaneName
from edgewrap.errors import AwsError
from edgewrap.events import Emit, Event, EventKind
from edgewrap.outputs import STOPPING_STATES, HostOutput
from edgewrap.poll import until

STOP_WAIT_S = 1800  # metal takes up to 20 minutes
PROGRESS_S = 30
PAUSE_S, LONGEST_PAUSE_S = 0.5, 5


def await_power_off(
    hosts: Collection[HostOutput], instances: Callable[[Sequence[str]], Mapping[str, InstanceNow]], emit: Emit
) -> None:
    """Wait until none of the hosts is stopping or shutting down, with progress; `instances` asks AWS.

    Raises AwsError if one still is after 30 minutes.
    """
    left = {host.instance_id: host for host in hosts}
    told = 0.0
    for host in left.values():
        text = f"its instance {host.instance_id} is {host.state}: AWS detaches its interfaces once it is off"
        emit(Event(EventKind.STEP_PROGRESS, PlaneName.AWS, host.key, text))

    def look(waited_s: float) -> bool | None:
        nonlocal told
        now = instances(list(left)) if left else {}
        for instance_id, found in now.items():
            if found.state not in STOPPING_STATES:
                key = left.pop(instance_id).key
                emit(Event(EventKind.STEP_DONE, PlaneName.AWS, key, f"its instance is {found.state}", waited_s))
        if waited_s - told >= PROGRESS_S:
            told = waited_s
            for instance_id, host in left.items():
                text = f"its instance is still {now[instance_id].state}; metal takes up to 20 minutes"
                emit(Event(EventKind.STEP_PROGRESS, PlaneName.AWS, host.key, text, waited_s))
        return None if left else True

    if until(look, STOP_WAIT_S, pause_s=PAUSE_S, longest_pause_s=LONGEST_PAUSE_S) is None:
        names = ", ".join(f"{host.key} ({instance_id})" for instance_id, host in left.items())
        raise AwsError(
            f"still stopping after {STOP_WAIT_S // 60} minutes: {names}",
            cause="the instance hangs; AWS detaches its interfaces only once it is off",
            advice="stop it with force in EC2 (`aws ec2 stop-instances --force`), then re-run",
        )
