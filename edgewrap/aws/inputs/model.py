"""What is decided once and kept in the Terraform state: the inputs of the render besides the spec.

Everything that a lookup, a random number or an earlier run decided is here, so that `render(spec, inputs)` is pure.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field, ValidationError

from edgewrap.aws.forms import (
    GATEWAY_ID,
    Address,
    AllocationId,
    EipKey,
    GroupKey,
    HostKey,
    ImageId,
    Network,
    Uuid,
    Word,
    first_problem,
)
from edgewrap.errors import StateError
from edgewrap.spec.addressing import active_indexes
from edgewrap.spec.disks import DatastoreDisk
from edgewrap.spec.formats import EXISTING_KEY, INSTANCE_TYPE, NAME, VERSION, Form, SubnetId, VpcId
from edgewrap.spec.models import Spec

MOST_INTERFACES, MOST_ADDRESSES = 256, 1024  # more than any instance type allows
Index = Annotated[int, Field(ge=0, le=99_999)]
Line = Annotated[str, Form(r"[^\x00-\x1f\x7f]{1,16384}", "one line of text")]
Version = Annotated[str, Form(rf"|{VERSION.pattern}", "a version such as 7.0")]


class Part(BaseModel, extra="forbid", frozen=True):
    """The base of every part: immutable, unknown keys refused."""


class Foundation(Part):
    """What never changes from the first apply to the destroy: a change would take the whole cluster down. `vpc_id` and
    `subnet_id` are None if the cluster has its own; `gateway_id` is the internet gateway of an existing VPC."""

    name: Annotated[str, NAME]
    region: Word
    zone: Word
    vpc_cidr: Network
    subnet_cidr: Network
    vpc_id: VpcId | None = None
    subnet_id: SubnetId | None = None
    gateway_id: Annotated[str, GATEWAY_ID] | None = None
    groups: Annotated[int, Field(ge=1, le=MOST_INTERFACES)]
    instance_type: Annotated[str, INSTANCE_TYPE]


class InterfaceLimits(Part):
    """What the instance type allows: interfaces on network card 0, and IPv4 addresses on each."""

    interfaces: Annotated[int, Field(ge=1, le=MOST_INTERFACES)]
    addresses_per_interface: Annotated[int, Field(ge=1, le=MOST_ADDRESSES)]


class Retired(Part):
    """The indexes of removed hosts and Elastic IPs; none is ever used again."""

    hosts: tuple[Index, ...] = ()
    eips: tuple[Index, ...] = ()


class ExistingEip(Part):
    """An Elastic IP of the user's own. It has the pair of `place`, which is a key of the IPAM driver's that no other
    Elastic IP has."""

    place: EipKey
    allocation_id: AllocationId
    public_address: Address


class Inputs(Part):
    """All that the render needs beside the spec. Mappings are by key, in index order.

    `amis`: by host key; its keys are the hosts. `datastores`: where the hosts have theirs that do not have them on
    the root volume. `eips`: the keys of the Elastic IPs. `ipam_eips`: those that the IPAM driver asked for;
    `existing`: the user's own. `placement`: by group key, the key of its entry host. `opennebula_version`: the
    repository of the packages that a new host installs (`7.0`), empty if hosts do not set themselves up.
    """

    uuid: Uuid
    foundation: Foundation
    limits: InterfaceLimits
    host_address: Word
    public_key: Line
    amis: dict[HostKey, ImageId]
    datastores: dict[HostKey, DatastoreDisk] = {}
    placement: dict[GroupKey, HostKey]
    eips: tuple[EipKey, ...]
    ipam_eips: tuple[EipKey, ...] = ()
    existing: dict[Annotated[str, EXISTING_KEY], ExistingEip] = Field(default_factory=dict)
    retired: Retired = Retired()
    opennebula_version: Version = ""

    def to_text(self) -> str:
        """As JSON, the same text for the same inputs."""
        return self.model_dump_json()

    @classmethod
    def from_text(cls, text: object) -> Inputs:
        """Read what `to_text` gave. Raises StateError on anything else."""
        try:
            return cls.model_validate_json(text if isinstance(text, str) else "")
        except ValidationError as error:
            raise StateError(
                f"the inputs in the Terraform state cannot be read: {first_problem(error)}",
                cause="the state was written by another version of edgewrap, or by hand",
                advice="use the version of edgewrap that wrote it; `terraform output inputs` shows the text",
            ) from error


def index_of(key: str) -> int:
    """The index in a key: 3 for `host-3`."""
    return int(key.rsplit("-", 1)[1])


def host_keys(spec: Spec) -> tuple[str, ...]:
    """The keys of the hosts that the spec wants, in index order."""
    return tuple(f"host-{index}" for index in active_indexes(spec.hosts.count, spec.hosts.retired))


def eip_keys(spec: Spec) -> tuple[str, ...]:
    """The keys of the VMs' Elastic IPs that the spec wants, in index order."""
    eips = spec.public_network.elastic_ips
    return tuple(f"eip-{index}" for index in active_indexes(eips.count, eips.retired))
