"""The real terraform behind a wrapper that counts, and a cluster applied once."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from edgewrap.aws.plane import AwsPlane
from edgewrap.aws.planner import AwsPlan
from edgewrap.events import Emit, discard
from edgewrap.lab.aws.client import LabAwsClient
from edgewrap.outputs import Outputs
from edgewrap.spec.models import Spec
from tests.support.aws_plane import PUBLIC_KEY, make_spec
from tests.support.lab import provider_mirror
from tests.support.shown_plans import hold_to_show

HELD_TO_SHOW = "test_create_change_destroy"
"""The tests whose plan files `terraform show` reads too. In `make test-all` it reads those of all tests here."""


@pytest.fixture(scope="session")
def terraform() -> Path:
    """The real terraform."""
    found = shutil.which("terraform")
    assert found is not None, "terraform is not on PATH: `make terraform` gets it"
    return Path(found)


@pytest.fixture(scope="module", autouse=True)
def held_to_show(request: pytest.FixtureRequest, terraform: Path) -> Iterator[None]:
    """Plan files are read as `terraform show` reads them."""
    with pytest.MonkeyPatch.context() as patch:
        if request.module.__name__.endswith(HELD_TO_SHOW) or os.environ.get("EDGEWRAP_KILL_POINTS") == "all":
            hold_to_show(patch, terraform)
        yield


@dataclass(frozen=True)
class Cluster:
    """One cluster as its user has it: a working directory, and every terraform command that was run for it."""

    directory: Path
    log: Path
    binary: Path

    def spec(self, **sections: Any) -> Spec:
        """The cluster's spec with these sections. Its hosts have no public addresses by default: the provider waits
        ten seconds after it has turned DNS hostnames on."""
        ssh = {"public_key": str(self.directory / "key.pub")}
        hosts = {"address": "private", **sections.pop("hosts", {})}
        return make_spec(**{"ssh": ssh, "terraform": {"binary": str(self.binary)}, "hosts": hosts, **sections})

    def plane(self, spec: Spec, emit: Emit = discard) -> AwsPlane:
        """A plane as a new run makes one."""
        return AwsPlane(spec, self.directory / "work", emit, plugin_dir=provider_mirror())

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
