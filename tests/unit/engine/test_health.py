"""What does not work: hosts that could not be read, explained by what AWS knows, and the end of an apply."""

from __future__ import annotations

from unittest.mock import MagicMock

import pytest

from edgewrap.change import PlaneName
from edgewrap.engine.apply import report_health
from edgewrap.engine.dead_hosts import HostDisposition
from edgewrap.engine.health import explained
from edgewrap.engine.plan import Observed, RunPlan
from edgewrap.errors import HostError
from edgewrap.events import Event
from edgewrap.finding import Finding, Verdict
from edgewrap.hosts.plane import Observation
from edgewrap.outputs import HostOutput, Outputs
from edgewrap.plane import NO_CONTEXT

FAILURES = [
    HostError(key, "no SSH connection", cause="timed out", advice="check ssh.from") for key in ("host-0", "host-1")
]
LOST = Finding(PlaneName.AWS, "host-1", Verdict.WARNING, "it has no public address", "set `hosts.address: eip`")
FULL = Finding(PlaneName.HOSTS, "host-0", Verdict.WARNING, "its file system / is 95 % full", "remove files there")


def test_the_cause_that_aws_knows_is_said() -> None:
    other, found = explained(FAILURES, [LOST, FULL])
    assert other is FAILURES[0]
    assert (found.what, found.cause, found.advice) == ("host-1: no SSH connection", LOST.text, LOST.advice)


@pytest.mark.parametrize("first", [True, False])
def test_the_end_of_an_apply_warns_of_what_does_not_work(first: bool) -> None:
    """Also of the first one, before which AWS had nothing to observe."""
    host = HostOutput("host-0", 0, "i-1", "10.0.0.10", "", "10.0.0.10", "running")
    outputs = Outputs("", "", "", "", "", "", "", {"host-0": host})
    done, events, cluster = Observation(), list[Event](), MagicMock()
    cluster.emit = events.append
    cluster.hosts.settle.return_value, cluster.hosts.health.return_value = done, (FULL,)
    cluster.aws.health.return_value = (LOST,)
    observed = Observed(None if first else MagicMock(), None, None, None, HostDisposition(), NO_CONTEXT)
    report_health(cluster, RunPlan(observed, NO_CONTEXT), outputs, done)
    assert [event.key for event in events] == (["host-0"] if first else ["host-1", "host-0"])
