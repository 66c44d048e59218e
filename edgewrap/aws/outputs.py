"""Reads Terraform's outputs: every value is parsed strictly, then returned in plain `Outputs`.

The values end up on command lines, in scripts and in other systems, so any other form is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, Field, ValidationError

from edgewrap.aws.dns_names import public_dns_name
from edgewrap.aws.forms import (
    Address,
    AllocationId,
    AnyEipKey,
    GroupKey,
    HostKey,
    InstanceId,
    InterfaceId,
    Mac,
    Network,
    OptionalAddress,
    Size,
    SubnetId,
    Uuid,
    VolumeId,
    VpcId,
    Word,
    first_problem,
)
from edgewrap.aws.inputs.model import Inputs, index_of
from edgewrap.errors import StateError
from edgewrap.outputs import UNKNOWN, EipOutput, GroupOutput, HostOutput, Outputs

NAMES = frozenset({"cluster", "hosts", "groups", "eips"})
"""The outputs that say what is in AWS; `inputs` and `applied` say what edgewrap remembers."""

T = TypeVar("T")


class Part(BaseModel, extra="forbid", frozen=True, strict=True):
    """The base of every part: immutable, exact."""


class _Cluster(Part):
    uuid: Uuid
    region: Word
    zone: Word
    vpc_id: VpcId
    vpc_cidr: Network
    subnet_id: SubnetId
    subnet_cidr: Network


class _Volume(Part):
    id: VolumeId
    gb: Size


class _Host(Part):
    instance_id: InstanceId
    private_address: Address
    public_address: OptionalAddress | None
    state: Word
    root_gb: Size | None = None
    datastore: _Volume | None = None


class _Group(Part):
    interface_id: InterfaceId
    mac: Mac
    primary_address: Address
    block: Network
    host: HostKey
    device_index: int


class _Eip(Part):
    allocation_id: AllocationId
    public_address: Address
    private_address: Address
    gateway: Address
    group: GroupKey


class _Values(Part):
    """All outputs. Those that an interrupted run did not reach are missing."""

    cluster: _Cluster | None = None
    hosts: dict[HostKey, _Host] = Field(default_factory=dict)
    groups: dict[GroupKey, _Group] = Field(default_factory=dict)
    eips: dict[AnyEipKey, _Eip] = Field(default_factory=dict)


def read_outputs(values: Mapping[str, Any], inputs: Inputs) -> Outputs:
    """The outputs from their values by name, as `terraform output -json` gives them.

    If a run died before there were any, they are made from the inputs, with UNKNOWN for what only AWS knows.
    Raises StateError, with the field and its value, if one is not of the form that our templates give it.
    """
    try:
        read = _Values.model_validate({name: values[name] for name in NAMES & values.keys()})
        known = inputs.foundation.model_dump(include={"region", "zone", "vpc_cidr", "subnet_cidr"})
        cluster = read.cluster or _Cluster(uuid=inputs.uuid, vpc_id=UNKNOWN, subnet_id=UNKNOWN, **known)
    except ValidationError as error:
        raise StateError(
            f"the Terraform outputs cannot be read: {first_problem(error)}",
            cause="the state was written by another version of edgewrap, or changed by hand",
            advice="use the version of edgewrap that wrote it, or restore the state from a backup",
        ) from None
    return Outputs(
        **cluster.model_dump(),
        hosts={key: _host(key, host, inputs) for key, host in _in_order(read.hosts)},
        groups={
            key: GroupOutput(key=key, index=index_of(key), **group.model_dump())
            for key, group in _in_order(read.groups)
        },
        eips={key: EipOutput(key=key, **eip.model_dump()) for key, eip in _in_order(read.eips)},
        opennebula_version=inputs.opennebula_version,
    )


def _in_order(by_key: Mapping[str, T]) -> list[tuple[str, T]]:
    """By index; after these the user's own Elastic IPs, whose keys have none, by name."""
    numbered = {key: index_of(key) for key in by_key if key.startswith(("eip-", "group-", "host-"))}
    return sorted(by_key.items(), key=lambda item: (item[0] not in numbered, numbered.get(item[0], 0), item[0]))


def host_name(public: str, private: str, inputs: Inputs) -> str:
    """A host's name in OpenNebula, from its addresses."""
    if not public or inputs.host_address == "private":
        return private
    return UNKNOWN if public == UNKNOWN else public_dns_name(public, inputs.foundation.region)


def _host(key: str, host: _Host, inputs: Inputs) -> HostOutput:
    """The volume of a run that was killed is not known yet."""
    public, disk = host.public_address or "", inputs.datastores.get(key, "root")
    volume = host.datastore or _Volume(id=UNKNOWN, gb=0)
    values = host.model_dump(exclude={"datastore"}) | {"public_address": public, "root_gb": host.root_gb or 0}
    return HostOutput(
        key=key,
        index=index_of(key),
        name=host_name(public, host.private_address, inputs),
        datastores=disk if isinstance(disk, str) else volume.id,
        datastores_gb=0 if isinstance(disk, str) else volume.gb,
        **values,
    )
