"""Deciding the inputs: what is decided already is kept, only what is new is looked up."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from ipaddress import IPv4Network
from typing import Protocol

from edgewrap.aws.adoption import collisions
from edgewrap.aws.existing.addresses import EXISTING, Allocation, address_violations, choose_places
from edgewrap.aws.existing.network import ExistingNetwork, network_violations
from edgewrap.aws.inputs.immutable_fields import Violation, refused_changes, refused_sizes
from edgewrap.aws.inputs.model import ExistingEip, Foundation, Inputs, InterfaceLimits, Retired, eip_keys, host_keys
from edgewrap.aws.inputs.placement import place
from edgewrap.aws.terraform.resources import INSTANCE, KEY_PAIR, SUBNET, VMS_GROUP, VPC
from edgewrap.errors import RefusedChangeError
from edgewrap.first_boot.files import follows_front_end, sets_itself_up
from edgewrap.spec.checks import broken_checks
from edgewrap.spec.disks import DatastoreDisk, datastore_kind
from edgewrap.spec.models import Spec
from edgewrap.spec.place import dotted

NETWORK_FIELDS = frozenset({"vpc_cidr", "subnet_cidr", "vpc_id", "subnet_id", "gateway_id"})


class Lookups(Protocol):
    """Values from AWS, random values, and values from the user's files, as `AwsLookups` describes them. Each may raise
    AwsError, `public_key` ToolError."""

    def new_uuid(self) -> str: ...
    def first_zone(self, preferred: str = "") -> str: ...
    def image(self) -> str: ...
    def interface_limits(self) -> InterfaceLimits: ...
    def public_key(self) -> str: ...
    def network(self, uuid: str) -> ExistingNetwork: ...
    def allocations(self, ids: Sequence[str]) -> Mapping[str, Allocation]: ...


def unprovisioned(inputs: Inputs, addresses: Collection[str]) -> frozenset[str]:
    """The keys of hosts, VPC, subnet and key pair that a state with these `addresses` does not hold. An existing VPC
    binds as soon as the cluster has something in it: the security groups are first."""
    vpc = VMS_GROUP if inputs.foundation.vpc_id else VPC
    subnet = VMS_GROUP if inputs.foundation.subnet_id else SUBNET
    wanted = {
        VPC.key: vpc.address(),
        SUBNET.key: subnet.address(),
        KEY_PAIR.key: KEY_PAIR.address(),
        **{key: INSTANCE.address(key) for key in inputs.amis},
    }
    return frozenset(key for key, address in wanted.items() if address not in addresses)


def decide_inputs(
    spec: Spec,
    previous: Inputs | None,
    lookups: Lookups,
    *,
    unavailable: Collection[str] = (),
    new_hosts: Collection[str] = (),
    missing: Collection[str] = (),
    new_instances: Collection[str] = (),
    unassociated: Collection[str] = (),
    front_end_version: str = "",
) -> Inputs:
    """The inputs of this run.

    Kept: the UUID, the zone, the image of every existing host, the key's text, the placement of every group whose host
    stays. `unavailable` are the keys of hosts that must carry no groups if any other can, `new_hosts` of those that
    have no instance yet. `missing` are the keys of what is not in the state: for these, earlier decisions do not bind,
    or a wrong image, key or zone that made an apply fail could never be corrected. `new_instances` are the keys of
    hosts whose instance this run replaces. `unassociated` are the keys of the user's own Elastic IPs whose association
    is not in the state.
    `lookups` are asked only for what is new. `front_end_version` is OpenNebula's own (`7.0.2`), empty if it could
    not be read. Raises RefusedChangeError if the spec asks for a change that the cluster cannot make.
    """
    if previous is not None:
        previous = _still_binding(spec, previous, lookups, missing)
        bound = {key: one for key, one in previous.existing.items() if key not in unassociated}
        _refuse(refused_changes(spec, previous.model_copy(update={"existing": bound})))
    limits = previous.limits if previous else lookups.interface_limits()
    uuid = previous.uuid if previous else lookups.new_uuid()
    foundation = previous.foundation if previous else _foundation(spec, lookups, "")
    _refuse(refused_sizes(spec, limits, IPv4Network(foundation.subnet_cidr)))

    ipam_eips = previous.ipam_eips if previous else ()
    _refuse_collisions(spec, ipam_eips, previous, unassociated)
    hosts = host_keys(spec)
    groups = [f"group-{index}" for index in range(spec.public_network.groups)]
    able = [host for host in hosts if host not in unavailable] or hosts
    retired = previous.retired if previous else Retired()
    inputs = Inputs(
        uuid=uuid,
        foundation=foundation,
        limits=limits,
        host_address=spec.hosts.address,
        public_key=previous.public_key if previous else lookups.public_key(),
        amis=_images(spec, hosts, previous, lookups, missing),
        datastores=_datastores(spec, hosts, previous, {*missing, *new_instances}),
        placement=place(groups, able, previous.placement if previous else {}, new_hosts),
        eips=eip_keys(spec),
        ipam_eips=ipam_eips,
        retired=Retired(
            hosts=tuple(sorted({*retired.hosts, *spec.hosts.retired})),
            eips=tuple(sorted({*retired.eips, *spec.public_network.elastic_ips.retired})),
        ),
        opennebula_version=decide_version(spec, previous.opennebula_version if previous else "", front_end_version),
    )
    existing = _existing(spec, inputs, previous.existing if previous else {}, lookups, unassociated)
    return inputs.model_copy(update={"existing": existing})


def _foundation(spec: Spec, lookups: Lookups, uuid: str, preferred_zone: str = "") -> Foundation:
    """What stays from the first apply on. `uuid` is the cluster's, empty if it is new."""
    wanted, found = spec.aws.network, None
    vpc, cidr, zone = wanted.vpc_cidr, wanted.subnet_cidr, spec.aws.zone
    if wanted.vpc_id:
        found = lookups.network(uuid)
        _refuse(network_violations(spec, found, uuid))
        if subnet := found.subnet(wanted.subnet_id):
            cidr, zone = subnet.cidr, subnet.zone
        vpc = wanted.cidr or (found.around(cidr) if cidr else None)
        known = wanted.model_copy(update={"cidr": vpc, "subnet": cidr})
        problems = broken_checks(spec.model_copy(update={"aws": spec.aws.model_copy(update={"network": known})}))
        if problems:
            raise RefusedChangeError([f"{dotted(problem.path)}: {problem.rule}" for problem in problems])
    return Foundation(
        name=spec.name,
        region=spec.aws.region,
        zone=lookups.first_zone(preferred_zone) if zone == "auto" else zone,
        vpc_cidr=str(vpc),
        subnet_cidr=str(cidr),
        vpc_id=wanted.vpc_id,
        subnet_id=wanted.subnet_id,
        gateway_id=found.gateway if found else None,
        groups=spec.public_network.groups,
        instance_type=spec.hosts.instance_type,
    )


def _existing(
    spec: Spec, inputs: Inputs, known: Mapping[str, ExistingEip], lookups: Lookups, unassociated: Collection[str]
) -> dict[str, ExistingEip]:
    """The user's own Elastic IPs; AWS is asked only about those that are not associated yet."""
    wanted = spec.public_network.existing
    try:
        places = choose_places(spec, inputs, known, unassociated)
    except KeyError as error:
        text, advice = f"no pair of addresses is free for {error.args[0]}", "use fewer Elastic IPs"
        raise RefusedChangeError([f"{EXISTING}: {text}; {advice}"]) from None
    new = [key for key in wanted if key not in known or key in unassociated]
    found = lookups.allocations([wanted[key] for key in new]) if new else {}
    eips = {key: known[key] for key in wanted if key not in new}
    for key in new:
        address = found[wanted[key]].public_address if wanted[key] in found else "0.0.0.0"  # noqa: S104  (refused below)
        eips[key] = ExistingEip(place=places[key], allocation_id=wanted[key], public_address=address)
    _refuse(address_violations(spec, inputs.model_copy(update={"existing": eips}), found, new))
    return {key: eips[key] for key in wanted}


def _still_binding(spec: Spec, previous: Inputs, lookups: Lookups, missing: Collection[str]) -> Inputs:
    """The `previous` inputs, with new values from the spec where no resource depends on the old ones.

    While a host exists, its network and its key stay as they are, whatever else was deleted outside.
    """
    if any(host not in missing for host in previous.amis):
        return previous
    foundation = previous.foundation
    if SUBNET.key in missing:
        # `auto` keeps the zone if possible: resources of a killed run, which the state does not have, are in it
        now = _foundation(spec, lookups, previous.uuid, foundation.zone)
        same_vpc = (now.vpc_cidr, now.vpc_id) == (foundation.vpc_cidr, foundation.vpc_id)
        changed = NETWORK_FIELDS if VPC.key in missing or same_vpc else frozenset[str]()
        foundation = foundation.model_copy(update=now.model_dump(include={"zone", *changed}))
    public_key = lookups.public_key() if KEY_PAIR.key in missing else previous.public_key
    return previous.model_copy(update={"foundation": foundation, "public_key": public_key})


def _images(
    spec: Spec, hosts: Sequence[str], previous: Inputs | None, lookups: Lookups, missing: Collection[str]
) -> dict[str, str]:
    """The image of each host; an existing host keeps its own, all others get the same."""
    known = {host: ami for host, ami in previous.amis.items() if host not in missing} if previous else {}
    if all(host in known for host in hosts):
        return {host: known[host] for host in hosts}
    newest = spec.hosts.ami if spec.hosts.ami.startswith("ami-") else lookups.image()
    return {host: known.get(host, newest) for host in hosts}


def _datastores(
    spec: Spec, hosts: Sequence[str], previous: Inputs | None, new: Collection[str]
) -> dict[str, DatastoreDisk]:
    """Where each host has its datastores. A host keeps its kind of disk until its instance is replaced: another one
    would hide what is on it. The size and speed of a volume are the spec's."""
    disks: dict[str, DatastoreDisk] = {}
    for host in hosts:
        disk: DatastoreDisk = spec.hosts.datastore_volume
        if previous is not None and host in previous.amis and host not in new:
            now = previous.datastores.get(host, "root")
            disk = disk if datastore_kind(now) == datastore_kind(disk) else now
        if disk != "root":
            disks[host] = disk
    return disks


def decide_version(spec: Spec, previous: str, front_end: str) -> str:
    """The repository that new hosts install OpenNebula's packages from (`7.0`); empty if hosts get no user data.

    `auto` follows the front-end, whose own version is `front_end` (`7.0.2`); if that could not be read, the
    `previous` decision is kept. Raises RefusedChangeError if there is none.
    """
    if not sets_itself_up(spec):
        return ""
    if not follows_front_end(spec):
        return spec.opennebula.version
    if series := re.match(r"[0-9]{1,4}\.[0-9]{1,4}(?![0-9])", front_end):
        return series[0]
    if previous:
        return previous
    advice = "write the version, such as `version: 7.0`"
    raise RefusedChangeError(
        [f"opennebula.version: `auto` takes the front-end's version, and it could not be read; {advice}"]
    )


def _refuse_collisions(
    spec: Spec, ipam_eips: Collection[str], previous: Inputs | None, unassociated: Collection[str]
) -> None:
    """Raises RefusedChangeError if an Elastic IP of the spec needs the place of one that the IPAM driver requested."""
    kept = {} if previous is None else {key: one.place for key, one in previous.existing.items()}
    kept = {key: one for key, one in kept.items() if key in spec.public_network.existing and key not in unassociated}
    found = collisions(eip_keys(spec), ipam_eips, previous, kept) if previous else {}
    if found:
        pairs = ", ".join(f"{key} needs the addresses of {other}" for key, other in found.items())
        raise RefusedChangeError(
            [f"public_network.elastic_ips: {pairs}: remove its address range in OpenNebula first, or lower `count`"]
        )


def _refuse(violations: Iterable[Violation]) -> None:
    if refusals := [str(violation) for violation in violations]:
        raise RefusedChangeError(refusals)
