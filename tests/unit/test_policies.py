"""The AWS policies in the docs."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.support.checkout import REPOSITORY

BLOCK = re.compile(r"^```json\n(.*?)^```", re.DOTALL | re.MULTILINE)
READS = r"ec2:Describe\*|servicequotas:Get\w+|sts:GetCallerIdentity|s3:(ListBucket|GetObject)"


def policies(name: str) -> list[list[dict[str, Any]]]:
    """The statements of each policy in a file."""
    return [json.loads(block)["Statement"] for block in BLOCK.findall((REPOSITORY / "docs" / name).read_text())]


def actions(statement: dict[str, Any]) -> list[str]:
    found = statement["Action"]
    return [found] if isinstance(found, str) else found


@pytest.mark.parametrize(("name", "count"), [("security.md", 2), ("ipam.md", 1)])
def test_policies_are_well_formed(name: str, count: int) -> None:
    found = policies(name)
    assert len(found) == count
    for statement in (statement for policy in found for statement in policy):
        assert statement["Effect"] == "Allow"
        assert actions(statement) == sorted(set(actions(statement)))
        assert all(re.fullmatch(r"[a-z0-9]+:[A-Za-z]+\*?", action) for action in actions(statement))


def test_a_plan_may_only_read_and_lock() -> None:
    plan, _apply = policies("security.md")
    for statement in plan:
        if not all(re.fullmatch(READS, action) for action in actions(statement)):
            assert all(place.endswith((".edgewrap-lock", ".tflock")) for place in statement["Resource"])


def test_apply_may_change_what_a_first_apply_never_changes() -> None:
    """A first apply in the lab does not need these: the provider calls them for a host or a VPC that exists."""
    _plan, apply = policies("security.md")
    allowed = {action.removeprefix("ec2:") for statement in apply for action in actions(statement)}
    profile = {f"{verb}IamInstanceProfile" for verb in ("Associate", "Disassociate")}
    assert {"ModifyVolume", "ModifyVpcAttribute", "ReplaceIamInstanceProfileAssociation", *profile} <= allowed
