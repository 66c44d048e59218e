"""A cluster whose state is in S3, worked on from two machines at once: two working directories, one bucket.

The tests are in the order of a cluster's life; each starts from what the one before left.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from edgewrap.lab.aws.leaked_resources import leaked_resources
from tests.support.kill_points import children
from tests.support.lab import EDGEWRAP, REGION, Lab

BUCKET, KEY = "edgewrap-lab", "edges/edge-shared.tfstate"
OURS, TERRAFORMS, BEGUN = f"{KEY}.edgewrap-lock", f"{KEY}.tflock", f"{KEY}.edgewrap-begun"
SECRET = "planted-Secret-4711"
REACHED_S = 120
SPEC = """
apiVersion: edgewrap/v1
name: edge-shared
aws: {{ region: eu-west-3 }}
hosts: {{ count: {hosts}, address: private }}
public_network: {{ groups: 1, elastic_ips: {{ count: {eips} }} }}
opennebula: {{ replica: none }}
terraform: {{ backend: {{ s3: {{ bucket: edgewrap-lab, key: edges/edge-shared.tfstate, region: eu-west-3 }} }} }}
"""

pytestmark = pytest.mark.full


@dataclass(frozen=True)
class Shared:
    """A lab without hosts, a spec, and two machines that have it."""

    lab: Lab
    spec: Path
    machines: tuple[Path, Path]

    def want(self, *, eips: int, hosts: int = 1) -> None:
        self.spec.write_text(SPEC.format(eips=eips, hosts=hosts))

    def start(self, machine: Path, command: str, *arguments: str) -> subprocess.Popen[str]:
        environment = ("env", f"EDGEWRAP_DIR={machine}", f"AWS_SECRET_ACCESS_KEY={SECRET}")
        return self.lab.start(*environment, EDGEWRAP, command, "--file", str(self.spec), *arguments)

    def run(self, machine: int, command: str, *arguments: str) -> tuple[int, str]:
        return ended(self.start(self.machines[machine], command, *arguments))

    def apply_at_once(self) -> list[tuple[int, str]]:
        """One apply on each machine; how they ended, the one that succeeded first."""
        runs = [self.start(machine, "apply", "--auto-approve", "--skip", "hosts") for machine in self.machines]
        return sorted(ended(run) for run in runs)

    def object(self, key: str) -> dict[str, Any] | None:
        """A JSON object of the bucket; None if there is none."""
        with self.lab.network():
            s3 = boto3.client(
                "s3",
                region_name=REGION,
                endpoint_url=self.lab.facts["aws_endpoint"],
                aws_access_key_id="lab",
                aws_secret_access_key="lab",
            )
            found = s3.list_objects_v2(Bucket=BUCKET, Prefix=key).get("Contents", [])
            if not any(one["Key"] == key for one in found):
                return None
            value: dict[str, Any] = json.loads(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())
            return value

    def locks(self) -> list[bool]:
        return [self.object(key) is not None for key in (OURS, TERRAFORMS)]

    def inventory(self) -> list[str]:
        with self.lab.network():
            return [line.rpartition(" ")[0] for line in leaked_resources(self.lab.facts["aws_endpoint"], REGION)]


def ended(run: subprocess.Popen[str]) -> tuple[int, str]:
    output, _ = run.communicate(timeout=300)
    return run.returncode, output


def reach(point: Callable[[], object], run: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + REACHED_S
    while not point():
        assert time.monotonic() < deadline, "the point was not reached"
        assert run.poll() is None, run.communicate()[0]
        time.sleep(0.05)


def contents(path: Path) -> bytes:
    """What is in a file; a plan file is an archive."""
    if not zipfile.is_zipfile(path):
        return path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        return b"".join(archive.read(name) for name in archive.namelist())


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    directory = tmp_path_factory.mktemp("shared")
    machines = (directory / "one", directory / "two")
    lab = Lab(directory / "lab")
    lab.up("--no-hosts")
    yield Shared(lab, directory / "edge.yaml", machines)
    lab.down()


def pair_of_applies(shared: Shared) -> str:
    """Two applies at once, of which exactly one runs; gives what that one said."""
    (won, said), (lost, refused) = shared.apply_at_once()
    assert (won, lost) == (0, 1), (said, refused)
    assert "edge-shared is what the spec says." in said
    assert "the cluster is locked by " in refused
    assert f"in s3://{BUCKET}/{OURS}" in refused
    assert "`edgewrap apply`) since 20" in refused
    assert shared.locks() == [False, False]
    assert shared.inventory().count("vpc") == 1
    return said


def killed(shared: Shared, at: Callable[[], object]) -> dict[str, Any]:
    """An apply that is killed with its Terraform once AWS is `at` that point. Gives the lock object that it left."""
    run = shared.start(shared.machines[0], "apply", "--auto-approve", "--skip", "hosts")
    reach(at, run)
    holder = shared.object(OURS)
    assert holder is not None
    [edgewrap] = children(run.pid)  # the lab has process ids of its own
    [terraform] = [pid for pid in children(edgewrap) if "terraform" in Path(f"/proc/{pid}/comm").read_text()]
    os.kill(edgewrap, signal.SIGKILL)
    os.killpg(terraform, signal.SIGKILL)
    assert "is what the spec says" not in ended(run)[1]
    assert shared.locks() == [True, True]
    return holder


def unlock(shared: Shared, holder: dict[str, Any]) -> None:
    code, said = shared.run(1, "force-unlock", holder["id"], "--auto-approve")
    assert (code, said.count("locked by ")) == (0, 2), said
    assert shared.locks() == [False, False]


def test_a_first_run_killed_before_the_first_state_is_resumed_elsewhere(shared: Shared) -> None:
    """What it created is in AWS only; the next run, on another machine, imports it."""
    shared.want(eips=1)
    unlock(shared, killed(shared, at=lambda: "vpc" in shared.inventory()))
    assert (shared.object(KEY), shared.object(BEGUN) is None) == (None, False)
    code, said = shared.run(1, "apply", "--auto-approve", "--skip", "hosts")
    assert code == 0, said
    assert "was created by a killed run" in said
    assert [shared.inventory().count(kind) for kind in ("vpc", "instance", "Elastic IP")] == [1, 1, 1]
    assert shared.object(BEGUN) is None


@pytest.mark.parametrize("eips", [2, pytest.param(3, marks=pytest.mark.full)])
def test_of_two_applies_at_once_exactly_one_runs(shared: Shared, eips: int) -> None:
    shared.want(eips=eips)
    pair_of_applies(shared)
    assert shared.inventory().count("Elastic IP") == eips


def test_a_killed_run_is_unlocked_and_resumed(shared: Shared) -> None:
    shared.want(eips=4)
    holder = killed(shared, at=lambda: shared.object(TERRAFORMS))

    code, refused = shared.run(1, "apply", "--auto-approve", "--skip", "hosts")
    assert code == 1
    assert f"edgewrap force-unlock {holder['id']}" in refused
    unlock(shared, holder)


@pytest.mark.full
def test_sigterm_lets_terraform_finish_its_step_and_releases_the_locks(shared: Shared) -> None:
    shared.want(eips=4, hosts=2)
    run = shared.start(shared.machines[1], "apply", "--auto-approve", "--skip", "hosts")
    reach(lambda: shared.inventory().count("instance") == 2, run)
    run.terminate()
    code, said = ended(run)
    assert code == 130, said
    assert "the run was interrupted" in said
    assert re.search(r"^aws: \d+ of \d+ done", said, re.MULTILINE)
    assert "To resume: `edgewrap apply --file " in said
    assert shared.locks() == [False, False]


@pytest.mark.full
def test_the_next_run_resumes_and_keeps_the_starting_instance(shared: Shared) -> None:
    said = pair_of_applies(shared)
    assert "replacing" not in said
    assert "deleting" not in said
    assert shared.inventory().count("instance") == 2
    assert shared.inventory().count("Elastic IP") == 4


@pytest.mark.full
def test_a_replacement_by_a_killed_run_is_imported_over_the_old_instance(shared: Shared) -> None:
    with shared.lab.network():
        [old] = [
            instance["InstanceId"]
            for reservation in shared.lab.ec2.describe_instances(
                Filters=[{"Name": "tag:edgewrap:key", "Values": ["host-1"]}]
            )["Reservations"]
            for instance in reservation["Instances"]
        ]
        shared.lab.ec2.terminate_instances(InstanceIds=[old])
    assert shared.inventory().count("instance") == 1
    unlock(shared, killed(shared, at=lambda: shared.inventory().count("instance") == 2))
    assert old in json.dumps(shared.object(KEY))
    code, said = shared.run(1, "apply", "--auto-approve", "--skip", "hosts")
    assert code == 0, said
    assert 'host["host-1"]: i-' in said
    assert "was created by a killed run" in said
    assert shared.inventory().count("instance") == 2
    assert old not in json.dumps(shared.object(KEY))


def test_outputs_on_a_machine_that_never_ran_it(shared: Shared, tmp_path: Path) -> None:
    code, said = ended(shared.start(tmp_path, "output", "eips.eip-1.public_address"))
    assert (code, said.startswith("203.0.113.")) == (0, True), said


def test_a_plan_made_on_one_machine_is_applied_on_the_other(shared: Shared, tmp_path: Path) -> None:
    """The other one has no spec. A second apply of the same file is refused: the first one has changed the state."""
    shared.want(eips=5, hosts=2)
    plan = tmp_path / "edge.plan"
    code, said = shared.run(0, "plan", "--skip", "hosts", "--out", str(plan))
    assert code == 0, said
    environment = (
        "env",
        f"--chdir={tmp_path}",
        f"EDGEWRAP_DIR={shared.machines[1]}",
        f"AWS_SECRET_ACCESS_KEY={SECRET}",
    )
    code, said = ended(shared.lab.start(*environment, EDGEWRAP, "apply", "edge.plan"))
    assert (code, "edge-shared is what the spec says." in said) == (0, True), said
    assert shared.inventory().count("Elastic IP") == 5
    code, said = shared.run(0, "apply", str(plan))
    assert (code, "Terraform state: is " in said) == (1, True), said
    assert shared.run(0, "plan", "--skip", "hosts", "--detailed-exitcode")[0] == 0


def test_no_credential_is_written_to_a_file(shared: Shared) -> None:
    files = [path for machine in shared.machines for path in machine.rglob("*") if path.is_file()]
    small = [path for path in files if "providers" not in path.parts]
    assert {"plan.tfplan", "backend.tfbackend.json"} <= {path.name for path in small}
    assert [path for path in small if SECRET.encode() in contents(path)] == []
    assert SECRET not in json.dumps(shared.object(KEY))


def test_destroy(shared: Shared) -> None:
    code, said = shared.run(1, "destroy", "--auto-approve")
    assert code == 0, said
    assert "edge-shared is destroyed." in said
    assert shared.inventory() == []
    assert shared.locks() == [False, False]
