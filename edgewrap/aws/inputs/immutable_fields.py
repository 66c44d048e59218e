"""What a living cluster cannot take: each refusal names the field, the reason, and the line to write."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edgewrap.aws.inputs.model import Inputs, InterfaceLimits, indexes_of
from edgewrap.spec.addressing import active_indexes, pair_capacity
from edgewrap.spec.models import Spec


@dataclass(frozen=True, slots=True)
class Violation:
    """One change that is not made: the field of the spec, why not, and what to do."""

    path: str
    why: str
    advice: str

    def __str__(self) -> str:
        return f"{self.path}: {self.why}; {self.advice}"


def refused_changes(spec: Spec, previous: Inputs) -> Iterator[Violation]:
    """What the spec asks of a living cluster that it cannot take."""
    yield from _fixed_fields(spec, previous)
    yield from _lost_indexes(
        "hosts", spec.hosts.count, spec.hosts.retired, indexes_of(previous.amis), previous.retired.hosts
    )
    eips = spec.public_network.elastic_ips
    yield from _lost_indexes(
        "public_network.elastic_ips", eips.count, eips.retired, indexes_of(previous.eips), previous.retired.eips
    )


def refused_sizes(spec: Spec, limits: InterfaceLimits) -> Iterator[Violation]:
    """What the spec asks that the interfaces of its instance type do not allow."""
    groups, kind = spec.public_network.groups, spec.hosts.instance_type
    most_groups = limits.interfaces - 1
    if groups > most_groups:
        yield Violation(
            "public_network.groups",
            f"{kind} has {limits.interfaces} interfaces on network card 0, one of them the host's own",
            f"write `groups: {most_groups}` or less",
        )
        return
    capacity = pair_capacity(spec.aws.network.subnet_cidr, groups, limits.addresses_per_interface) * groups
    eips = spec.public_network.elastic_ips
    last = max(active_indexes(eips.count, eips.retired), default=-1)
    if last >= capacity:
        yield Violation(
            "public_network.elastic_ips.count",
            f"{groups} groups hold {capacity} Elastic IPs ({kind} allows {limits.addresses_per_interface} addresses an "
            f"interface), and the last index would be {last}",
            f"lower it until the last index is {capacity - 1}, or make a second cluster",
        )


def _fixed_fields(spec: Spec, previous: Inputs) -> Iterator[Violation]:
    stands, network = previous.foundation, spec.aws.network
    fixed = (
        ("name", spec.name, stands.name, "every resource carries it"),
        ("aws.region", spec.aws.region, stands.region, "nothing moves between regions"),
        ("aws.network.cidr", str(network.cidr), stands.vpc_cidr, "the VPC would be replaced"),
        ("aws.network.subnet", str(network.subnet_cidr), stands.subnet_cidr, "every address would change"),
        ("public_network.groups", str(spec.public_network.groups), str(stands.groups), "every block would move"),
        ("hosts.instance_type", spec.hosts.instance_type, stands.instance_type, "every host would be stopped"),
    )
    follows = network.subnet is None and str(network.cidr) != stands.vpc_cidr
    for path, asked, stood, why in fixed:
        if asked != stood and not (path == "aws.network.subnet" and follows):
            yield _fixed(path, asked, stood, why)
    if spec.aws.zone not in ("auto", stands.zone):
        yield _fixed("aws.zone", spec.aws.zone, stands.zone, "nothing moves between zones")
    if spec.hosts.address not in ("eip", previous.host_address):
        yield Violation(
            "hosts.address",
            f"the hosts were made with `address: {previous.host_address}`, and an instance gets or loses the subnet's "
            "public address only at launch",
            f"write `address: {previous.host_address}` or `address: eip`",
        )


def _fixed(path: str, asked: str, stood: str, why: str) -> Violation:
    field = path.rsplit(".", 1)[-1]
    return Violation(
        path,
        f"it cannot change from {stood} to {asked} once the cluster stands: {why}",
        f"write `{field}: {stood}`, or make another cluster with another name and destroy this one",
    )


def _lost_indexes(
    path: str, count: int, retired: Sequence[int], alive: Sequence[int], gone: Sequence[int]
) -> Iterator[Violation]:
    wanted = set(active_indexes(count, tuple(retired)))
    reborn = sorted(wanted & set(gone))
    if reborn:
        yield Violation(
            f"{path}.retired",
            f"{_name(reborn)} was retired; no index is used twice",
            f"write `retired: {_list(retired, gone)}`",
        )
        return
    lost = sorted(set(alive) - wanted - set(retired))
    if lost:
        yield Violation(
            f"{path}.count",
            f"{_name(lost)} would go without being listed as retired",
            f"write `retired: {_list(retired, gone, lost)}` with `count: {count}`",
        )


def _name(indexes: Sequence[int]) -> str:
    return f"index {indexes[0]}" if len(indexes) == 1 else f"indexes {', '.join(map(str, indexes))}"


def _list(*indexes: Sequence[int]) -> str:
    return str(sorted({index for some in indexes for index in some}))
