"""The settings of `lab up`, as the daemon reads them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path


class CloudInit(StrEnum):
    """How cloud-init leaves a host's interfaces.

    `untidy`, as on AWS: every address of every interface is on the NIC, with routes and rules of its own. `tidy`:
    only the primary interface is configured, with its primary address.
    """

    UNTIDY = "untidy"
    TIDY = "tidy"


@dataclass(frozen=True, slots=True)
class LabSettings:
    """One lab. `why_no_hosts` is empty if there are hosts; `isolated`: it has namespaces of its own, as every lab with
    hosts has; `cgroup` is the parent directory of the hosts' cgroups; `cloud_init_program` the tree with the cloud-init
    that hosts run, empty if there is none; the lab ends when process `follow` ends, 0 for none."""

    why_no_hosts: str
    isolated: bool
    cloud_init: CloudInit
    front_end_version: str
    aws_port: int
    front_end_port: int
    cgroup: str = ""
    follow: int = 0
    cloud_init_program: str = ""

    @property
    def hosts(self) -> bool:
        """Whether instances become hosts."""
        return not self.why_no_hosts

    @property
    def aws_endpoint(self) -> str:
        """Where the AWS process listens."""
        return f"http://127.0.0.1:{self.aws_port}"

    @property
    def front_end_endpoint(self) -> str:
        """Where the front-end listens."""
        return f"http://127.0.0.1:{self.front_end_port}/RPC2"

    def write(self, path: Path) -> None:
        """Write the settings as JSON."""
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, path: Path) -> LabSettings:
        """Read what `write` wrote."""
        values = json.loads(path.read_text())
        return cls(**{**values, "cloud_init": CloudInit(values["cloud_init"])})
