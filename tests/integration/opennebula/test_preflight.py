"""Whether a front-end is one that edgewrap can use: its version, our rights, its drivers."""

from __future__ import annotations

import re
import xmlrpc.client
from collections.abc import Callable

import pytest
import requests

from edgewrap.finding import Finding, Verdict
from edgewrap.opennebula.api.client import FrontEnd
from edgewrap.opennebula.api.credentials import Session
from tests.support.front_end import PASSWORD, URL, Stage, spec

FRONT_END, RIGHTS, DRIVERS = "front-end", "rights on the front-end", "drivers of the front-end"
DATASTORES = "shared datastores"


class Rewriting:
    """A wire that changes the text of the answers."""

    def __init__(self, stage: Stage, method: str, change: Callable[[str], str]) -> None:
        self._stage, self._method, self._change = stage, method, change

    def post(self, body: bytes) -> bytes:
        _, method = xmlrpc.client.loads(body)
        answer = self._stage.wire.post(body)
        return self._change(answer.decode()).encode() if method == self._method else answer


def verdicts(findings: tuple[Finding, ...]) -> dict[str, Verdict]:
    return {finding.check: finding.verdict for finding in findings}


def rewritten(stage: Stage, method: str, change: Callable[[str], str]) -> tuple[Finding, ...]:
    wire = Rewriting(stage, method, change)
    return stage.plane(one=FrontEnd(URL, Session(f"oneadmin:{PASSWORD}"), wire=wire)).preflight()


def test_a_good_front_end(stage: Stage) -> None:
    found = stage.plane().preflight()
    assert verdicts(found) == dict.fromkeys((FRONT_END, RIGHTS, DRIVERS, DATASTORES), Verdict.OK)
    assert stage.facts().version in found[0].text
    assert stage.plane().preflight(stage.facts()) == found


def test_a_user_with_partial_rights_fails_and_an_operator_does_not(newer: Stage) -> None:
    guest = newer.plane(one=newer.user("guest", operator=False)).preflight()
    assert verdicts(guest) == {
        FRONT_END: Verdict.OK,
        RIGHTS: Verdict.FAILURE,
        DRIVERS: Verdict.OK,
        DATASTORES: Verdict.UNKNOWN,
    }
    assert "guest" in guest[1].text
    operator = newer.plane(one=newer.user("operator", operator=True)).preflight()
    assert verdicts(operator)[RIGHTS] is Verdict.OK


def test_a_wrong_password_and_a_front_end_that_is_down_leave_the_rest_unknown(newer: Stage) -> None:
    stranger = FrontEnd(URL, Session("oneadmin:wrong"), wire=newer.wire)
    unknown = {RIGHTS: Verdict.UNKNOWN, DRIVERS: Verdict.UNKNOWN, DATASTORES: Verdict.UNKNOWN}
    assert verdicts(newer.plane(one=stranger).preflight()) == {FRONT_END: Verdict.FAILURE, **unknown}

    def down(method: str) -> None:
        raise requests.ConnectionError("[Errno 111] Connection refused")

    newer.wire.before = down
    found = newer.plane().preflight()
    assert verdicts(found) == {FRONT_END: Verdict.FAILURE, **unknown}
    assert "nothing listens" in found[0].text


@pytest.mark.parametrize(
    ("version", "verdict"),
    [("6.8.3", Verdict.FAILURE), ("6.10.0", Verdict.OK), ("7.4.9", Verdict.OK), ("7.6.0", Verdict.WARNING)],
)
def test_its_version(newer: Stage, version: str, verdict: Verdict) -> None:
    found = rewritten(newer, "one.system.version", lambda text: text.replace("7.4.0", version))
    assert found[0].verdict is verdict
    assert version in found[0].text


def test_pools_that_cannot_be_read_are_a_failure(newer: Stage) -> None:
    """A run reads the same ones, so it could not work."""
    refusal = "[one.hostpool.info] internal error"
    answer = xmlrpc.client.dumps(([False, refusal, 0x2000, -1, -1],), methodresponse=True)
    found = verdicts(rewritten(newer, "one.hostpool.info", lambda _: answer))
    assert (found[RIGHTS], found[DATASTORES]) == (Verdict.FAILURE, Verdict.UNKNOWN)


@pytest.mark.parametrize("version", ["7", "unknown"])
def test_a_version_that_cannot_be_read_is_a_warning(newer: Stage, version: str) -> None:
    found = rewritten(newer, "one.system.version", lambda text: text.replace("7.4.0", version))
    assert found[0].verdict is Verdict.WARNING
    assert "returned no valid version" in found[0].text


@pytest.mark.parametrize(
    ("pattern", "missing"),
    [
        (r"\bkvm\b", "kvm (VM_MAD)"),
        (r"\bvxlan\b", "vxlan (VN_MAD_CONF)"),
        (r"\bfw\b", "fw (VN_MAD_CONF)"),
        (r"(?<=-d dummy,)fs\b", "fs (DATASTORE_MAD)"),
    ],
)
def test_a_driver_that_it_does_not_have_is_named(newer: Stage, pattern: str, missing: str) -> None:
    drivers = rewritten(newer, "one.system.config", lambda text: re.sub(pattern, "other", text))[2]
    assert drivers.verdict is Verdict.FAILURE
    assert drivers.text == f"not configured: {missing}"


def test_lxc_hosts_need_the_lxc_driver(newer: Stage) -> None:
    plane = newer.plane(spec(hosts={"hypervisor": "lxc"}))
    assert plane.preflight()[2].text.startswith("lxc, ")
