"""Runs over OpenNebula and the hosts, killed by SIGKILL right before and right after everything that they do there.

The tests stand in the order of a cluster's life; each starts from what the one before left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.e2e.conftest import NOTHING_TO_DO
from tests.support.gate import Gate, Point, aws_write, one_write, opened
from tests.support.killing import Killer
from tests.support.lab import Lab

POOLS = {"CLUSTER": "cluster", "HOST": "host", "DATASTORE": "datastore", "VNET": "vn", "VNTEMPLATE": "vntemplate"}
SPEC = """
apiVersion: edgewrap/v1
name: {name}
aws: {{ region: eu-west-3 }}
hosts: {{ count: {count} }}
public_network: {{ groups: 1, elastic_ips: {{ count: {count} }} }}
"""
WITHOUT_AWS = ("--skip", "aws", "--auto-approve")


@dataclass
class Life:
    """A lab, a cluster in it whose runs are killed, and how many objects there were after each."""

    lab: Lab
    killer: Killer
    directory: Path
    counts: list[tuple[Point, Counter[str]]] = field(default_factory=list)

    def spec(self, name: str, count: int) -> tuple[str, str]:
        """The option that names a spec with so many hosts and Elastic IPs."""
        path = self.directory / f"{name}.yaml"
        path.write_text(SPEC.format(name=name, count=count))
        return ("--file", str(path))

    def killed(self, command: str, *arguments: str) -> list[Point]:
        """A whole life of `command`; every point is a new one."""
        self.killer.forget()
        self.counts.clear()
        return self.killer.until_done(self._look, command, *arguments)

    def _look(self, point: Point) -> None:
        self.counts.append((point, Counter(line.split()[0] for line in self.pools())))

    def pools(self) -> list[str]:
        """Every object on the front-end that did not come with it, as one line."""
        found = []
        for tag, name in POOLS.items():
            parameters = (-2, -1, -1) if name in ("vn", "vntemplate") else ()
            pool = ElementTree.fromstring(self.lab.one(f"one.{name}pool.info", *parameters))  # noqa: S314 - the lab's own
            for element in pool.findall(tag):
                if "edge" in (element.findtext("NAME") or "") or element.find("TEMPLATE/EDGEWRAP") is not None:
                    found.append(f"{name} {ElementTree.tostring(element, encoding='unicode')}")
        return found

    def nothing_twice(self, last: Counter[str]) -> None:
        """No killed run left more of anything than there is in the end."""
        assert [(str(point), found - last) for point, found in self.counts if found - last] == []


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    directory = tmp_path_factory.mktemp("killed")
    lab = Lab(directory / "lab")
    lab.up("--cloud-init", "tidy")
    aws, front_end = Gate(lab.facts["aws_endpoint"], aws_write), Gate(lab.facts["front_end_endpoint"], one_write)
    try:
        with opened(lab, aws, front_end):
            yield Life(lab, Killer(lab, aws, front_end, directory / "tried-over-ssh"), directory)
    finally:
        lab.down()


def test_create(life: Life) -> None:
    spec = life.spec("edge-killed", 1)
    code, said = life.killer.run("apply", *spec, "--only", "aws", "--auto-approve")
    assert code == 0, said
    tried = life.killed("apply", *spec, *WITHOUT_AWS)
    print(len(tried), *map(str, tried), sep="\n")
    assert {"cluster.allocate", "change host-0", "confirm host-0"} <= {point.what for point in tried}
    life.nothing_twice(Counter(line.split()[0] for line in life.pools()))
    assert life.killer.run("apply", *spec, *WITHOUT_AWS) == (0, NOTHING_TO_DO.replace("aws: nothing to do\n", ""))
