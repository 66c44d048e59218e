"""Terraform's errors with their cause and what to do."""

from __future__ import annotations

import pytest

from edgewrap.aws.terraform.runner import UNKNOWN, terraform_error
from edgewrap.errors import Diagnostic, PlanOutdatedError, TerraformError

AWS = "operation error EC2: {}, https response error StatusCode: 400, RequestID: 1, api error {}: text"
CASES = [
    ("creating EC2 EIP: " + AWS.format("AllocateAddress", "AddressLimitExceeded"), "quota of Elastic IPs"),
    ("creating EC2 VPC: " + AWS.format("CreateVpc", "VpcLimitExceeded"), "quota of VPCs"),
    (AWS.format("RunInstances", "VcpuLimitExceeded"), "quota of running instances"),
    (AWS.format("RunInstances", "InsufficientInstanceCapacity"), "no capacity for this instance type"),
    (AWS.format("RunInstances", "UnauthorizedOperation"), "lack a permission"),
    ("No valid credential sources found", "no AWS credentials found"),
    ("Error acquiring the state lock", "another terraform holds the lock of this state"),
    ("Failed to query available provider packages", "registry cannot be reached"),
    ("Post http://127.0.0.1:1/: dial tcp 127.0.0.1:1: connect: connection refused", "does not answer"),
    (AWS.format("DeleteVpc", "DependencyViolation"), "a foreign resource depends"),
    (AWS.format("ImportKeyPair", "InvalidKeyPair.Duplicate"), "a key pair of this name"),
]


@pytest.mark.parametrize(("summary", "cause"), CASES)
def test_known_errors_have_a_cause_and_advice(summary: str, cause: str) -> None:
    error = terraform_error("apply", [Diagnostic("error", summary, address="module.eips.aws_eip.this")])
    assert isinstance(error, TerraformError)
    assert cause in error.cause
    assert error.what.startswith("terraform apply failed: module.eips.aws_eip.this: ")


def test_an_unknown_error_keeps_terraforms_message() -> None:
    error = terraform_error("plan", [Diagnostic("error", "Something\nnew", "in\n  two lines")])
    assert error.what == "terraform plan failed: Something new (in two lines)"
    assert error.advice == UNKNOWN.advice


def test_a_stale_plan_has_its_own_error() -> None:
    assert isinstance(terraform_error("apply", [Diagnostic("error", "Saved plan is stale")]), PlanOutdatedError)
