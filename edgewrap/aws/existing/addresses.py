"""The user's own Elastic IPs as AWS has them, what is wrong with them for a cluster, and the pairs that they get. Pure.

Each gets the pair of one of the IPAM driver's keys (`eip-x-3`), the lowest that is free, and keeps it while it is in
the spec. Pairs of these keys are taken from the top down and those of `elastic_ips` from the bottom up, so they meet
only if all are used; and the driver, which asks AWS which pairs are free, never takes one that has an Elastic IP.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from edgewrap.aws.adoption import Places
from edgewrap.aws.inputs.immutable_fields import Violation
from edgewrap.aws.inputs.model import ExistingEip, Inputs
from edgewrap.spec.models import Spec

EXISTING = "public_network.existing"


@dataclass(frozen=True, slots=True)
class Allocation:
    """An Elastic IP of the account. `border_group` is its network border group, `special` says why it cannot be used
    for VMs, empty if it can. `cluster` is the name in edgewrap's tag. `private_address` and `interface_id` are empty if
    it is not associated; `holder` is the UUID in the tags of that interface, `association_id` the association's."""

    allocation_id: str
    public_address: str
    border_group: str
    special: str = ""
    cluster: str = ""
    private_address: str = ""
    interface_id: str = ""
    association_id: str = ""
    holder: str = ""


def choose_places(
    spec: Spec, inputs: Inputs, known: Mapping[str, ExistingEip], unassociated: Collection[str]
) -> dict[str, str]:
    """The pair of each of the spec's own Elastic IPs, as the driver's key for it, by key. `known` are those of the run
    before; a pair is kept unless the association is missing (`unassociated`, keys) and someone else has it now.
    `inputs` are those of this run, without `existing`. Raises KeyError with the key if no pair is free."""
    wanted = spec.public_network.existing
    places = {
        key: known[key].place
        for key in wanted
        if key in known and not (key in unassociated and known[key].place in inputs.ipam_eips)
    }
    for key in wanted:
        if key not in places:
            free = next(Places(inputs).free({*inputs.ipam_eips, *places.values()}), None)
            if free is None:
                raise KeyError(key)
            places[key] = free
    return {key: places[key] for key in wanted}


def address_violations(
    spec: Spec, inputs: Inputs | None, found: Mapping[str, Allocation], keys: Collection[str]
) -> Iterator[Violation]:
    """What is wrong with the Elastic IPs of these keys; `found` are those that AWS has, by allocation id. `inputs` are
    None if there is no cluster yet."""
    for key in keys:
        number, path = spec.public_network.existing[key], f"{EXISTING}.{key}"
        one = found.get(number)
        if one is None:
            advice = "check the id, the region and the credentials, or remove the line"
            yield Violation(path, f"the account has no Elastic IP {number} in {spec.aws.region}", advice)
        elif one.special:
            yield Violation(path, f"{number} {one.special}", "use another one")
        elif one.border_group not in ("", spec.aws.region):
            text = f"{number} belongs to the network border group {one.border_group}, not to {spec.aws.region}"
            yield Violation(path, text, "use one that was allocated for the region itself")
        elif one.cluster:
            text = f"{number} was allocated by edgewrap for the cluster {one.cluster}, which may release it"
            yield Violation(path, text, "use one that no cluster has allocated")
        elif one.interface_id and not associated_with(inputs, key, one):
            where = f"is associated with {one.private_address} on {one.interface_id}"
            yield Violation(path, f"{number} {where}", "disassociate it there first, or remove the line")


def associated_with(inputs: Inputs | None, key: str, one: Allocation) -> bool:
    """Whether an Elastic IP is associated where the inputs want it, as after a run that was killed."""
    if inputs is None or key not in inputs.existing:
        return False
    return one.holder == inputs.uuid and one.private_address == Places(inputs).address(inputs.existing[key].place)
