"""A lab AWS for the whole session, the real terraform behind a wrapper that counts, and a cluster applied once."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from edgewrap.aws.plane import AwsPlane
from edgewrap.aws.planner import AwsPlan
from edgewrap.events import discard
from edgewrap.lab.aws.client import LabAwsClient, LabAwsProcess
from edgewrap.outputs import Outputs
from edgewrap.spec.models import Spec
from tests.support.aws_plane import PUBLIC_KEY, make_spec
from tests.support.lab import REGION, provider_mirror

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabAwsClient]:
    """The lab's AWS, and an environment in which nothing can reach another one."""
    with LabAwsProcess(tmp_path_factory.mktemp("lab-aws")) as client, pytest.MonkeyPatch.context() as patch:
        client.set_quotas(elastic_ips=64)
        patch.setenv("AWS_ENDPOINT_URL", client.endpoint)
        patch.setenv("AWS_ACCESS_KEY_ID", "dummy")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "dummy")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
            patch.delenv(name, raising=False)
        yield client


@pytest.fixture(scope="session")
def ec2(aws: LabAwsClient) -> EC2Client:
    """boto3's own client, to see and change what the tool did."""
    import boto3

    return boto3.client("ec2", region_name=REGION, endpoint_url=aws.endpoint)


@pytest.fixture(scope="session")
def terraform() -> Path:
    """The real terraform."""
    found = shutil.which("terraform")
    assert found is not None, "terraform is not on PATH: `make terraform` gets it"
    return Path(found)


@dataclass(frozen=True)
class Cluster:
    """One cluster as its user has it: a working directory, and every terraform command that was run for it."""

    directory: Path
    log: Path
    binary: Path

    def spec(self, **sections: Any) -> Spec:
        """The cluster's spec with these sections."""
        ssh = {"public_key": str(self.directory / "key.pub")}
        return make_spec(**{"ssh": ssh, "terraform": {"binary": str(self.binary)}, **sections})

    def plane(self, spec: Spec) -> AwsPlane:
        """A plane as a new run makes one."""
        return AwsPlane(spec, self.directory / "work", discard, plugin_dir=provider_mirror())

    def plan(self, spec: Spec, *, destroy: bool = False) -> AwsPlan:
        """What a new run plans."""
        plane = self.plane(spec)
        return plane.destroy(plane.current()) if destroy else plane.plan(plane.current())

    def apply(self, spec: Spec) -> tuple[AwsPlan, Outputs]:
        """What a new run plans and applies."""
        plane = self.plane(spec)
        plan = plane.plan(plane.current())
        outputs = plane.apply(plan)
        assert outputs is not None
        return plan, outputs

    def commands(self) -> list[str]:
        """The terraform commands since the last call of this, in order; each is one process."""
        commands = self.log.read_text().splitlines() if self.log.exists() else []
        self.log.write_text("")
        return commands


@pytest.fixture(scope="session")
def make_cluster(aws: LabAwsClient, terraform: Path, tmp_path_factory: pytest.TempPathFactory) -> type[Cluster]:
    """Makes clusters in directories of their own."""

    class Made(Cluster):
        def __init__(self, name: str) -> None:
            directory = tmp_path_factory.mktemp("cluster") / name
            (directory / "work").mkdir(parents=True)
            (directory / "key.pub").write_text(f"{PUBLIC_KEY}\n")
            binary, log = directory / "terraform", directory / "commands"
            count = f'echo "$1" >>{shlex.quote(str(log))}'
            binary.write_text(f'#!/bin/sh\n{count}\nexec {shlex.quote(str(terraform))} "$@"\n')
            binary.chmod(0o755)
            super().__init__(directory, log, binary)

    return Made


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    """An environment for terraform itself."""
    return {"PATH": os.environ["PATH"], "CHECKPOINT_DISABLE": "1", "TF_CLI_CONFIG_FILE": "/dev/null"}
