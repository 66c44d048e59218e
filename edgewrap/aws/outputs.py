"""Reads Terraform's outputs: every value is parsed strictly, then returned in plain `Outputs`.

The values end up on command lines, in scripts and in other systems, so any other form is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from ipaddress import AddressValueError, IPv4Address, IPv4Network
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, Field, ValidationError
from pydantic_core import ErrorDetails

from edgewrap.aws.inputs.model import Inputs, index_of
from edgewrap.errors import StateError
from edgewrap.outputs import UNKNOWN, EipOutput, GroupOutput, HostOutput, Outputs
from edgewrap.spec.formats import Form
from edgewrap.spec.place import dotted, quoted

NAMES = frozenset({"cluster", "hosts", "groups", "eips"})
"""The outputs that say what is in AWS; `inputs` and `applied` say what edgewrap remembers."""

T = TypeVar("T")

LONGEST_SHOWN = 60  # characters of a value in an error

WORD = Form(r"(?=.{1,40}\Z)[a-z0-9]+(?:-[a-z0-9]+)*", "a state as AWS writes it, such as running")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DNS_NAME = re.compile(rf"(?=.{{1,253}}\Z)(?:{_LABEL}\.)+(?=[a-z]){_LABEL}")
_INDEX = r"(?:0|[1-9][0-9]{0,4})"


def address(text: str) -> str:
    """An IPv4 address; raises ValueError for anything else."""
    try:
        return str(IPv4Address(text))
    except AddressValueError:
        raise ValueError("must be an IPv4 address such as 10.0.0.10") from None


def _network(text: str) -> str:
    try:
        if str(IPv4Network(text)) == text:
            return text
    except ValueError:
        pass
    raise ValueError("must be an IPv4 network in CIDR form, such as 10.0.0.0/16")


def _host_name(text: str) -> str:
    """What SSH connects to: an IPv4 address or a DNS name, or nothing; raises ValueError for anything else."""
    if not text or _DNS_NAME.fullmatch(text):
        return text
    try:
        return address(text)
    except ValueError:
        raise ValueError("must be an IPv4 address, or a DNS name in lower case") from None


def _known(check: Callable[[str], str]) -> AfterValidator:
    """A text that passes `check`, or UNKNOWN if a plan cannot know it yet."""
    return AfterValidator(lambda text: text if text == UNKNOWN else check(text))


def _resource_id(prefix: str, what: str) -> AfterValidator:
    return _known(Form(rf"{prefix}-[0-9a-f]{{1,32}}", f"the id of {what}, such as {prefix}-0123456789abcdef0").check)


Address = Annotated[str, _known(address)]
Network = Annotated[str, _known(_network)]
HostName = Annotated[str, _known(_host_name)]
InstanceId = Annotated[str, _resource_id("i", "an instance")]
VpcId = Annotated[str, _resource_id("vpc", "a VPC")]
SubnetId = Annotated[str, _resource_id("subnet", "a subnet")]
InterfaceId = Annotated[str, _resource_id("eni", "a network interface")]
AllocationId = Annotated[str, _resource_id("eipalloc", "an Elastic IP")]
Mac = Annotated[str, _known(Form(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}", "a MAC address such as 02:00:00:00:00:01").check)]
Uuid = Annotated[str, Form(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", "a UUID in lower case")]
Word = Annotated[str, _known(WORD.check)]
HostKey = Annotated[str, Form(rf"host-{_INDEX}", "the key of a host, such as host-0")]
GroupKey = Annotated[str, Form(rf"group-{_INDEX}", "the key of an interface group, such as group-0")]
EipKey = Annotated[str, Form(rf"eip-(?:x-)?{_INDEX}", "the key of an Elastic IP, such as eip-0")]


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
        known = inputs.foundation.model_dump(include={"region", "zone", "vpc_cidr", "subnet_cidr"})
        cluster = read.cluster or _Cluster(uuid=inputs.uuid, vpc_id=UNKNOWN, subnet_id=UNKNOWN, **known)
    except ValidationError as error:
        raise _unreadable(error.errors(include_url=False)[0]) from None
    return Outputs(
        **cluster.model_dump(),
        hosts={key: _host(key, host) for key, host in _in_order(read.hosts)},
        groups={
            key: GroupOutput(key=key, index=index_of(key), **group.model_dump())
            for key, group in _in_order(read.groups)
        },
        eips={key: EipOutput(key=key, **eip.model_dump()) for key, eip in _in_order(read.eips)},
        opennebula_version=inputs.opennebula_version,
    )


def _in_order(by_key: Mapping[str, T]) -> list[tuple[str, T]]:
    return sorted(by_key.items(), key=lambda item: index_of(item[0]))


def _unreadable(error: ErrorDetails) -> StateError:
    """The first field of another form. Its value is shown in quotes on one line, whatever it holds."""
    value, path = error["input"], tuple(step for step in error["loc"] if step != "[key]")
    rule = str(error["ctx"]["error"]) if error["type"] == "value_error" else error["msg"]
    too_long = isinstance(value, str) and len(value) > LONGEST_SHOWN
    short = f"{value[: LONGEST_SHOWN - 1]}…" if too_long else value
    shown = f" (value: {quoted(short)})" if isinstance(value, str) else ""
    return StateError(
        f"the Terraform outputs cannot be read: {dotted(path)}: {rule}{shown}",
        cause="the state was written by another version of edgewrap, or changed by hand",
        advice="use the version of edgewrap that wrote it, or restore the state from a backup",
    )


def _host(key: str, host: _Host) -> HostOutput:
    values = host.model_dump() | {"public_address": host.public_address or ""}
    return HostOutput(key=key, index=index_of(key), name=host.public_address or host.private_address, **values)
