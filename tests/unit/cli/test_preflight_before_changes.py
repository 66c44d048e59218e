"""What is missing is named, and ends every command that would make something, before anything is made."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from edgewrap.aws.planner import AwsPlan
from edgewrap.aws.preflight.quotas import ELASTIC_IPS, VPCS, Demand, check_quota, vcpu_quota
from edgewrap.change import Action, Change, PlaneName
from edgewrap.cli.main import build, run
from edgewrap.engine.dead_hosts import HostDisposition
from edgewrap.engine.plan import Observed, RunPlan
from edgewrap.events import discard
from edgewrap.finding import Finding, Verdict
from edgewrap.opennebula.diff import OpenNebulaPlan
from edgewrap.opennebula.plane import OpenNebulaPlane
from edgewrap.outputs import Outputs
from edgewrap.plane import Context
from tests.support.aws_plane import PUBLIC_KEY, first_inputs, make_spec
from tests.support.documents import check_output
from tests.support.front_end import outputs

SPEC = """
apiVersion: edgewrap/v1
name: edge-paris
aws: { region: eu-west-3 }
ssh: { public_key: key.pub }
"""
FRONT_END: Any = None  # is not asked
VCPUS = vcpu_quota("c5.metal")
assert VCPUS is not None
COMMANDS = (["plan"], ["apply", "--auto-approve"], ["replace", "host-0", "--auto-approve"])


@pytest.fixture
def applied(monkeypatch: pytest.MonkeyPatch) -> list[RunPlan]:
    """The plans that were applied: in these tests nothing is."""
    plans: list[RunPlan] = []

    def apply(cluster: object, plan: RunPlan, waits: object, *, look_again: bool) -> Outputs:
        plans.append(plan)
        return plan.outputs

    monkeypatch.setattr("edgewrap.engine.apply.apply", apply)
    return plans


def finish(
    arguments: list[str],
    finding: Finding,
    directory: Path,
    monkeypatch: pytest.MonkeyPatch,
    opennebula: OpenNebulaPlan | None = None,
) -> int:
    """Run a command whose plan has this finding; its exit code."""
    observed = Observed(None, None, None, None, HostDisposition(), Context())
    changes = (Change(PlaneName.AWS, "vpc", "vpc", Action.CREATE),)
    aws = AwsPlan(changes, True, outputs(), first_inputs(make_spec()))
    made = RunPlan(observed, Context(outputs()), aws, opennebula=opennebula, findings=(finding,))
    monkeypatch.setattr("edgewrap.engine.plan.make_plan", lambda *_, **_options: made)
    monkeypatch.setenv("EDGEWRAP_DIR", str(directory / "runs"))
    (directory / "key.pub").write_text(f"{PUBLIC_KEY}\n")
    (directory / "edge.yaml").write_text(SPEC)
    return run(build(), [*arguments, "--file", str(directory / "edge.yaml")])


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda arguments: arguments[0])
@pytest.mark.parametrize("quota", [VPCS, ELASTIC_IPS, VCPUS], ids=lambda quota: quota.name)
def test_a_quota_that_is_too_small_ends_the_run(
    arguments: list[str],
    quota: object,
    applied: list[RunPlan],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    finding = check_quota(quota, 5, Demand(used=5, adding=1), "or make room")  # type: ignore[arg-type]
    assert finish(arguments, finding, tmp_path, monkeypatch) == 1
    assert applied == []
    shown = capsys.readouterr().err
    assert finding.text in shown
    assert "to 6 or more, or make room" in shown


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda arguments: arguments[0])
def test_one_that_is_large_enough_does_not(
    arguments: list[str],
    applied: list[RunPlan],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    finding = check_quota(VPCS, 6, Demand(used=5, adding=1), "or make room")
    assert finding.verdict is Verdict.OK
    assert finish([*arguments, "--json"], finding, tmp_path, monkeypatch) == 0
    shown = capsys.readouterr().out
    check_output([*arguments, "--json"], 0, shown)
    result = json.loads(shown.splitlines()[-1])
    assert (result["command"], result["planes"]["aws"]["changes"]) == (arguments[0], {"create": 1})
    assert result["elastic_ips"].keys() == (set() if arguments == ["plan"] else outputs().eips.keys())
    assert len(applied) == (0 if arguments == ["plan"] else 1)


def test_nobody_is_asked_to_approve_a_plan_that_something_blocks(
    applied: list[RunPlan], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def approved(_question: str) -> bool:
        raise AssertionError("asked")

    blocked = SimpleNamespace(require_possible=OpenNebulaPlane(make_spec(), FRONT_END, discard).require_possible)
    monkeypatch.setattr("edgewrap.engine.cluster.Cluster.opennebula", blocked)
    monkeypatch.setattr("edgewrap.cli.options.approved", approved)
    monkeypatch.setattr("edgewrap.cli.options.require_approval_possible", lambda *_, **_options: None)
    finding = check_quota(VPCS, 6, Demand(used=5, adding=1), "or make room")
    plan = OpenNebulaPlan(obstacles=("host-1 has the VM 7",))
    assert finish(["apply"], finding, tmp_path, monkeypatch, plan) == 1
    assert applied == []
    assert "host-1 has the VM 7" in capsys.readouterr().err
