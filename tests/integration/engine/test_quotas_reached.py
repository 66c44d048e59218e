"""Quotas of the lab's AWS with the real Terraform: named before anything is created; if they are reached during a run,
the run says why, and the next one resumes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edgewrap.change import PlaneName
from edgewrap.engine.apply import Waits, apply
from edgewrap.engine.cluster import Cluster, Options, open_cluster
from edgewrap.engine.plan import make_plan
from edgewrap.engine.preflight import raise_on_failure
from edgewrap.errors import PartlyAppliedError, PreflightError, TerraformError
from edgewrap.events import discard
from edgewrap.lab.aws.client import LabAwsClient, LabAwsProcess
from tests.support.aws_plane import PUBLIC_KEY
from tests.support.lab import provider_mirror

AWS_ONLY = (PlaneName.AWS,)
SPEC = {
    "apiVersion": "edgewrap/v1",
    "name": "edge-limits",
    "aws": {"region": "eu-west-3"},
    "hosts": {"count": 1},
    "public_network": {"elastic_ips": {"count": 2}, "groups": 1},
    "ssh": {"public_key": "key.pub"},
}


@pytest.fixture
def aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LabAwsClient]:
    """An AWS of its own, and an environment in which nothing can reach another one."""
    with LabAwsProcess(tmp_path / "aws") as client:
        monkeypatch.setenv("AWS_ENDPOINT_URL", client.endpoint)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "dummy")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "dummy")
        monkeypatch.setenv("EDGEWRAP_DIR", str(tmp_path / "runs"))
        for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "ONE_XMLRPC"):
            monkeypatch.delenv(name, raising=False)
        yield client


@contextmanager
def new_run(directory: Path) -> Iterator[Cluster]:
    """A run as a new process has it."""
    spec = directory / "edge.yaml"
    spec.write_text(json.dumps(SPEC))
    (directory / "key.pub").write_text(f"{PUBLIC_KEY}\n")
    with open_cluster(Options(spec, "apply", provider_mirror()), discard) as cluster:
        yield cluster


def made(aws: LabAwsClient) -> list[str]:
    return [call.action for call in aws.calls() if not call.reads and call.service == "ec2" and not call.error]


@pytest.mark.full
def test_quotas_reached_before_and_during_an_apply(aws: LabAwsClient, tmp_path: Path) -> None:
    aws.set_quotas(vpcs=1, elastic_ips=1, standard_vcpus=95)
    with new_run(tmp_path) as cluster:
        plan = make_plan(cluster, AWS_ONLY)
        with pytest.raises(PreflightError) as early:
            raise_on_failure(plan.findings)
        assert [finding.check for finding in early.value.findings] == ["VPCs", "Elastic IPs", "vCPUs"]
        assert early.value.exit_code == 1
        assert made(aws) == []
        assert cluster.aws.current() is None

        # as if the quotas had been lowered after the check
        with pytest.raises(PartlyAppliedError) as late:
            apply(cluster, plan, Waits(None, 0))
    assert late.value.exit_code == 3
    (failure,) = late.value.failures
    assert isinstance(failure, TerraformError)
    for cause in ("quota of VPCs", "quota of Elastic IPs"):
        assert cause in failure.cause
    for code in ("L-F678F1CE", "L-0263D0A3"):
        assert code in failure.advice
    assert made(aws).count("AllocateAddress") == 1

    aws.set_quotas(vpcs=2, elastic_ips=2, standard_vcpus=96)  # the existing address is not requested again
    with new_run(tmp_path) as cluster:
        plan = make_plan(cluster, AWS_ONLY)
        raise_on_failure(plan.findings)
        assert any("1 of 2 in use, 1 to add, 0 left" in finding.text for finding in plan.findings)
        outputs = apply(cluster, plan, Waits(None, 0))
    assert set(outputs.eips) == {"eip-0", "eip-1"}

    serial = aws.calls()[-1].serial
    with new_run(tmp_path) as cluster:
        plan = make_plan(cluster, AWS_ONLY)
    assert plan.nothing_to_do
    assert plan.findings == ()
    assert "servicequotas" not in {call.service for call in aws.calls(serial)}
