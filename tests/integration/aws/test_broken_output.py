"""An apply by the real terraform on the lab's AWS, whose standard output or error breaks: nothing but what is shown
changes. Each is a cluster's first apply, so that terraform is creating hosts when it happens."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

import pytest

from edgewrap.lab.aws.client import LabAwsClient, LabAwsProcess
from tests.support.aws import SESSION
from tests.support.documents import check_line
from tests.support.lab import EDGEWRAP, provider_mirror

SPEC = """
apiVersion: edgewrap/v1
name: NAME
aws: { region: eu-west-3 }
hosts: { count: 1, address: private }
public_network: { elastic_ips: { count: 1 }, groups: 1 }
ssh: { public_key: key.pub }
terraform: { binary: BINARY }
"""
HOST = "instance host-0"
RUN_S = 240


@dataclass(frozen=True)
class User:
    """A user with a spec; nothing is applied yet."""

    directory: Path
    binary: Path
    environ: dict[str, str]

    def command(self, *words: str) -> list[str]:
        """A command line of edgewrap."""
        return [EDGEWRAP, *words, "--file", str(self.directory / "edge.yaml"), "--only", "aws"]

    def run(self, *words: str, script: str = "") -> subprocess.CompletedProcess[str]:
        """Run edgewrap; `script` is what bash makes of the command "$@"."""
        line = ["bash", "-c", script, "bash", *self.command(*words)] if script else self.command(*words)
        return subprocess.run(line, env=self.environ, capture_output=True, text=True, timeout=RUN_S, check=False)

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start edgewrap, to read what it writes."""
        pipe = subprocess.PIPE
        return subprocess.Popen(self.command(*words), env=self.environ, stdout=pipe, stderr=pipe, text=True)

    def check_applied(self) -> None:
        """Nothing is tainted, terraform was not interrupted, and the log has the whole apply."""
        [workspace] = (self.directory / "runs").iterdir()
        [log] = (workspace / "logs").glob("*-apply.log")
        text = log.read_text()
        assert "interrupted" not in text
        assert "Traceback" not in text
        assert f"step_done aws {HOST} i-" in text
        resources = json.loads((workspace / "terraform.tfstate").read_text())["resources"]
        statuses = {one["name"]: [part.get("status") for part in one["instances"]] for one in resources}
        assert statuses["host"] == [None]
        assert "applied" in statuses  # made after all else
        assert not any(any(status) for status in statuses.values()), statuses


@pytest.fixture(scope="module")
def own_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabAwsClient]:
    """An AWS of this module's own: its clusters are left there."""
    with LabAwsProcess(tmp_path_factory.mktemp("own-aws")) as client:
        client.set_quotas(elastic_ips=64, vpcs=64)
        yield client


@pytest.fixture
def user(make_cluster: Any, own_aws: LabAwsClient) -> User:
    cluster = make_cluster("edge-broken")
    text = SPEC.replace("NAME", f"edge-{uuid4().hex[:8]}").replace("BINARY", str(cluster.binary))
    (cluster.directory / "edge.yaml").write_text(text)
    environ = {**os.environ, "AWS_ENDPOINT_URL": own_aws.endpoint, "EDGEWRAP_DIR": str(cluster.directory / "runs")}
    mirror = provider_mirror()
    return User(cluster.directory, cluster.binary, environ | ({"EDGEWRAP_PLUGIN_DIR": str(mirror)} if mirror else {}))


@pytest.mark.parametrize(
    ("options", "script"),
    [
        pytest.param([], '"$@" 2>&1 | head -n 1; exit ${PIPESTATUS[0]}', id="head -1", marks=pytest.mark.full),
        pytest.param(
            ["--json"],
            '"$@" 2>&1 >/dev/full | true; exit ${PIPESTATUS[0]}',
            id="a full disk, no reader",
            marks=pytest.mark.full,
        ),
        pytest.param([], '"$@" <&- >&- 2>&-', id="all closed"),
    ],
)
def test_apply_finishes_when_its_output_breaks(user: User, options: list[str], script: str) -> None:
    done = user.run("apply", "--auto-approve", *options, script=script)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    user.check_applied()


@pytest.mark.full
def test_apply_finishes_when_the_reader_exits_during_host_creation(user: User) -> None:
    """On metal this takes twenty minutes: an interrupt would taint the host, and the next run would replace it."""
    apply = user.start("apply", "--auto-approve")
    assert apply.stdout is not None
    assert apply.stderr is not None
    lines = read_until(apply.stderr, lambda line: "+ security group security-group-hosts" in line)
    apply.stderr.close()
    apply.stdout.close()
    assert apply.wait(timeout=RUN_S) == 0, "".join(lines)
    user.check_applied()


@pytest.mark.full
def test_plan_keeps_its_exit_code_when_the_reader_exits(user: User) -> None:
    done = user.run("plan", "--detailed-exitcode", script='"$@" | head -n 1; exit ${PIPESTATUS[0]}')
    assert done.returncode == 2
    assert done.stdout.count("\n") == 1


def test_json_reports_an_insufficient_quota(user: User, own_aws: LabAwsClient) -> None:
    quotas = own_aws.quotas()
    own_aws.set_quotas(elastic_ips=0)
    try:
        code, error = last_error(user.run("plan", "--json"))
    finally:
        own_aws.set_quotas(**quotas.model_dump())
    assert (code, error["kind"], error["exit_code"]) == (1, "PreflightError", 1)
    assert [finding["check"] for finding in error["findings"]] == ["Elastic IPs"]


@pytest.mark.full
def test_json_reports_each_failure_of_a_partly_applied_run(user: User, own_aws: LabAwsClient) -> None:
    quotas = own_aws.quotas()
    use_up_at_apply(user.binary, own_aws.endpoint)
    try:
        code, error = last_error(user.run("apply", "--json", "--auto-approve"))
    finally:
        own_aws.set_quotas(**quotas.model_dump())
    assert (code, error["kind"], error["exit_code"]) == (3, "PartlyAppliedError", 3)
    [failure] = error["failures"]
    assert (failure["kind"], failure["exit_code"]) == ("TerraformError", 1)
    assert failure["what"]
    assert failure["cause"]
    assert failure["advice"]
    assert "AddressLimitExceeded" in str(failure["diagnostics"])


@pytest.mark.full
def test_json_reports_an_interrupt(user: User) -> None:
    plan = user.start("plan", "--json")
    assert plan.stdout is not None
    first = plan.stdout.readline()
    plan.send_signal(signal.SIGTERM)
    out, err = plan.communicate(timeout=RUN_S)
    code, error = last_error(subprocess.CompletedProcess([], plan.returncode, first + out, err))
    assert (code, error["kind"], error["exit_code"]) == (130, "InterruptedRunError", 130)


def read_until(stream: IO[str], found: Callable[[str], bool]) -> list[str]:
    """The lines up to the first one that is looked for."""
    lines: list[str] = []
    for line in stream:
        lines.append(line)
        if found(line):
            return lines
    raise AssertionError("".join(lines))


def last_error(done: subprocess.CompletedProcess[str]) -> tuple[int, dict[str, Any]]:
    """The exit code, and the error that the last line of standard output has; standard error has its text."""
    error = check_line(done.stdout.splitlines()[-1])
    assert error["type"] == "error", done.stdout
    assert error["what"].splitlines()[0] in done.stderr
    return done.returncode, error


def use_up_at_apply(binary: Path, endpoint: str) -> None:
    """Let no Elastic IP be left in the account when terraform begins to apply."""
    code = f"from edgewrap.lab.aws.client import LabAwsClient; LabAwsClient({endpoint!r}).set_quotas(elastic_ips=0)"
    head, rest = binary.read_text().split("\n", 1)
    binary.write_text(f'{head}\n[ "$1" != apply ] || {sys.executable} -c "{code}"\n{rest}')


FILL = """#!/bin/sh
if [ "$1" = apply ] && [ ! -e RUNS/filler ]; then
  head -c $(($(df --output=avail -B1 RUNS | tail -n 1) - 16384)) /dev/zero >RUNS/filler
fi
exec BINARY "$@"
"""
IN_A_SMALL_DISK = """
mount -t tmpfs -o size=8m none RUNS
"$@"; echo "ended with $?"
: >RUNS/filler
"$@"; echo "ended with $?"
cp -r RUNS/. KEPT
"""


@pytest.mark.full
def test_a_disk_that_is_full_when_terraform_saves_its_state_loses_nothing(user: User, own_aws: LabAwsClient) -> None:
    """The cause is named, and what was created is found again."""
    runs, binary = user.environ["EDGEWRAP_DIR"], user.directory / "fill"
    Path(runs).mkdir()
    binary.write_text(FILL.replace("RUNS", runs).replace("BINARY", str(user.binary)))
    binary.chmod(0o755)
    spec = user.directory / "edge.yaml"
    spec.write_text(spec.read_text().replace(str(user.binary), str(binary)))
    script = IN_A_SMALL_DISK.replace("RUNS", runs).replace("KEPT", str(user.directory / "kept"))
    words = ["unshare", "--mount", "bash", "-c", script, "bash", *user.command("apply", "--auto-approve")]
    done = subprocess.run(words, env=user.environ, capture_output=True, text=True, timeout=RUN_S, check=False)
    assert [line for line in done.stdout.splitlines() if "ended with" in line] == ["ended with 3", "ended with 0"]
    assert "Cause: the disk is full" in done.stderr
    [state] = (user.directory / "kept").glob("*/terraform.tfstate")
    assert json.loads(state.read_text())["resources"]
    ec2 = SESSION.client("ec2", endpoint_url=own_aws.endpoint)
    tag: Any = [{"Name": "tag:edgewrap:cluster", "Values": [state.parent.name]}]
    assert len(ec2.describe_vpcs(Filters=tag)["Vpcs"]) == 1
    assert len(ec2.describe_instances(Filters=tag)["Reservations"]) == 1
