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
    """One metal instance."""

    key: str
    index: int
    """Its index, which fixes its private address."""
    instance_id: str
    private_address: str
    public_address: str
    name: str
    """The host's name in OpenNebula: AWS's public DNS name or the private address."""
    state: str
    """EC2's state of the instance: `running`, `stopped`."""
    root_gb: int = 0
    """The size of the root volume in GiB, 0 if it is not known."""
    datastores: str = "root"
    """Where its datastores are: `root`, `instance-store`, or the id of an EBS volume."""
    datastores_gb: int = 0
    """The size of that EBS volume in GiB, 0 if there is none."""

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
    """One interface group: an ENI and its block of addresses."""

    key: str
    index: int
    """Its index."""
    interface_id: str
    mac: str
    """The MAC address of its ENI."""
    primary_address: str
    """The ENI's own private address."""
    block: str
    host: str
    """The key of its entry host."""
    device_index: int
    """1 + its index."""


BY_DRIVER = "eip-x-"
"""The keys of the Elastic IPs that the IPAM driver requested begin with it; the spec's are `eip-0`, `eip-1`, …"""


@dataclass(frozen=True, slots=True)
class EipOutput:
    """One Elastic IP."""

    key: str
    allocation_id: str
    """AWS's id of it."""
    public_address: str
    private_address: str
    """The VM's private address, which is even."""
    gateway: str
    """The VM's gateway: the odd address after it, with the mask /31."""
    group: str

    @property
    def by_driver(self) -> bool:
        """Whether the IPAM driver requested it, rather than the spec."""
        return self.key.startswith(BY_DRIVER)


@dataclass(frozen=True, slots=True)
class Outputs:
    """The AWS plane's outputs, or a prediction of them with `UNKNOWN` in it. Mappings are by key, in index order."""

    uuid: str
    """The cluster's UUID, in tags and marks."""
    region: str
    zone: str
    vpc_id: str
    vpc_cidr: str
    """The range of the VPC."""
    subnet_id: str
    """The subnet."""
    subnet_cidr: str
    """The range of the subnet."""
    hosts: Mapping[str, HostOutput] = field(default_factory=dict)
    """The hosts by key."""
    groups: Mapping[str, GroupOutput] = field(default_factory=dict)
    """The interface groups by key."""
    eips: Mapping[str, EipOutput] = field(default_factory=dict)
    """The Elastic IPs by key."""
    opennebula_version: str = ""
    """Names the package repository of hosts with first-boot setup; empty if there are none."""


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
