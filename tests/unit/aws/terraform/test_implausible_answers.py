"""A terraform that ends well with an answer that no terraform gives has failed: its run is never `nothing to do`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgewrap.aws.terraform.plan_json import Before, read_changes
from edgewrap.aws.terraform.runner import Terraform
from edgewrap.aws.terraform.workdir import WorkDir
from edgewrap.errors import TerraformError
from edgewrap.events import discard

RESOURCE = {"addr": "module.network.aws_vpc.this", "resource_type": "aws_vpc", "resource_name": "this"}
CHANGE = {"type": "planned_change", "change": {"resource": RESOURCE, "action": "create"}}
OUTPUT = {"type": "outputs", "outputs": {"vpc_id": {"sensitive": False, "action": "create"}}}
SAME = {"type": "outputs", "outputs": {"vpc_id": {"sensitive": False, "action": "noop"}}}
SCRIPT = """#!/bin/sh
case "$1" in
version) echo '{"terraform_version": "1.11.4"}' ;;
*) cat "%s"; exit %d ;;
esac
"""


def summary(operation: str) -> dict[str, Any]:
    return {"type": "change_summary", "changes": {"add": 0, "operation": operation}}


def played(directory: Path, code: int, *lines: object) -> Terraform:
    """A terraform that answers every command with these lines and ends with this code."""
    answer, script = directory / "answer", directory / "terraform-script"
    answer.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
    script.write_text(SCRIPT % (answer, code))
    script.chmod(0o755)
    return Terraform(str(script), WorkDir(directory), discard, environ={"PATH": "/usr/bin:/bin"})


@pytest.mark.parametrize(
    ("code", "lines", "what"),
    [
        pytest.param(0, (), "ended with code 0 and no summary", id="nothing"),
        pytest.param(0, ("<html>",), "ended with code 0 and no summary", id="garbage"),
        pytest.param(2, ("<html>",), "ended with code 2 and no summary", id="garbage, code 2"),
        pytest.param(0, ('{"type": "change_summary"}',), "no summary", id="half a summary"),
        pytest.param(
            0, ('{"type": "planned_change", "change": []}', '{"type": "apply_start"}'), "no summary", id="odd"
        ),
        pytest.param(0, (summary("apply"),), "no summary", id="of another command"),
        pytest.param(2, (SAME, summary("plan")), "reported no change and ended with code 2", id="2, no change"),
        pytest.param(0, (CHANGE, summary("plan")), "reported changes and ended with code 0", id="0, a change"),
        pytest.param(0, (OUTPUT, summary("plan")), "reported changes and ended with code 0", id="0, an output"),
    ],
)
def test_a_plan_that_contradicts_itself_has_failed(tmp_path: Path, code: int, lines: Any, what: str) -> None:
    with pytest.raises(TerraformError, match=what) as caught:
        played(tmp_path, code, *lines).plan()
    assert f"{tmp_path}/terraform-script is not terraform" in caught.value.cause


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        (0, (summary("plan"),)),
        (0, (SAME, summary("plan"))),
        (2, (CHANGE, summary("plan"))),
        (2, (OUTPUT, summary("plan"))),
    ],
)
def test_a_plan_with_its_summary_is_believed(tmp_path: Path, code: int, lines: Any) -> None:
    pending, _ = played(tmp_path, code, "a notice", *lines).plan()
    assert pending is (code == 2)


@pytest.mark.parametrize("lines", [(), ("<html>",), (summary("plan"),)])
def test_an_apply_without_its_summary_has_failed(tmp_path: Path, lines: Any) -> None:
    with pytest.raises(TerraformError, match="apply ended with code 0 and no summary of what it did"):
        played(tmp_path, 0, *lines).apply()


@pytest.mark.parametrize("operation", ["apply", "destroy"])
def test_an_apply_with_its_summary_is_believed(tmp_path: Path, operation: str) -> None:
    assert played(tmp_path, 0, summary(operation)).apply().summary == operation


@pytest.mark.parametrize("answer", ["", "no json", "[]", "{}", '{"format_version": "1', "{" * 100_000])
def test_a_plan_file_that_cannot_be_shown_is_no_empty_plan(tmp_path: Path, answer: str) -> None:
    with pytest.raises(TerraformError, match="terraform show printed no plan"):
        played(tmp_path, 0, answer).show(dict)


@pytest.mark.parametrize(
    "changes", ["none", [1], [{}], [{"address": 1, "change": None}], [{"address": "a", "type": "b"}]]
)
def test_a_plan_in_another_form_is_no_bug_of_edgewrap(tmp_path: Path, changes: object) -> None:
    before = Before(frozenset(), spec_changed=False, destroy=False)
    plan = {"format_version": "1.2", "resource_changes": changes}
    with pytest.raises(TerraformError, match="terraform show printed a plan in another form"):
        played(tmp_path, 0, plan).show(lambda document: read_changes(document, before))


def test_a_notice_ahead_of_the_shown_plan_is_tolerated(tmp_path: Path) -> None:
    plan = {"format_version": "1.2", "resource_changes": []}
    assert played(tmp_path, 0, "{a notice}", plan).show(dict) == plan
