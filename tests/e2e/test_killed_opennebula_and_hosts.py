"""Runs over OpenNebula and the hosts, killed with SIGKILL right before and right after each of their writes there.

By default a few of the points are tried, with EDGEWRAP_KILL_POINTS=all (`make matrix-kill`, `make test-all`) every one.
The tests are in the order of a cluster's life; each starts from what the one before left.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.e2e.conftest import NOTHING_TO_DO
from tests.support.cluster import key_file, read_outputs
from tests.support.fingerprint import on_front_end, on_hosts
from tests.support.gate import Gate, Point, aws_write, one_write, opened
from tests.support.kill_points import Killer
from tests.support.lab import Lab
from tests.support.secrets import Watched

POOLS = {"CLUSTER": "cluster", "HOST": "host", "DATASTORE": "datastore", "VNET": "vn", "VNTEMPLATE": "vntemplate"}
SPEC = """
apiVersion: edgewrap/v1
name: {name}
aws: {{ region: eu-west-3 }}
hosts: {{ count: {count} }}
public_network: {{ groups: 1, elastic_ips: {{ count: {count} }} }}
ssh: {{ public_key: {key}.pub }}
"""
SLICE = {
    "after cluster.allocate",
    "after vn.add_ar eip-0",
    "after vn.add_ar eip-1",
    "within change host-0",
    "after confirm host-0",
    "after host.delete",
}
ALL = os.environ.get("EDGEWRAP_KILL_POINTS") == "all"
KILLED, WHOLE = "edge-killed", "edge-whole"
NOTHING = NOTHING_TO_DO.replace("aws: nothing to do\n", "")
PLANTED = """evpn: { password: "${env:BGP_WORD}" }
ssh: { proxy_command: "WORD='${env:PROXY_WORD}'; exec nc {host} 22", """
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
        path.write_text(SPEC.format(name=name, count=count, key=key_file(self.lab)))
        return ("--file", str(path))

    def killed(self, command: str, *arguments: str) -> list[Point]:
        """A whole life of `command`; every point is a new one."""
        self.killer.forget()
        self.counts.clear()
        return self.killer.until_done(self._look, command, *arguments)

    def unbroken(self, command: str, *arguments: str) -> str:
        """What a run said that nobody killed."""
        code, said = self.killer.run(command, *arguments)
        assert code == 0, said
        return said

    def count(self) -> Counter[str]:
        """How many objects of which kind there are."""
        return Counter(line.split()[0] for line in self.pools())

    def fingerprint(self, name: str) -> tuple[list[str], dict[str, str]]:
        """What the cluster is on the front-end and on its hosts."""
        spec = self.directory / f"{name}.yaml"
        shown = json.loads(self.lab.edgewrap("output", "--file", str(spec), "--json").stdout)
        hosts = on_hosts(self.lab, spec, name, read_outputs(self.lab, spec), shown)
        return on_front_end(self.lab, name, shown), hosts

    def _look(self, point: Point) -> None:
        self.counts.append((point, self.count()))

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


def names(points: list[Point]) -> set[str]:
    return {point.what for point in points}


def chosen(*points: str) -> set[str]:
    """Those of these points at which this run of the tests kills."""
    return {point for point in points if ALL or any(one.endswith(f" {point}") for one in SLICE)}


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    directory = tmp_path_factory.mktemp("killed")
    lab = Lab(directory / "lab")
    lab.up("--cloud-init", "tidy")
    aws, front_end = Gate(lab.facts["aws_endpoint"], aws_write), Gate(lab.facts["front_end_endpoint"], one_write)
    try:
        with opened(lab, aws, front_end):
            killer = Killer(lab, aws, front_end, directory / "tried-over-ssh")
            if not ALL:
                killer.skipped = lambda point: str(point) not in SLICE
                killer.over_ssh = ",".join(SLICE)
            yield Life(lab, killer, directory)
    finally:
        lab.down()


def test_create(life: Life) -> None:
    spec = life.spec(KILLED, 1)
    life.unbroken("apply", *spec, "--only", "aws", "--auto-approve")
    tried = life.killed("apply", *spec, *WITHOUT_AWS)
    assert names(tried) >= chosen(
        "cluster.allocate", "host.allocate", "vn.add_ar eip-0", "change host-0", "confirm host-0"
    )
    life.nothing_twice(life.count())
    assert life.unbroken("apply", *spec, *WITHOUT_AWS) == NOTHING


def test_scale(life: Life) -> None:
    """A second host and a second Elastic IP."""
    spec = life.spec(KILLED, 2)
    life.unbroken("apply", *spec, "--only", "aws", "--auto-approve")
    tried = life.killed("apply", *spec, *WITHOUT_AWS)
    assert names(tried) >= chosen("host.allocate", "vn.add_ar eip-1", "change host-0", "change host-1")
    life.nothing_twice(life.count())
    assert life.unbroken("apply", *spec, *WITHOUT_AWS) == NOTHING


@pytest.mark.full
def test_the_cluster_is_as_one_that_nobody_has_killed(life: Life) -> None:
    life.unbroken("apply", *life.spec(WHOLE, 2), "--auto-approve")
    assert life.fingerprint(KILLED) == life.fingerprint(WHOLE)


def test_destroy(life: Life) -> None:
    spec = life.spec(KILLED, 2)
    rest = [line for line in life.pools() if KILLED not in line]
    tried = life.killed("destroy", *spec, *WITHOUT_AWS)
    assert names(tried) >= chosen("cluster.delete", "host.delete", "vn.rm_ar")
    assert life.pools() == rest


def test_all_converged(life: Life, figure: Callable[[str], None]) -> None:
    figure(f"killed, OpenNebula and SSH: {life.killer.summary()}")
    assert len(life.killer.tried) == life.killer.converged


@pytest.mark.full
def test_no_secret_is_written_or_shown(life: Life) -> None:
    """The rest of a cluster's life, with secrets in the environment: they are in no file, text, argument or object, and
    Terraform alone gets those that it needs."""
    home, temporary = life.lab.directory / "home", life.directory / "tmp"
    temporary.mkdir()
    login = (home / ".one" / "one_auth").read_text().strip()
    aws = {name: f"planted-{name}-4711" for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")}
    own = {"BGP_WORD": "planted-bgp-4711", "PROXY_WORD": "planted-proxy-4711"}
    secrets = {
        **aws,
        **own,
        "ONE_AUTH": login.partition(":")[2],
        "a wrong password": "planted-wrong-4711",
        "the private key": key_file(life.lab).read_text().splitlines()[2],
    }
    variables = {**aws, **own, "ONE_AUTH": login, "TMPDIR": str(temporary)}
    watched = Watched(life.lab, life.directory / "planted.sh", variables, secrets)
    spec = life.spec(WHOLE, 2)
    Path(spec[1]).write_text(Path(spec[1]).read_text().replace("ssh: {", PLANTED))

    assert watched.run("plan", *spec, "--detailed-exitcode") == 2
    assert watched.run("apply", *spec, *WITHOUT_AWS, ONE_AUTH="oneadmin:planted-wrong-4711") == 1
    failing = f"{own['PROXY_WORD']}'; echo no >&2; exit '7"
    assert watched.run("apply", *spec, *WITHOUT_AWS, "--host-timeout", "1", PROXY_WORD=failing) == 1
    assert watched.run("apply", *spec, "--auto-approve") == 0
    assert watched.run("status", *spec) == 0
    left = [path for path in (life.lab.directory / "runs" / WHOLE).rglob("*") if path.is_file()]
    left = [path for path in left if "providers" not in path.parts]
    assert {"terraform.tfstate", "plan.tfplan", "terraform.tfvars.json"} <= {path.name for path in left}
    assert watched.in_files(left) == set()
    assert watched.run("destroy", *spec, "--auto-approve") == 0

    told = [*(life.lab.directory / "runs" / WHOLE / "logs").glob("*"), life.lab.directory / "aws" / "requests.ndjson"]
    assert watched.in_files(told) == set()
    database = [*(life.lab.directory / "frontend").glob("one.db*")]
    assert database
    assert watched.in_files(database) == set()
    assert list(temporary.iterdir()) == []
    assert watched.in_texts() == set()
    assert watched.shown == set()
    assert watched.given["terraform"] == aws.keys()
    assert {program: given - aws.keys() for program, given in watched.given.items() if given - aws.keys()} == {}
    assert "nc" in watched.given
