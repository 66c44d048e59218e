"""What a run is about to create that AWS can refuse: expected from the state, then known from the plan. Pure."""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum

from edgewrap.aws.facts import AwsState
from edgewrap.aws.inputs.model import Inputs, eip_keys, host_keys
from edgewrap.aws.terraform.resources import EIP, INSTANCE, VMS_INGRESS, VPC
from edgewrap.change import Action, Change, PlaneName
from edgewrap.outputs import UNKNOWN
from edgewrap.spec.models import Spec


class Topic(Enum):
    """What a run may create that AWS can refuse; the value is the kind of a `Change`."""

    VPC = VPC.kind
    ELASTIC_IPS = EIP.kind
    HOSTS = INSTANCE.kind
    RULES = VMS_INGRESS.kind


def expected_topics(spec: Spec, state: AwsState | None, replaced: Collection[str] = ()) -> frozenset[Topic]:
    """What will probably be created, judged by the state, with the instances of the hosts `replaced` (keys). So AWS can
    be asked while Terraform plans."""
    if state is None:
        return frozenset(Topic)
    outputs, inputs = state.outputs, state.inputs
    new_hosts = set(host_keys(spec)) - outputs.hosts.keys()
    made = {f"eip-{key}" for key in outputs.hosts} if inputs.host_address == "eip" else set()  # no output names these
    eips = own_eips(spec, inputs) - outputs.eips.keys() - made
    vpc = outputs.vpc_id in ("", UNKNOWN)
    found = {Topic.VPC: vpc, Topic.ELASTIC_IPS: bool(eips), Topic.HOSTS: bool(replaced or new_hosts)}
    found[Topic.RULES] = vpc or bool(new_hosts)  # each host has one; the plan names others
    return frozenset(topic for topic, needed in found.items() if needed)


def planned_topics(changes: Collection[Change]) -> frozenset[Topic]:
    """What a plan creates, including the instances that it replaces."""
    made = {change.kind for change in changes if change.plane is PlaneName.AWS and change.action is Action.CREATE}
    if replaced_hosts(changes):
        made.add(Topic.HOSTS.value)
    return frozenset(topic for topic in Topic if topic.value in made)


def replaced_hosts(changes: Collection[Change]) -> frozenset[str]:
    """The keys of the hosts whose instance a plan replaces."""
    replaced = (PlaneName.AWS, Topic.HOSTS.value, Action.REPLACE)
    return frozenset(change.key for change in changes if (change.plane, change.kind, change.action) == replaced)


def own_eips(spec: Spec, inputs: Inputs | None) -> frozenset[str]:
    """The keys of the Elastic IPs that the spec wants, including the hosts' own and those of the IPAM driver."""
    hosts_own = [f"eip-{key}" for key in host_keys(spec)] if spec.hosts.address == "eip" else []
    return frozenset({*eip_keys(spec), *hosts_own, *(inputs.ipam_eips if inputs else ())})
