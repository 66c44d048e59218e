"""What the daemon answers and the commands of `edgewrap lab` print with `--json`."""

from __future__ import annotations

from typing_extensions import TypedDict  # pydantic reads this one, and in Python 3.11 not that of typing


class LabHost(TypedDict):
    """One host. `state` is the lab's, `aws_state` EC2's; `console` has the last lines of a host that failed to boot."""

    key: str
    instance: str
    state: str
    aws_state: str
    boots: int
    private_address: str
    public_address: str
    console: str


class LabHostPower(TypedDict):
    """A host that was switched off or on."""

    key: str
    instance: str
    state: str
    aws_state: str


class LabNic(TypedDict):
    """One NIC of a VM: its name in the VM, its network and driver, and its port on the host's bridge."""

    interface: str
    network: str
    address: str
    mac: str
    port: str
    bridge: str
    driver: str
    security_groups: list[int]


class LabVm(LabNic):
    """One VM, at the top level with the fields of its first NIC. `host` is an instance id."""

    name: str
    id: int
    host: str
    host_key: str
    namespace: str
    state: str
    nics: list[LabNic]


class LabMove(LabVm):
    """A VM after a live migration; it had no port for `gap_s` seconds."""

    gap_s: float


class LabStatus(TypedDict):
    """A lab: endpoints, the states of its servers, hosts and VMs. `left_out` is what this machine cannot play,
    `trouble` the last error, empty if there is none; it is `settled` once it has followed all changes in AWS up to
    `serial`. `dropped` counts packets by the reason."""

    name: str
    directory: str
    aws_endpoint: str
    front_end_endpoint: str
    front_end_version: str
    cloud_init: str
    services: dict[str, str]
    left_out: list[str]
    trouble: str
    serial: int
    settled: bool
    last_round_s: float
    vpcs: list[str]
    hosts: list[LabHost]
    vms: list[LabVm]
    dropped: dict[str, int]
