"""What a plan expects the hosts plane to report."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import Mock

import pytest

from edgewrap.engine.plan import with_reports
from edgewrap.errors import HostError, HostKeyError, HostUnreachableError
from edgewrap.hosts.plane import Observation
from edgewrap.outputs import UNKNOWN, HostPin, HostReport
from edgewrap.plane import Context
from tests.support.front_end import outputs, report

PIN, OTHER = HostPin("i-00000000", "ssh-ed25519 AAAA"), HostPin("i-of-another", "ssh-ed25519 AAAA")


def expected(pin: HostPin) -> HostReport:
    """Of a host that was not read."""
    return HostReport("host-0", ready=True, pin=pin, phydev=UNKNOWN, mtu=0)


@pytest.mark.parametrize(
    ("failure", "pin", "found"),
    [
        (None, None, report(0)),
        (HostUnreachableError, PIN, expected(PIN)),  # it may be booting, and the run waits for it
        (HostUnreachableError, OTHER, expected(HostPin("i-00000000", UNKNOWN))),
        (HostUnreachableError, None, expected(HostPin("i-00000000", UNKNOWN))),
        (HostKeyError, PIN, None),
        (HostError, PIN, None),
    ],
)
def test_a_host_that_exists(failure: type[HostError] | None, pin: HostPin | None, found: HostReport | None) -> None:
    failures = {"host-0": failure("host-0", "no answer", cause="", advice="")} if failure else {}
    cluster = Mock()
    cluster.hosts.reports.return_value = {} if failure else {"host-0": report(0)}
    context = Context(outputs((0,)), pins={"host-0": pin} if pin else {})
    assert with_reports(cluster, Observation(failures=failures), context).reports.get("host-0") == found


def test_a_host_that_need_not_answer_is_not_expected_to_be_ready() -> None:
    cluster = Mock()
    cluster.hosts.reports.return_value = {}
    silent = Observation(failures={"host-0": HostUnreachableError("host-0", "no answer", cause="", advice="")})
    assert with_reports(cluster, silent, Context(outputs((0,))), tolerated=["host-0"]).reports == {}


def test_a_host_that_is_created() -> None:
    cluster = Mock()
    cluster.hosts.reports.return_value = {}
    known = outputs((0,))
    new = replace(known, hosts={"host-0": replace(known.hosts["host-0"], instance_id=UNKNOWN)})
    reports = with_reports(cluster, Observation(), Context(new)).reports
    assert reports == {"host-0": expected(HostPin(UNKNOWN, UNKNOWN))}
