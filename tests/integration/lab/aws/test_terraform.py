"""The real terraform with the real provider against the lab's AWS, found by the environment alone.

One run through a cluster's life: each step costs seconds, so the steps are one test.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from edgewrap.lab.aws.client import LabAwsClient
from edgewrap.lab.aws.leaked_resources import leaked_resources
from tests.support.lab import provider_mirror

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

CONFIGURATION = Path(__file__).parents[3] / "data" / "lab" / "edge.tf"
REGION = "eu-west-3"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE5WFKMMBPxdAaCYCgOmFWFmVFhAhBKDqBJj9AtxGJvF user"
VARIABLES: dict[str, Any] = {
    "public_key": KEY,
    "hosts": {"host-0": "10.0.0.10", "host-1": "10.0.0.11"},
    "groups": {
        "group-0": ["10.0.0.129", *(f"10.0.0.{number}" for number in range(130, 160, 2))],
        "group-1": ["10.0.0.161", *(f"10.0.0.{number}" for number in range(162, 192, 2))],
    },
    "placement": {"group-0": "host-0", "group-1": "host-1"},
    "eips": {
        "eip-0": ["group-0", "10.0.0.130"],
        "eip-1": ["group-1", "10.0.0.162"],
        "eip-2": ["group-0", "10.0.0.132"],
    },
}


class Terraform:
    """Terraform in a directory of its own, with the environment that the lab gives and no other credentials."""

    def __init__(self, directory: Path, endpoint: str) -> None:
        self._directory = directory
        self._environ = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_"))}
        self._environ |= {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "lab",
            "AWS_SECRET_ACCESS_KEY": "lab",
            "AWS_EC2_METADATA_DISABLED": "true",
            "TF_CLI_CONFIG_FILE": str(directory / "terraform.rc"),
        }
        (directory / "terraform.rc").write_text("disable_checkpoint = true\n")
        shutil.copy(CONFIGURATION, directory)
        mirror = provider_mirror()
        self("init", *([f"-plugin-dir={mirror}"] if mirror else []))

    def __call__(self, *arguments: str, variables: dict[str, Any] | None = None, expect: int = 0) -> str:
        if variables is not None:
            (self._directory / "terraform.tfvars.json").write_text(json.dumps(variables))
        done = subprocess.run(
            ["terraform", arguments[0], "-no-color", "-input=false", *arguments[1:]],
            cwd=self._directory,
            env=self._environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == expect, done.stdout + done.stderr
        return done.stdout

    def apply(self, variables: dict[str, Any] | None = None) -> str:
        return self("apply", "-auto-approve", variables=variables)


def changing_calls(lab_aws: LabAwsClient, after: int) -> list[str]:
    return [call.action for call in lab_aws.calls(after) if call.service == "ec2" and not call.reads]


def last_serial(lab_aws: LabAwsClient) -> int:
    return max((call.serial for call in lab_aws.calls()), default=0)


@pytest.mark.timeout(600)
@pytest.mark.full
def test_terraform_creates_changes_and_destroys_a_cluster(lab_aws: LabAwsClient, tmp_path: Path) -> None:
    lab_aws.set_quotas(elastic_ips=8)
    ec2: EC2Client = boto3.client(
        "ec2",
        endpoint_url=lab_aws.endpoint,
        region_name=REGION,
        aws_access_key_id="lab",
        aws_secret_access_key="lab",
    )
    terraform = Terraform(tmp_path, lab_aws.endpoint)

    assert "27 added, 0 changed, 0 destroyed" in terraform.apply(VARIABLES)
    terraform("plan", "-detailed-exitcode")  # 0: nothing to do
    placed = {address["PrivateIpAddress"] for address in ec2.describe_addresses()["Addresses"]}
    assert placed == {"10.0.0.30", "10.0.0.130", "10.0.0.162", "10.0.0.132"}

    # One more Elastic IP, and nothing else.
    serial = last_serial(lab_aws)
    grown = {**VARIABLES, "eips": {**VARIABLES["eips"], "eip-3": ["group-1", "10.0.0.164"]}}
    assert "2 added, 0 changed, 0 destroyed" in terraform.apply(grown)
    assert changing_calls(lab_aws, serial) == ["AllocateAddress", "AssociateAddress"]

    # Two hosts swap their groups; the Elastic IPs stay on the interfaces.
    serial, associations = last_serial(lab_aws), _associations(ec2)
    began = time.monotonic()
    moved = {**grown, "placement": {"group-0": "host-1", "group-1": "host-0"}}
    assert "2 added, 0 changed, 2 destroyed" in terraform.apply(moved)
    assert time.monotonic() - began < 100  # stock moto: 153 s of waiting for `detached` alone
    calls = changing_calls(lab_aws, serial)
    assert sorted(calls) == ["AttachNetworkInterface"] * 2 + ["DetachNetworkInterface"] * 2
    assert _associations(ec2) == associations

    # What was changed outside is seen.
    ec2.disassociate_address(AssociationId=min(associations))
    terraform("plan", "-detailed-exitcode", expect=2)

    assert "destroyed" in terraform("destroy", "-auto-approve")
    assert leaked_resources(lab_aws.endpoint, REGION) == ()


def _associations(ec2: EC2Client) -> dict[str, str]:
    """Private addresses by association id."""
    return {item["AssociationId"]: item["PrivateIpAddress"] for item in ec2.describe_addresses()["Addresses"]}
