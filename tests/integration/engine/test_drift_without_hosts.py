"""Drift in OpenNebula that a run finds without the hosts: left out, or not reachable."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import MagicMock

import pytest

from edgewrap.aws.facts import AwsState
from edgewrap.change import Action, PlaneName, Reason
from edgewrap.engine.cluster import Cluster
from edgewrap.engine.drift import DriftReport, read_drift
from edgewrap.engine.workspace import Workspace
from edgewrap.hosts.plane import HostsPlan, Observation
from edgewrap.outputs import Outputs
from edgewrap.spec.load import public_document
from tests.support import front_end
from tests.support.aws_plane import first_inputs, make_spec
from tests.support.front_end import Stage, outputs, spec
from tests.unit.engine.test_apply_failures import silent

LEFT_OUT = (PlaneName.OPENNEBULA,)
SILENT = (PlaneName.OPENNEBULA, PlaneName.HOSTS)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return front_end.stage("7.4.0", tmp_path)


def drift(stage: Stage, planes: tuple[PlaneName, ...], now: Outputs | None = None) -> DriftReport:
    """With a state of AWS, and hosts that do not answer."""
    now, cluster = now or outputs(), Cluster(spec(), Workspace(Path()), stage.events.append, {})
    hosts = MagicMock()
    hosts.settle.return_value = Observation(failures=silent(*now.hosts))
    hosts.configure_mock(**{"health.return_value": (), "reports.return_value": {}, "plan.return_value": HostsPlan()})
    hosts.changes_for.return_value = ()
    aws = MagicMock()
    aws.current.return_value = AwsState(now, first_inputs(make_spec()), public_document(spec()))
    aws.health.return_value = ()
    cluster.__dict__.update(opennebula=stage.plane(), aws=aws, hosts=hosts)
    return read_drift(cluster, planes)


@pytest.mark.parametrize("planes", [LEFT_OUT, SILENT], ids=["left out", "not reachable"])
def test_nothing_has_drifted(stage: Stage, planes: tuple[PlaneName, ...]) -> None:
    stage.applied()
    report = drift(stage, planes)
    assert (report.items, report.spec_changes) == ((), 0)
    assert [one.name for one in report.unread] == ([] if planes is LEFT_OUT else [*outputs().hosts])


@pytest.mark.parametrize("planes", [LEFT_OUT, SILENT], ids=["left out", "not reachable"])
def test_what_was_changed_in_opennebula_is_found(stage: Stage, planes: tuple[PlaneName, ...]) -> None:
    """A template that is missing, whose interface only hosts know, and a host that is disabled."""
    plane = stage.applied()
    facts = plane.observe()
    stage.one.call("vntemplate.delete", facts.templates[0].id)
    stage.one.call("host.status", plane.hosts(facts)["host-1"].id, 1)
    found = {(one.key, one.action, one.reason) for one in drift(stage, planes).items}
    assert found == {
        ("edge-paris-private", Action.CREATE, Reason.MISSING),
        ("host-1", Action.UPDATE, Reason.CHANGED),
    }
    assert not [text for text in stage.warnings() if "no host has reported" in text]
