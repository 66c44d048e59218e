"""What the daemon answers and the commands of `edgewrap lab` print with `--json`."""

from __future__ import annotations

from typing_extensions import TypedDict  # pydantic reads this one, and in Python 3.11 not that of typing


class LabHost(TypedDict):
    """One host."""

    key: str
    instance: str
    state: str
    """The state of the lab's host."""
    aws_state: str
    boots: int
    """How often it has started."""
    private_address: str
    public_address: str
    console: str
    """The last lines of a host that failed to start; empty otherwise."""


class LabHostPower(TypedDict):
    """A host that was switched off or on."""

    key: str
    instance: str
    state: str
    """The state of the lab's host."""
    aws_state: str


class LabNic(TypedDict):
    """One NIC of a VM."""

    interface: str
    """Its name in the VM."""
    network: str
    """The name of its virtual network."""
    address: str
    """Its address."""
    mac: str
    """Its MAC address."""
    port: str
    """Its port on the host's bridge."""
    bridge: str
    """The host's bridge."""
    driver: str
    """The driver of its network."""
    security_groups: list[int]
    """The ids of its security groups in OpenNebula."""


class LabVm(LabNic):
    """One VM, at the top level with the fields of its first NIC."""

    name: str
    """Its name."""
    id: int
    """Its id."""
    host: str
    """The id of the EC2 instance that it is on."""
    host_key: str
    """The key of the host that it is on."""
    namespace: str
    """Its network namespace."""
    state: str
    """OpenNebula's word for its state."""
    nics: list[LabNic]
    """All its NICs."""


class LabMove(LabVm):
    """A VM after a live migration."""

    gap_s: float
    """How many seconds it had no port."""


class LabStatus(TypedDict):
    """A lab."""

    name: str
    """The lab's name."""
    directory: str
    """The lab's directory."""
    aws_endpoint: str
    """Where AWS's API is."""
    front_end_endpoint: str
    """Where the front-end's XML-RPC API is."""
    front_end_version: str
    """The version of OpenNebula that the front-end plays."""
    cloud_init: str
    """How hosts start: what `--cloud-init` says."""
    services: dict[str, str]
    """The states of the lab's servers."""
    left_out: list[str]
    """What this machine cannot play."""
    trouble: str
    """The last error; empty if there is none."""
    serial: int
    """Counts the changes in AWS."""
    settled: bool
    """Whether the lab has followed all changes in AWS up to `serial`."""
    last_round_s: float
    """How many seconds the last round took."""
    vpcs: list[str]
    """The VPCs that have hosts."""
    hosts: list[LabHost]
    """The hosts."""
    vms: list[LabVm]
    """The VMs."""
    dropped: dict[str, int]
    """How many packets were dropped, by the reason."""
