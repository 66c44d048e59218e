"""What is decided once and kept in the Terraform state: the inputs of the render besides the spec.

Everything that a lookup, a random number or an earlier run decided is here, so that `render(spec, inputs)` is pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from edgewrap.errors import StateError

T = TypeVar("T")


class Part(BaseModel):
    """The base of every part: immutable, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Foundation(Part):
    """What never changes from the first apply to the destroy: a change would take the whole cluster down."""

    name: str
    region: str
    zone: str
    vpc_cidr: str
    subnet_cidr: str
    groups: int
    instance_type: str


class InterfaceLimits(Part):
    """What the instance type allows: interfaces on network card 0, and IPv4 addresses on each."""

    interfaces: int
    addresses_per_interface: int


class Retired(Part):
    """The indexes of removed hosts and Elastic IPs; none is ever used again."""

    hosts: tuple[int, ...] = ()
    eips: tuple[int, ...] = ()


class Inputs(Part):
    """All that the render needs beside the spec. Mappings are by key, in index order.

    `amis`: by host key; its keys are the hosts. `eips`: the keys of the Elastic IPs. `ipam_eips`: those that the IPAM
    driver asked for. `placement`: by group key, the key of its entry host. `opennebula_version`: the repository of the
    packages that a new host installs (`7.0`), empty if hosts do not set themselves up.
    """

    uuid: str
    foundation: Foundation
    limits: InterfaceLimits
    host_address: str
    public_key: str
    amis: dict[str, str]
    placement: dict[str, str]
    eips: tuple[str, ...]
    ipam_eips: tuple[str, ...] = ()
    retired: Retired = Retired()
    opennebula_version: str = ""

    def to_text(self) -> str:
        """As JSON, the same text for the same inputs."""
        return self.model_dump_json()

    @classmethod
    def from_text(cls, text: str) -> Inputs:
        """Read what `to_text` gave. Raises StateError on anything else."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise StateError(
                f"the inputs in the Terraform state cannot be read: {error.error_count()} problems",
                cause="the state was written by another version of edgewrap, or by hand",
                advice="use the version of edgewrap that wrote it; `terraform output inputs` shows the text",
            ) from error

    @property
    def host_keys(self) -> tuple[str, ...]:
        """The keys of the hosts, in index order."""
        return tuple(self.amis)


def index_of(key: str) -> int:
    """The index in a key: 3 for `host-3`."""
    return int(key.rsplit("-", 1)[1])


def in_index_order(by_key: Mapping[str, T]) -> dict[str, T]:
    """The same mapping, keys in the order of their indexes."""
    return {key: by_key[key] for key in sorted(by_key, key=index_of)}


def host_key(index: int) -> str:
    """The key of host `index`."""
    return f"host-{index}"


def group_key(index: int) -> str:
    """The key of interface group `index`."""
    return f"group-{index}"


def eip_key(index: int) -> str:
    """The key of Elastic IP `index`."""
    return f"eip-{index}"


def indexes_of(keys: Iterable[str]) -> tuple[int, ...]:
    """The indexes in several keys, in order."""
    return tuple(sorted(index_of(key) for key in keys))
