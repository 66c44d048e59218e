"""Terraform's outputs at the border: parsed strictly, then handed on as plain `Outputs`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edgewrap.errors import StateError
from edgewrap.infra.inputs import Inputs, in_index_order, index_of
from edgewrap.outputs import UNKNOWN, EipOutput, GroupOutput, HostOutput, Outputs

NAMES = frozenset({"cluster", "hosts", "groups", "eips"})
"""The outputs that say what is in AWS; `inputs` and `applied` say what edgewrap remembers."""


class Part(BaseModel):
    """The base of every part: immutable, exact."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Cluster(Part):
    uuid: str
    region: str
    zone: str
    vpc_id: str
    vpc_cidr: str
    subnet_id: str
    subnet_cidr: str


class _Host(Part):
    instance_id: str
    private_address: str
    public_address: str | None
    state: str


class _Group(Part):
    interface_id: str
    mac: str
    primary_address: str
    block: str
    host: str
    device_index: int


class _Eip(Part):
    allocation_id: str
    public_address: str
    private_address: str
    gateway: str
    group: str


class _Values(Part):
    """All of them; those that a run which died did not come to are missing."""

    cluster: _Cluster | None = None
    hosts: dict[str, _Host] = Field(default_factory=dict)
    groups: dict[str, _Group] = Field(default_factory=dict)
    eips: dict[str, _Eip] = Field(default_factory=dict)


def read_outputs(values: Mapping[str, Any], inputs: Inputs) -> Outputs:
    """The outputs from their values by name, as `terraform output -json` gives them.

    Where a run died before there were any, what the inputs tell stands in, with UNKNOWN for what only AWS can tell.
    Raises StateError where they are not of the form that our templates give them.
    """
    try:
        read = _Values.model_validate({name: values[name] for name in NAMES & values.keys()})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise StateError(
            f"the Terraform outputs cannot be read: {'.'.join(map(str, first['loc']))}: {first['msg']}",
            cause="the state was written by another version of edgewrap, or by hand",
            advice="use the version of edgewrap that wrote it",
        ) from error
    cluster = read.cluster or _expected_cluster(inputs)
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
