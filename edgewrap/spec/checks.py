"""Checks that span several fields of a spec. Each problem is reported at the field to change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from ipaddress import IPv4Network

from edgewrap.counted import counted
from edgewrap.spec import addressing
from edgewrap.spec.addressing import active_indexes, hosts_half, pair_capacity
from edgewrap.spec.disks import IOPS_PER_GB, IOPS_PER_THROUGHPUT, LEAST_IOPS, DatastoreVolume
from edgewrap.spec.models import ElasticIps, Hosts, Spec
from edgewrap.spec.place import KeyPath, SpecProblem

WIDEST, NARROWEST = 16, 28  # prefixes of a VPC and of a subnet, AWS's own limits
REFUSED_BY_AWS = tuple(IPv4Network(cidr) for cidr in ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3"))
LINK_LOCAL = IPv4Network("169.254.0.0/16")

_NETWORK, _CIDR, _SUBNET = ("aws", "network"), ("aws", "network", "cidr"), ("aws", "network", "subnet")
_HOSTS, _EIPS, _GROUPS = ("hosts",), ("public_network", "elastic_ips"), ("public_network", "groups")
_RULES, _EXISTING = ("public_network", "security_group"), ("public_network", "existing")


def network_fits(spec: Spec) -> Iterator[SpecProblem]:
    """AWS's limits for the VPC and the subnet, and the subnet inside the VPC."""
    network = spec.aws.network
    if network.subnet_id and not network.vpc_id:
        yield SpecProblem((*_NETWORK, "subnet_id"), "needs vpc_id, the VPC of the subnet")
    if network.vpc_id and not network.subnet_id and not network.subnet:
        yield SpecProblem((*_NETWORK, "vpc_id"), "needs subnet, the addresses of a new subnet in it, or subnet_id")
    for path, cidr in ((_CIDR, network.cidr), (_SUBNET, network.subnet)):
        if cidr is None:
            continue
        if not WIDEST <= cidr.prefixlen <= NARROWEST:
            yield SpecProblem(path, f"must have a prefix from /{WIDEST} to /{NARROWEST}, as AWS requires")
        for refused in REFUSED_BY_AWS:
            if cidr.overlaps(refused):
                yield SpecProblem(path, f"must not overlap {refused}: AWS refuses it")
    if network.subnet and network.vpc_cidr and not network.subnet.subnet_of(network.vpc_cidr):
        yield SpecProblem(_SUBNET, f"must be inside the VPC's {network.vpc_cidr}")


def zone_in_region(spec: Spec) -> Iterator[SpecProblem]:
    """The zone's name begins with its region's."""
    if spec.aws.zone not in ("auto", *(spec.aws.region + letter for letter in "abcdefghijklmnopqrstuvwxyz")):
        yield SpecProblem(("aws", "zone"), f"must be `auto` or a zone of {spec.aws.region}, such as {spec.aws.region}a")


def reservation_has_zone(spec: Spec) -> Iterator[SpecProblem]:
    """A Capacity Reservation is in one zone; only a zone of the spec can be that one."""
    reservation = spec.hosts.capacity_reservation
    if reservation.startswith("cr-") and spec.aws.zone == "auto":
        yield SpecProblem(("hosts", "capacity_reservation"), "needs aws.zone: write the zone of the reservation there")


def retired_have_lived(spec: Spec) -> Iterator[SpecProblem]:
    """Active and retired indexes together are 0, 1, 2, … without a gap: an index beyond has never existed."""
    part: Hosts | ElasticIps
    for path, part in ((_HOSTS, spec.hosts), (_EIPS, spec.public_network.elastic_ips)):
        ever = part.count + len(part.retired)
        for position, index in enumerate(part.retired):
            if index >= ever:
                yield SpecProblem(
                    (*path, "retired", position),
                    f"must be an index that has existed: with count {part.count} and {len(part.retired)} retired, "
                    f"indexes 0 to {ever - 1} have",
                )


def hosts_fit(spec: Spec) -> Iterator[SpecProblem]:
    """Every host has its fixed address in the lower half of the subnet."""
    subnet = spec.aws.network.subnet_cidr
    if subnet is None:
        return
    highest, capacity = active_indexes(spec.hosts.count, spec.hosts.retired)[-1], addressing.host_capacity(subnet)
    if highest >= capacity:
        room = f"indexes 0 to {capacity - 1}" if capacity else "no host"
        yield SpecProblem(
            (*_HOSTS, "count"),
            f"must fit the subnet: the highest index would be {highest}, and the lower half of {subnet} has addresses "
            f"for {room}",
        )


def groups_fit(spec: Spec) -> Iterator[SpecProblem]:
    """Every interface group has a block with room for at least one Elastic IP in the upper half of the subnet."""
    subnet, groups = spec.aws.network.subnet_cidr, spec.public_network.groups
    if subnet is None:
        return
    try:
        fits = pair_capacity(subnet, groups) > 0
    except ValueError:
        fits = False
    if not fits:
        yield SpecProblem(
            _GROUPS,
            f"must fit the subnet: {addressing.groups_half(subnet)}, its upper half, is too small for {groups} blocks",
        )


def elastic_ips_fit(spec: Spec) -> Iterator[SpecProblem]:
    """Every Elastic IP has a pair of addresses in its group's block."""
    subnet, eips, groups = spec.aws.network.subnet_cidr, spec.public_network.elastic_ips, spec.public_network.groups
    if subnet is None:
        return
    capacity, indexes = pair_capacity(subnet, groups), active_indexes(eips.count, eips.retired)
    if indexes and addressing.eip_place(indexes[-1], groups)[1] >= capacity:
        yield SpecProblem(
            (*_EIPS, "count"),
            f"must fit the groups: the highest index would be {indexes[-1]}; {counted(groups, 'group')} can have "
            f"indexes 0 to {groups * capacity - 1}, {capacity} on a block (as {addressing.block(subnet, groups, 0)})",
        )
    elif len(indexes) + len(spec.public_network.existing) > groups * capacity:
        yield SpecProblem(
            _EXISTING, f"must fit the groups: with {len(indexes)} of elastic_ips, {groups * capacity} are possible"
        )


def existing_are_distinct(spec: Spec) -> Iterator[SpecProblem]:
    """Each allocation id has one key."""
    keys: dict[str, str] = {}
    for key, allocation_id in spec.public_network.existing.items():
        if (first := keys.setdefault(allocation_id, key)) != key:
            yield SpecProblem((*_EXISTING, key), f"must not repeat the Elastic IP of {first}")


def driver_knows_the_subnet(spec: Spec) -> Iterator[SpecProblem]:
    """The IPAM driver computes addresses from the spec."""
    if spec.public_network.self_service and spec.aws.network.subnet_cidr is None:
        yield SpecProblem(
            ("public_network", "self_service"), "needs aws.network.subnet: write the existing subnet's addresses there"
        )


def hypervisor_runs(spec: Spec) -> Iterator[SpecProblem]:
    """KVM needs the processor's virtualisation, which only metal instances have."""
    if spec.hosts.hypervisor == "kvm" and ".metal" not in spec.hosts.instance_type:
        yield SpecProblem(("hosts", "instance_type"), "must be a metal type such as c5.metal: KVM needs one")


def volumes_fit(spec: Spec) -> Iterator[SpecProblem]:
    """AWS's ratios of a gp3 volume: IOPS to its size, throughput to its IOPS."""
    hosts = spec.hosts
    own = hosts.datastore_volume
    volumes: list[tuple[int, int, int, KeyPath, str]] = [
        (hosts.root_volume_gb, hosts.root_volume_iops, hosts.root_volume_throughput, _HOSTS, "root_volume_")
    ]
    if isinstance(own, DatastoreVolume):
        volumes.append((own.gb, own.iops, own.throughput, (*_HOSTS, "datastore_volume"), ""))
    for gb, iops, throughput, path, prefix in volumes:
        most = max(LEAST_IOPS, gb * IOPS_PER_GB)
        if iops > most:
            yield SpecProblem((*path, f"{prefix}iops"), f"must be at most {most}: {IOPS_PER_GB} for each of {gb} GiB")
        if throughput * IOPS_PER_THROUGHPUT > iops:
            yield SpecProblem(
                (*path, f"{prefix}throughput"), f"must be at most {iops // IOPS_PER_THROUGHPUT}: a quarter of the IOPS"
            )


def rules_are_sound(spec: Spec) -> Iterator[SpecProblem]:
    """Ports only if the protocol has them, and nothing allowed twice: AWS refuses both."""
    group = spec.public_network.security_group
    for direction, rules in (("ingress", group.ingress), ("egress", group.egress)):
        seen: dict[tuple[object, ...], int] = {}
        for number, rule in enumerate(rules or ()):
            path = (*_RULES, direction, number)
            if rule.protocol in ("icmp", "all") and rule.ports != "all":
                yield SpecProblem((*path, "ports"), f"must be left out: protocol {rule.protocol} has no ports")
                continue
            for position, cidr in enumerate(rule.cidrs):
                first = seen.setdefault((rule.protocol, rule.port_range, cidr), number)
                if first != number:
                    yield SpecProblem(
                        (*path, "cidrs", position), f"must not repeat a rule: {direction}[{first}] allows the same"
                    )


def name_servers_reachable(spec: Spec) -> Iterator[SpecProblem]:
    """VMs reach neither the hosts' half of the subnet nor link-local addresses: the hosts drop it."""
    for position, server in enumerate(spec.public_network.dns):
        subnet = spec.aws.network.subnet_cidr
        for closed in (*([hosts_half(subnet)] if subnet else []), LINK_LOCAL):
            if server in closed:
                yield SpecProblem(
                    ("public_network", "dns", position),
                    f"must be reachable for VMs: hosts drop what VMs send to {closed}",
                )


def own_tags_are_kept(spec: Spec) -> Iterator[SpecProblem]:
    """No tag is both set and ignored: Terraform would set it at every apply."""
    for name, ignored in (("keys", spec.aws.ignore_tags.keys), ("prefixes", spec.aws.ignore_tags.prefixes)):
        for position, text in enumerate(ignored):
            clash = next(
                (key for key in spec.aws.tags if key == text or (name == "prefixes" and key.startswith(text))), None
            )
            if clash is not None:
                yield SpecProblem(
                    ("aws", "ignore_tags", name, position), f"must not match `{clash}`, which aws.tags sets"
                )


def someone_may_log_in(spec: Spec) -> Iterator[SpecProblem]:
    """Hosts with public addresses are reached over SSH from somewhere."""
    if not spec.ssh.from_ and spec.ssh.proxy_command is None and spec.hosts.address != "private":
        yield SpecProblem(
            ("ssh", "from"), "must name at least one network: edgewrap and the front-end reach hosts over SSH"
        )


def replica_lives(spec: Spec) -> Iterator[SpecProblem]:
    """The host that keeps the replicas is an active one."""
    keys = [f"host-{index}" for index in active_indexes(spec.hosts.count, spec.hosts.retired)]
    if spec.opennebula.replica not in ("auto", "none", *keys):
        yield SpecProblem(
            ("opennebula", "replica"), f"must be an active host: {', '.join(keys[:8])}{', …' if keys[8:] else ''}"
        )


def front_end_is_another_machine(spec: Spec) -> Iterator[SpecProblem]:
    """An address alone leads nowhere: hosts log in to the front-end by its name. Neither may lead to the host."""
    front_end, path = spec.opennebula.front_end, ("opennebula", "front_end")
    if front_end.address is not None and front_end.name is None:
        yield SpecProblem((*path, "address"), "needs name: hosts know the front-end by its name")
    if front_end.name is not None and front_end.name.lower().partition(".")[0] == "localhost":
        rule = "must not be localhost, which every host takes for itself: give the front-end another host name"
        yield SpecProblem((*path, "name"), rule)
    if front_end.address is not None and (front_end.address.is_loopback or front_end.address.is_unspecified):
        yield SpecProblem((*path, "address"), "must be an address that hosts reach: with this one, each reaches itself")


def consoles_are_closed(spec: Spec) -> Iterator[SpecProblem]:
    """VNC is neither encrypted nor, by default, protected by a password."""
    for position, network in enumerate(spec.opennebula.vnc_from):
        if network.prefixlen == 0:
            rule = "must not be everybody: VNC has no encryption and no password; name the front-end's address"
            yield SpecProblem(("opennebula", "vnc_from", position), rule)


def version_is_used(spec: Spec) -> Iterator[SpecProblem]:
    """Only hosts with user data install packages."""
    if spec.opennebula.version != "auto" and spec.opennebula.oneadmin_public_key is None:
        yield SpecProblem(("opennebula", "version"), "needs oneadmin_public_key: without it hosts install no packages")


CHECKS: Mapping[Callable[[Spec], Iterable[SpecProblem]], tuple[KeyPath, ...]] = {
    network_fits: (_NETWORK,),
    zone_in_region: (("aws", "region"), ("aws", "zone")),
    reservation_has_zone: (("aws", "zone"), (*_HOSTS, "capacity_reservation")),
    retired_have_lived: ((*_HOSTS, "count"), (*_HOSTS, "retired"), _EIPS),
    hosts_fit: (_NETWORK, (*_HOSTS, "count"), (*_HOSTS, "retired")),
    groups_fit: (_NETWORK, _GROUPS),
    elastic_ips_fit: (_NETWORK, _GROUPS, _EIPS, _EXISTING),
    existing_are_distinct: (_EXISTING,),
    driver_knows_the_subnet: (_NETWORK, ("public_network", "self_service")),
    hypervisor_runs: (("hosts", "hypervisor"), ("hosts", "instance_type")),
    volumes_fit: tuple(
        (*_HOSTS, name) for name in ("root_volume_gb", "root_volume_iops", "root_volume_throughput", "datastore_volume")
    ),
    rules_are_sound: (_RULES,),
    name_servers_reachable: (_NETWORK, ("public_network", "dns")),
    replica_lives: (("opennebula", "replica"), (*_HOSTS, "count"), (*_HOSTS, "retired")),
    version_is_used: (("opennebula", "version"), ("opennebula", "oneadmin_public_key")),
    front_end_is_another_machine: (("opennebula", "front_end"),),
    consoles_are_closed: (("opennebula", "vnc_from"),),
    own_tags_are_kept: (("aws", "tags"), ("aws", "ignore_tags")),
    someone_may_log_in: (("ssh", "from"), ("ssh", "proxy_command"), ("hosts", "address")),
}
"""The checks, and the parts of the spec that each reads: it is skipped if one of them is already wrong, so that one
mistake is reported once."""


def broken_checks(spec: Spec, wrong: Iterable[KeyPath] = ()) -> list[SpecProblem]:
    """The problems between the fields of a spec, without those of checks that read what is already `wrong`."""
    problems: list[SpecProblem] = []
    known = list(wrong)
    for check, reads in CHECKS.items():
        # one path is at or below the other if the shorter one begins the longer one
        if any(path[: len(read)] == read[: len(path)] for path in known for read in reads):
            continue
        found = list(check(spec))
        problems.extend(found)
        known.extend(problem.path for problem in found)
    return problems
