"""What is rendered is formatted and valid Terraform, in every structure that the templates can take."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from edgewrap.atomic_files import write_tree
from edgewrap.aws.render.module import render
from tests.support.aws_plane import first_inputs, make_spec
from tests.support.lab import provider_mirror

STRUCTURES: list[Any] = [
    pytest.param(make_spec(aws=aws, hosts={"address": address}), id=f"{address}-{'endpoint' if aws else 'aws'}")
    for address in ("public", "eip", "private")
    for aws in ({}, {"endpoint_url": "http://127.0.0.1:1"})
]
VPC = {"vpc_id": "vpc-0123456789abcdef0"}
STRUCTURES += [
    pytest.param(make_spec(aws={"network": {**VPC, **subnet}}), id=" ".join(("vpc_id", *subnet)))
    for subnet in ({"subnet": "10.0.8.0/22"}, {"subnet_id": "subnet-0123456789abcdef0"})
]


@pytest.mark.parametrize("spec", STRUCTURES)
def test_it_is_formatted(spec: Any, terraform: Path, environment: dict[str, str], tmp_path: Path) -> None:
    write_tree(tmp_path, render(spec, first_inputs(spec)))
    checked = subprocess.run(
        [terraform, "fmt", "-check", "-diff", "-recursive"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert (checked.returncode, checked.stdout) == (0, "")


def test_it_is_valid(terraform: Path, environment: dict[str, str], tmp_path: Path) -> None:
    spec = make_spec(hosts={"address": "private"})  # the two others are applied elsewhere
    write_tree(tmp_path, render(spec, first_inputs(spec)))
    mirror = provider_mirror()
    plugins = [f"-plugin-dir={mirror}"] if mirror else []
    for arguments in (["init", "-backend=false", *plugins], ["validate"]):
        done = subprocess.run(
            [terraform, *arguments, "-no-color"], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
