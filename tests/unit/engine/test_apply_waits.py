"""How long an apply waits for SSH."""

from __future__ import annotations

import pytest

from edgewrap.engine.apply import default_wait_s
from edgewrap.engine.dead_hosts import HostDisposition
from edgewrap.engine.plan import Observed, RunPlan
from edgewrap.errors import HostError, HostKeyError, HostUnreachableError
from edgewrap.outputs import UNKNOWN, HostOutput, Outputs
from edgewrap.plane import Context


@pytest.mark.parametrize(
    ("instance", "failure", "wait_s"),
    [
        ("i-1", None, 60),
        (UNKNOWN, None, 1800),
        ("i-1", HostUnreachableError, 1800),  # it may be booting: metal takes more than 20 minutes at times
        ("i-1", HostKeyError, 60),
    ],
)
def test_a_host_that_may_be_booting_gets_time(instance: str, failure: type[HostError] | None, wait_s: float) -> None:
    host = HostOutput("host-0", 0, instance, "10.0.0.10", "", "10.0.0.10", "running")
    context = Context(Outputs("", "", "", "", "", "", "", {"host-0": host}))
    observed = Observed(None, None, None, None, HostDisposition(), context)
    failures = (failure("host-0", "no answer", cause="", advice=""),) if failure else ()
    assert default_wait_s(RunPlan(observed, context, failures=failures)) == wait_s
