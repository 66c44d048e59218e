"""Interface groups that move to another host, told from a plan. Pure.

Terraform orders by resource, not by instance: an attachment that moves is made anew only when every instance that goes
has gone and every one that comes has come. On metal that is many minutes without the Elastic IPs, and for good where
AWS has no capacity. So where instances come or go in the same plan, the moves are a step of their own, ahead of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from edgewrap.aws.inputs.model import Inputs
from edgewrap.aws.terraform.resources import ATTACHMENT, INSTANCE, INTERFACE
from edgewrap.change import Action, Change
from edgewrap.outputs import HostOutput, Outputs


def moves_ahead(changes: Collection[Change], placement: Mapping[str, str], stood: Outputs) -> tuple[str, ...]:
    """The keys of the groups whose interface has to move before the rest of the plan, where instances come or go in it:
    those that are on another host as `stood`, and go to one that stays."""
    unsettled = {change.key for change in changes if _comes_or_goes(change)}
    if not unsettled:
        return ()
    made = {change.key for change in changes if change.kind == INTERFACE.kind and change.action is not Action.UPDATE}
    return tuple(
        change.key
        for change in changes
        if change.kind == ATTACHMENT.kind
        and change.key in stood.groups
        and change.key not in made
        and stood.groups[change.key].host != placement[change.key]
        and placement[change.key] not in unsettled
    )


def without_instances(changes: Iterable[Change]) -> tuple[Change, ...]:
    """The changes without the instances that come or go: all that may happen in the step of the moves."""
    return tuple(change for change in changes if not _comes_or_goes(change))


def instances_made(changes: Iterable[Change]) -> frozenset[str]:
    """The keys of the hosts whose instance is made where there is none."""
    return frozenset(
        change.key for change in changes if change.kind == INSTANCE.kind and change.action is Action.CREATE
    )


def reasons(
    inputs: Inputs, previous: Inputs, hosts: Mapping[str, HostOutput], replaced: Collection[str]
) -> dict[str, str]:
    """Why groups move and instances are made anew, by their keys, in a short clause for a person."""
    told = {
        group: _why_off(previous.placement[group], inputs, hosts, replaced)
        for group, host in inputs.placement.items()
        if previous.placement.get(group, host) != host
    }
    for key in replaced:
        host = hosts.get(key)
        told[key] = f"its instance is {host.state}" if host and host.is_dead else "its replacement was asked for"
    return told


def _comes_or_goes(change: Change) -> bool:
    return change.kind == INSTANCE.kind and change.action is not Action.UPDATE


def _why_off(key: str, inputs: Inputs, hosts: Mapping[str, HostOutput], replaced: Collection[str]) -> str:
    host = hosts.get(key)
    if key not in inputs.amis:
        return f"{key} is retired"
    if host and host.is_dead:
        return f"{key} is {host.state}"
    return f"{key} is to be replaced" if key in replaced else f"moves off {key}"
