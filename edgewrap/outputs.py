"""What the planes pass to each other: plain data, so that no plane imports another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

UNKNOWN = "(known after apply)"
"""The placeholder in a predicted `Outputs` for a value that only AWS can give."""

STOPPING_STATES = frozenset({"stopping", "shutting-down"})
"""EC2's states of an instance that is not off yet: AWS detaches none of its interfaces."""

DEAD_STATES = STOPPING_STATES | {"stopped", "terminated"}
"""EC2's states of an instance that does not run and will not start by itself."""


UNDERLAY_MTUS = range(1280, 9217)
"""The MTUs in bytes that an interface under VXLAN may have; the largest is that of AWS's and other jumbo frames."""


@dataclass(frozen=True, slots=True)
class HostOutput:
    """One metal instance. `private_address` is fixed by its index; `public_address` is empty if it has none; `name` is
    the host's name in OpenNebula, AWS's public DNS name or the private address; `state` is EC2's (`running`,
    `stopped`).

    `root_gb` is the root volume's size in GiB, 0 if it is not known. `datastores` are on `root`, `instance-store`, or
    an EBS volume (its id; `datastores_gb` is its size)."""

    key: str
    index: int
    instance_id: str
    private_address: str
    public_address: str
    name: str
    state: str
    root_gb: int = 0
    datastores: str = "root"
    datastores_gb: int = 0

    @property
    def address(self) -> str:
        """Where edgewrap itself connects to: it needs no name service."""
        return self.public_address or self.private_address

    @property
    def is_dead(self) -> bool:
        """Whether the instance does not run, and will not by itself."""
        return self.state in DEAD_STATES

    @property
    def lost_address(self) -> bool:
        """Whether the instance runs without a public address. So does one that never gets any."""
        return self.state == "running" and not self.public_address


@dataclass(frozen=True, slots=True)
class GroupOutput:
    """One interface group: an ENI, its own primary address, its block (CIDR) and the key of its entry host.

    `device_index` is 1 + the group's index.
    """

    key: str
    index: int
    interface_id: str
    mac: str
    primary_address: str
    block: str
    host: str
    device_index: int


BY_DRIVER = "eip-x-"
"""The keys of the Elastic IPs that the IPAM driver requested begin with it; the spec's are `eip-0`, `eip-1`, …"""


@dataclass(frozen=True, slots=True)
class EipOutput:
    """One Elastic IP: the VM's private address (even), its gateway (odd, mask /31) and the key of its group."""

    key: str
    allocation_id: str
    public_address: str
    private_address: str
    gateway: str
    group: str

    @property
    def by_driver(self) -> bool:
        """Whether the IPAM driver requested it, rather than the spec."""
        return self.key.startswith(BY_DRIVER)


@dataclass(frozen=True, slots=True)
class Outputs:
    """The AWS plane's outputs, or a prediction of them with `UNKNOWN` in it. Mappings are by key, in index order.
    `opennebula_version` names the package repository of hosts with first-boot setup; empty if there are none."""

    uuid: str
    region: str
    zone: str
    vpc_id: str
    vpc_cidr: str
    subnet_id: str
    subnet_cidr: str
    hosts: Mapping[str, HostOutput] = field(default_factory=dict)
    groups: Mapping[str, GroupOutput] = field(default_factory=dict)
    eips: Mapping[str, EipOutput] = field(default_factory=dict)
    opennebula_version: str = ""


@dataclass(frozen=True, slots=True)
class HostPin:
    """An SSH host key, pinned on first use for one instance. `host_key` is one line as in an OpenSSH public
    key file (`ssh-ed25519 AAAA…`); a pin of another instance id is ignored."""

    instance_id: str
    host_key: str


@dataclass(frozen=True, slots=True)
class HostReport:
    """What the hosts plane knows about one host after observing or converging it.

    `ready`: it needs no change. `phydev`: the interface of its default route. `mtu`: that interface's, in bytes.
    """

    key: str
    ready: bool
    pin: HostPin | None
    phydev: str
    mtu: int
