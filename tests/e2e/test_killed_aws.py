"""Runs over AWS, killed by SIGKILL together with their Terraform, right before and right after its own writes to AWS.

By default a few of the points are tried, with EDGEWRAP_KILL_POINTS=all (`make matrix-kill`, `make test-all`) every one.
The tests are in the order of a cluster's life; each starts from what the one before left.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from edgewrap.lab.aws.leaked_resources import leaked_resources
from tests.support.gate import Gate, Point, aws_write, one_write, opened
from tests.support.kill_points import Killer
from tests.support.lab import REGION, Lab

SLICE = {
    "after RunInstances host-0",
    "after TerminateInstances",
}
ALL = os.environ.get("EDGEWRAP_KILL_POINTS") == "all"
SPEC = """
apiVersion: edgewrap/v1
name: {name}
aws: {{ region: eu-west-3 }}
hosts: {{ count: {count}, address: {address} }}
public_network: {{ groups: 1, elastic_ips: {{ count: {count} }} }}
"""
NOTHING = "aws: nothing to do\nNothing to do.\n"
KILLED, WHOLE = "edge-killed", "edge-whole"
ONLY_AWS = ("--only", "aws", "--auto-approve")


@dataclass
class Life:
    """A lab without hosts, and what was in its AWS after each killed run."""

    lab: Lab
    killer: Killer
    directory: Path
    counts: list[tuple[Point, Counter[str]]] = field(default_factory=list)

    def spec(self, name: str, count: int) -> tuple[str, str]:
        """The option that names a spec with so many hosts and Elastic IPs."""
        path = self.directory / f"{name}.yaml"
        # the provider waits ten seconds for the DNS hostnames of hosts with public addresses
        path.write_text(SPEC.format(name=name, count=count, address="public" if ALL else "private"))
        return ("--file", str(path))

    def unbroken(self, command: str, *arguments: str) -> str:
        """What a run said that nobody killed."""
        code, said = self.killer.run(command, *arguments)
        assert code == 0, said
        return said

    def killed(self, command: str, *arguments: str) -> None:
        """A whole life of `command`."""
        self.killer.forget()
        self.counts.clear()
        tried = self.killer.until_done(self._look, command, *arguments)
        assert tried
        print(f"{command}: {', '.join(map(str, tried))}")

    def count(self) -> Counter[str]:
        """How many things of which kind there are in AWS."""
        with self.lab.network():
            found = leaked_resources(self.lab.facts["aws_endpoint"], REGION)
        return Counter(line.rpartition(" ")[0] for line in found)

    def nothing_twice(self, last: Counter[str]) -> None:
        """No killed run left more of anything than there is in the end."""
        assert [(str(point), found - last) for point, found in self.counts if found - last] == []

    def _look(self, point: Point) -> None:
        self.counts.append((point, self.count()))


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    directory = tmp_path_factory.mktemp("killed-aws")
    lab = Lab(directory / "lab")
    lab.up("--no-hosts")
    aws, front_end = Gate(lab.facts["aws_endpoint"], aws_write), Gate(lab.facts["front_end_endpoint"], one_write)
    try:
        with opened(lab, aws, front_end):
            killer = Killer(lab, aws, front_end, directory / "tried-over-ssh")
            killer.skipped = lambda point: not (ALL or str(point) in SLICE)
            yield Life(lab, killer, directory)
    finally:
        lab.down()


def test_create(life: Life) -> None:
    spec = life.spec(KILLED, 1)
    life.killed("apply", *spec, *ONLY_AWS)
    whole = life.count()
    life.nothing_twice(whole)
    assert (whole["vpc"], whole["instance"], whole["Elastic IP"], whole["volume"]) == (1, 1, 1, 1)
    assert life.unbroken("apply", *spec, *ONLY_AWS) == NOTHING


@pytest.mark.full
def test_scale(life: Life) -> None:
    """A second host and a second Elastic IP; then there is as much as a run makes that nobody kills."""
    spec = life.spec(KILLED, 2)
    life.killed("apply", *spec, *ONLY_AWS)
    killed = life.count()
    life.nothing_twice(killed)
    assert life.unbroken("apply", *spec, *ONLY_AWS) == NOTHING
    life.unbroken("apply", *life.spec(WHOLE, 2), *ONLY_AWS)
    assert life.count() - killed == killed
    life.unbroken("destroy", *life.spec(WHOLE, 2), *ONLY_AWS)
    assert life.count() == killed


def test_destroy(life: Life) -> None:
    """With what a killed run made and Terraform does not know of."""
    spec = life.spec(KILLED, 3 if ALL else 2)
    life.killer.at(f"after RunInstances host-{2 if ALL else 1}", "apply", *spec, *ONLY_AWS)
    life.killed("destroy", *spec, *ONLY_AWS)
    assert life.count() == Counter()


def test_all_converged(life: Life, figure: Callable[[str], None]) -> None:
    figure(f"killed, Terraform: {life.killer.summary()}")
    assert len(life.killer.tried) == life.killer.converged
