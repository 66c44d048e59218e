"""Interface groups that move to another host, and Elastic IPs that cannot, read from a plan. Pure.

Terraform orders by resource, not by instance: an attachment that moves is replaced only after every instance of the
plan is deleted or created. On metal that is many minutes without the Elastic IPs, and for good if AWS has no capacity.
So if the same plan creates or deletes instances, the moves are a step of their own, before the rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping

from edgewrap.aws.inputs.model import Inputs
from edgewrap.aws.terraform.resources import ATTACHMENT, EIP_ASSOCIATION, INSTANCE, INTERFACE
from edgewrap.change import Action, Change, PlaneName
from edgewrap.counted import counted
from edgewrap.events import Event, EventKind
from edgewrap.outputs import STOPPING_STATES, EipOutput, HostOutput, Outputs

ENDS_FIRST = "it ends before AWS has an instance in its place"
"""What a plan says of a replacement: if AWS has no capacity then, the host is missing until it has."""


def moves_ahead(changes: Collection[Change], placement: Mapping[str, str], before: Outputs) -> tuple[str, ...]:
    """The keys of the groups whose interface must move before the rest of the plan, if that creates or deletes
    instances: those that were on another host (`before`) and move to one that stays."""
    unsettled = {change.key for change in changes if _creates_or_deletes_instance(change)}
    if not unsettled:
        return ()
    made = {change.key for change in changes if change.kind == INTERFACE.kind and change.action is not Action.UPDATE}
    return tuple(
        change.key
        for change in changes
        if change.kind == ATTACHMENT.kind
        and change.key in before.groups
        and change.key not in made
        and before.groups[change.key].host != placement[change.key]
        and placement[change.key] not in unsettled
    )


def stopping_hosts(changes: Iterable[Change], before: Outputs) -> tuple[HostOutput, ...]:
    """The hosts that lose an interface though they are stopping or shutting down."""
    removing = (Action.REPLACE, Action.DELETE)
    moved = (change.key for change in changes if change.kind == ATTACHMENT.kind and change.action in removing)
    keys = dict.fromkeys(before.groups[key].host for key in moved if key in before.groups)
    return tuple(
        before.hosts[key] for key in keys if key in before.hosts and before.hosts[key].state in STOPPING_STATES
    )


def without_instances(changes: Iterable[Change]) -> tuple[Change, ...]:
    """The changes without instances that are created or deleted: all that may happen in the step of the moves."""
    return tuple(change for change in changes if not _creates_or_deletes_instance(change))


def without_last_updates(changes: Iterable[Change], planned: Iterable[Change]) -> tuple[Change, ...]:
    """The changes without updates of instances that the plan `planned` deletes or replaces: the step of the moves
    comes first, so it updates these too."""
    ended = {change.key for change in planned if _creates_or_deletes_instance(change)}
    update = (INSTANCE.kind, Action.UPDATE)
    return tuple(one for one in changes if one.key not in ended or (one.kind, one.action) != update)


def instances_made(changes: Iterable[Change]) -> frozenset[str]:
    """The keys of the hosts that have no instance yet and get one."""
    made = (INSTANCE.kind, Action.CREATE)
    return frozenset(change.key for change in changes if (change.kind, change.action) == made)


def reasons(
    inputs: Inputs, previous: Inputs, hosts: Mapping[str, HostOutput], replaced: Collection[str]
) -> dict[str, str]:
    """Why groups move and instances are replaced, by their keys."""
    found = {
        group: _why_off(previous.placement[group], inputs, hosts, replaced)
        for group, host in inputs.placement.items()
        if previous.placement.get(group, host) != host
    }
    for key in replaced:
        host = hosts.get(key)
        why = f"its instance is {host.state}" if host and host.is_dead else "replacement requested"
        found[key] = f"{why}; {ENDS_FIRST}"
    return found


def off_dead_hosts(
    keys: Iterable[str], inputs: Inputs, previous: Inputs, hosts: Mapping[str, HostOutput]
) -> frozenset[str]:
    """Those of the `keys` of groups and hosts that change because a host is dead, and not because it is retired."""
    on = {key: previous.placement.get(key, key) for key in keys}
    return frozenset(key for key, host in on.items() if host in inputs.amis and host in hosts and hosts[host].is_dead)


def outage_warnings(
    changes: Collection[Change], placement: Mapping[str, str], eips: Mapping[str, EipOutput]
) -> Iterator[Event]:
    """A warning for each host whose instance is created or replaced though Elastic IPs that exist are placed on it,
    usually because there is no other host. `eips` are those after the plan."""
    new = {change.key for change in changes if (change.kind, change.action) == (EIP_ASSOCIATION.kind, Action.CREATE)}
    booting = {change.key for change in changes if _creates_or_deletes_instance(change)}
    for host, count in Counter(placement[eip.group] for key, eip in eips.items() if key not in new).items():
        if host in booting:
            text = (
                f"no other host takes its {counted(count, 'Elastic IP')}, which will not answer until the new "
                "instance has booted (5 to 20 minutes)"
            )
            yield Event(EventKind.WARNING, PlaneName.AWS, host, text)


def _creates_or_deletes_instance(change: Change) -> bool:
    return change.kind == INSTANCE.kind and change.action is not Action.UPDATE


def _why_off(key: str, inputs: Inputs, hosts: Mapping[str, HostOutput], replaced: Collection[str]) -> str:
    host = hosts.get(key)
    if key not in inputs.amis:
        return f"{key} is retired"
    if host and host.is_dead:
        return f"{key} is {host.state}"
    return f"{key} will be replaced" if key in replaced else f"moves off {key}"
