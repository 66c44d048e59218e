"""Reads Terraform's outputs: every value is parsed strictly, then returned in plain `Outputs`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from edgewrap.aws.inputs.model import Inputs, in_index_order, index_of
from edgewrap.aws.output_formats import (
    Address,
    AllocationId,
    EipKey,
    GroupKey,
    HostKey,
    HostName,
    InstanceId,
    InterfaceId,
    Mac,
    Network,
    SubnetId,
    Uuid,
    VpcId,
    Word,
)
from edgewrap.errors import StateError
from edgewrap.outputs import UNKNOWN, EipOutput, GroupOutput, HostOutput, Outputs
from edgewrap.spec.place import dotted, quoted

NAMES = frozenset({"cluster", "hosts", "groups", "eips"})
"""The outputs that say what is in AWS; `inputs` and `applied` say what edgewrap remembers."""


LONGEST_SHOWN = 60  # characters of a value in an error


class Part(BaseModel):
    """The base of every part: immutable, exact."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Cluster(Part):
    uuid: Uuid
    region: Word
    zone: Word
    vpc_id: VpcId
    vpc_cidr: Network
    subnet_id: SubnetId
    subnet_cidr: Network


class _Host(Part):
    instance_id: InstanceId
    private_address: Address
    public_address: HostName | None
    state: Word


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
    eips: dict[EipKey, _Eip] = Field(default_factory=dict)


def read_outputs(values: Mapping[str, Any], inputs: Inputs) -> Outputs:
    """The outputs from their values by name, as `terraform output -json` gives them.

    If a run died before there were any, they are made from the inputs, with UNKNOWN for what only AWS knows.
    Raises StateError, with the field and its value, if one is not of the form that our templates give it.
    """
    try:
        read = _Values.model_validate({name: values[name] for name in NAMES & values.keys()})
        cluster = read.cluster or _expected_cluster(inputs)
    except ValidationError as error:
        raise _unreadable(error.errors(include_url=False)[0]) from None
    return Outputs(
        **cluster.model_dump(),
        hosts={key: _host(key, host) for key, host in in_index_order(read.hosts).items()},
        groups={
            key: GroupOutput(key=key, index=index_of(key), **group.model_dump())
            for key, group in in_index_order(read.groups).items()
        },
        eips={key: EipOutput(key=key, **eip.model_dump()) for key, eip in in_index_order(read.eips).items()},
        opennebula_version=inputs.opennebula_version,
    )


def _unreadable(error: ErrorDetails) -> StateError:
    """The first field of another form. Its value is shown in quotes on one line, whatever it holds."""
    value, path = error["input"], tuple(step for step in error["loc"] if step != "[key]")
    rule = str(error["ctx"]["error"]) if error["type"] == "value_error" else error["msg"]
    shown = f" (value: {quoted(_shortened(value))})" if isinstance(value, str) else ""
    return StateError(
        f"the Terraform outputs cannot be read: {dotted(path)}: {rule}{shown}",
        cause="the state was written by another version of edgewrap, or changed by hand",
        advice="use the version of edgewrap that wrote it, or restore the state from a backup",
    )


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…"


def _expected_cluster(inputs: Inputs) -> _Cluster:
    foundation = inputs.foundation
    return _Cluster(
        uuid=inputs.uuid,
        region=foundation.region,
        zone=foundation.zone,
        vpc_id=UNKNOWN,
        vpc_cidr=foundation.vpc_cidr,
        subnet_id=UNKNOWN,
        subnet_cidr=foundation.subnet_cidr,
    )


def _host(key: str, host: _Host) -> HostOutput:
    public = host.public_address or ""
    return HostOutput(
        key=key,
        index=index_of(key),
        instance_id=host.instance_id,
        private_address=host.private_address,
        public_address=public,
        name=public or host.private_address,
        state=host.state,
    )
