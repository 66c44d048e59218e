"""Hosts that could not be read, explained by what AWS knows."""

from __future__ import annotations

from edgewrap.change import PlaneName
from edgewrap.engine.health import explained
from edgewrap.errors import HostError
from edgewrap.finding import Finding, Verdict

FAILURES = [
    HostError(key, "no SSH connection", cause="timed out", advice="check ssh.from") for key in ("host-0", "host-1")
]
LOST = Finding(PlaneName.AWS, "host-1", Verdict.WARNING, "it has no public address", "set `hosts.address: eip`")
FULL = Finding(PlaneName.HOSTS, "host-0", Verdict.WARNING, "its file system / is 95 % full", "remove files there")


def test_the_cause_that_aws_knows_is_said() -> None:
    other, found = explained(FAILURES, [LOST, FULL])
    assert other is FAILURES[0]
    assert (found.what, found.cause, found.advice) == ("host-1: no SSH connection", LOST.text, LOST.advice)
