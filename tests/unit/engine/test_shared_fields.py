"""A run that would cut an unread host off from the others ends before it changes anything."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from edgewrap.aws.facts import AwsState
from edgewrap.change import PlaneName
from edgewrap.engine.apply import require_possible
from edgewrap.engine.cluster import Cluster
from edgewrap.engine.dead_hosts import HostDisposition
from edgewrap.engine.plan import Observed, make_plan
from edgewrap.engine.workspace import Workspace
from edgewrap.errors import HostUnreachableError, PreflightError
from edgewrap.events import discard
from edgewrap.hosts.plane import HostsPlane, Observation
from edgewrap.outputs import HostPin
from edgewrap.plane import Context
from edgewrap.spec.load import public_document
from tests.support.aws_plane import first_inputs, make_spec
from tests.unit.hosts.recorded import converged, outputs


@pytest.mark.parametrize("silent", [True, False])
@pytest.mark.parametrize("asn", [65000, 65001])
def test_a_changed_asn_with_a_host_that_cannot_be_read(asn: int, silent: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    before, spec = make_spec(hosts={"count": 2}), make_spec(hosts={"count": 2}, evpn={"asn": asn})
    cluster = Cluster(spec, Workspace(Path()), discard, {})
    context = Context(outputs(), outputs())
    state = AwsState(outputs(), first_inputs(before), public_document(before))
    read = ["host-0"] if silent else ["host-0", "host-1"]
    facts = {key: converged(before, outputs(), key) for key in read}
    failures = {"host-1": HostUnreachableError("host-1", "no SSH connection", cause="", advice="")} if silent else {}
    seen = Observation(facts, failures, {key: HostPin(f"i-{key[-1]}", "ssh-ed25519 AAAA") for key in facts})
    observed: Any = Observed(state, None, None, seen, HostDisposition(), context)
    monkeypatch.setattr("edgewrap.engine.plan.observe", lambda *_, **_options: observed)
    monkeypatch.setattr(Cluster, "aws", SimpleNamespace(health=lambda *_: ()))
    monkeypatch.setattr(HostsPlane, "health", lambda *_: ())
    monkeypatch.setattr(HostsPlane, "login_findings", lambda *_: ())
    plan = make_plan(cluster, (PlaneName.HOSTS,))
    if not silent or asn == 65000:
        require_possible(cluster, plan)
        return
    with pytest.raises(PreflightError, match=r"^evpn\.asn: cannot change while host-1 cannot be read") as caught:
        require_possible(cluster, plan)
    assert caught.value.exit_code == 1
