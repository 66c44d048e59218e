"""One applied cluster that the end-to-end tests share; each test leaves it as it found it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from edgewrap.lab.aws.leaked_resources import leaked_resources
from tests.support.lab import REGION, Lab

SPEC = """
apiVersion: edgewrap/v1
name: edge-test
aws: { region: eu-west-3 }
ssh: { from: [192.0.2.2/32, 192.0.2.200/29] }
public_network:
  elastic_ips: { count: 5 }
  security_group:
    ingress:
      - { protocol: icmp, description: ping }
      - { protocol: tcp, ports: 80, description: web }
"""


@dataclass(frozen=True)
class Edge:
    """An applied cluster: its lab, its spec file, what the first apply said, and how many things of which kind it
    left in AWS."""

    lab: Lab
    spec: Path
    first_apply: str
    inventory: Counter[str]

    def edgewrap(self, *arguments: str, check: bool = True, timeout: float = 600) -> tuple[int, str]:
        """Run edgewrap with this spec; gives its exit status and all that it said."""
        command, *rest = arguments
        done = self.lab.edgewrap(command, "--file", str(self.spec), *rest, check=check, timeout=timeout)
        return done.returncode, done.stdout + done.stderr

    def apply(self, *arguments: str, check: bool = True) -> tuple[int, str]:
        """Apply without a question."""
        return self.edgewrap("apply", "--auto-approve", *arguments, check=check)

    def output(self, name: str = "") -> Any:
        """`edgewrap output --json`."""
        import json

        done = self.lab.edgewrap("output", "--file", str(self.spec), "--json", *([name] if name else []))
        return json.loads(done.stdout)

    @cached_property
    def outputs(self) -> Any:
        """The outputs as they were when a test first asked: addresses and groups never change."""
        return self.output()

    def private(self, key: str) -> str:
        """The private address of the VM that has this Elastic IP."""
        return str(self.outputs["eips"][key]["private_address"])

    def public(self, key: str) -> str:
        """The Elastic IP itself."""
        return str(self.outputs["eips"][key]["public_address"])

    def entry(self, key: str) -> str:
        """The entry host of this Elastic IP."""
        return str(self.outputs["groups"][self.outputs["eips"][key]["group"]]["host"])


NOTHING_TO_DO = "aws: nothing to do\nopennebula: nothing to do\nhosts: nothing to do\nNothing to do.\n"


@pytest.fixture(scope="session")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """Three KVM hosts as cloud-init leaves them, five Elastic IPs in four groups, ports 80 and ping open;
    SSH from where the tool and the front-end are, and from a few addresses more."""
    directory = tmp_path_factory.mktemp("edge")
    spec = directory / "edge.yaml"
    spec.write_text(SPEC)
    lab = Lab(directory / "lab")
    lab.up("--cloud-init", "untidy")
    try:
        applied = lab.edgewrap("apply", "--file", str(spec), "--auto-approve")
        with lab.network():
            inventory = Counter(line.rpartition(" ")[0] for line in leaked_resources(lab.facts["aws_endpoint"], REGION))
        yield Edge(lab, spec, applied.stdout, inventory)
    finally:
        lab.down()
