"""Changes that an existing cluster cannot make: each violation names the field, the reason, and the line to write."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network

from edgewrap.aws.inputs.model import Inputs, InterfaceLimits, index_of
from edgewrap.counted import counted
from edgewrap.spec.addressing import active_indexes, pair_capacity
from edgewrap.spec.contract import contract
from edgewrap.spec.hosts import Hosts
from edgewrap.spec.models import Spec
from edgewrap.spec.networks import ElasticIps

_OF_THE_VPC = frozenset({"aws.network.cidr", "aws.network.subnet", "aws.network.subnet_id", "aws.zone"})


@dataclass(frozen=True, slots=True)
class Violation:
    """One change that is refused: the field of the spec, why, and what to do."""

    path: str
    why: str
    advice: str

    def __str__(self) -> str:
        return f"{self.path}: {self.why}; {self.advice}"


def refused_changes(spec: Spec, previous: Inputs) -> Iterator[Violation]:
    """The changes that the spec asks for and that an existing cluster cannot make."""
    yield from _fixed_fields(spec, previous)
    yield from _lost_indexes("hosts", spec.hosts, previous.amis, previous.retired.hosts)
    eips = spec.public_network.elastic_ips
    yield from _lost_indexes("public_network.elastic_ips", eips, previous.eips, previous.retired.eips)
    yield from _other_elastic_ips(spec, previous)


def refused_sizes(spec: Spec, limits: InterfaceLimits, subnet: IPv4Network | None) -> Iterator[Violation]:
    """What the spec asks for and the interfaces of its instance type do not allow; `subnet` is None if AWS has none."""
    groups, kind, most_groups = spec.public_network.groups, spec.hosts.instance_type, limits.interfaces - 1
    if groups > most_groups:
        yield Violation(
            "public_network.groups",
            f"{kind} has {counted(limits.interfaces, 'interface')} on network card 0, one of them the host's own",
            f"write `groups: {most_groups}` or less",
        )
        return
    if subnet is None:
        return
    capacity = pair_capacity(subnet, groups, limits.addresses_per_interface) * groups
    eips = spec.public_network.elastic_ips
    last = max(active_indexes(eips.count, eips.retired), default=-1)
    if last >= capacity:
        yield Violation(
            "public_network.elastic_ips.count",
            f"{counted(groups, 'group')}, with room for {counted(capacity, 'Elastic IP')} ({kind} allows "
            f"{limits.addresses_per_interface} addresses an interface); the last index would be {last}",
            f"lower it until the last index is {capacity - 1}, or create a second cluster",
        )


def _fixed_fields(spec: Spec, previous: Inputs) -> Iterator[Violation]:
    existing, network = previous.foundation, spec.aws.network
    fixed = {
        "name": (spec.name, existing.name),
        "aws.region": (spec.aws.region, existing.region),
        "aws.zone": (spec.aws.zone, existing.zone),
        "aws.network.vpc_id": (network.vpc_id or "null", existing.vpc_id or "null"),
        "aws.network.subnet_id": (network.subnet_id or "null", existing.subnet_id or "null"),
        "aws.network.cidr": (str(network.vpc_cidr or existing.vpc_cidr), existing.vpc_cidr),
        "aws.network.subnet": (str(network.subnet_cidr or existing.subnet_cidr), existing.subnet_cidr),
        "public_network.groups": (str(spec.public_network.groups), str(existing.groups)),
        "hosts.instance_type": (spec.hosts.instance_type, existing.instance_type),
        "hosts.address": (spec.hosts.address, previous.host_address),
    }
    if spec.aws.zone == "auto":
        del fixed["aws.zone"]
    if spec.hosts.address == "eip":
        del fixed["hosts.address"]
    if network.subnet is None and str(network.vpc_cidr) != existing.vpc_cidr:
        del fixed["aws.network.subnet"]  # it follows the VPC's, which is named
    if network.vpc_id != existing.vpc_id:  # named, and the others follow it
        fixed = {path: value for path, value in fixed.items() if path not in _OF_THE_VPC}
    for path, (wanted, is_now) in fixed.items():
        if wanted != is_now:
            steps = tuple(path.split("."))
            field = contract().at(steps)
            why = field.on_change.detail if field and field.on_change else ""
            yield Violation(
                path,
                f"cannot change from {is_now} to {wanted}: {why}",
                f"write `{steps[-1]}: {is_now}`, or create another cluster with another name and destroy this one",
            )


def _other_elastic_ips(spec: Spec, previous: Inputs) -> Iterator[Violation]:
    """Keys of `public_network.existing` with another allocation id than before, and ids with another key."""
    before = previous.existing
    for key, number in spec.public_network.existing.items():
        path = f"public_network.existing.{key}"
        if key in before and before[key].allocation_id != number:
            known = before[key].allocation_id
            advice = f"write `{key}: {known}`, and give the other one a key of its own"
            yield Violation(path, f"cannot change from {known} to {number}: a key keeps its Elastic IP", advice)
            continue
        other = next((name for name, one in before.items() if name != key and one.allocation_id == number), "")
        if other:
            yield Violation(path, f"{number} has the key {other}", f"write `{other}`, or remove that first, in a run")


def _lost_indexes(
    path: str, now: Hosts | ElasticIps, existing: Iterable[str], retired_before: Sequence[int]
) -> Iterator[Violation]:
    """`existing` are keys, `retired_before` the indexes that are retired already."""
    wanted = set(active_indexes(now.count, now.retired))
    reused = sorted(wanted & set(retired_before))
    lost = sorted({index_of(key) for key in existing} - wanted - set(now.retired))
    if reused:
        yield Violation(
            f"{path}.retired",
            f"{_name(reused)} was retired; no index is used twice",
            f"write `retired: {_list(now.retired, retired_before)}`",
        )
    elif lost:
        yield Violation(
            f"{path}.count",
            f"{_name(lost)} would be removed without being listed as retired",
            f"write `retired: {_list(now.retired, retired_before, lost)}` with `count: {now.count}`",
        )


def _name(indexes: Sequence[int]) -> str:
    return f"index {indexes[0]}" if len(indexes) == 1 else f"indexes {', '.join(map(str, indexes))}"


def _list(*indexes: Sequence[int]) -> str:
    return str(sorted({index for some in indexes for index in some}))
