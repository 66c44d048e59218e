"""What must change on all hosts at once is refused while one of them cannot be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from edgewrap.errors import HostError
from edgewrap.events import discard
from edgewrap.finding import Verdict
from edgewrap.hosts.plane import HostsPlane, Observation
from edgewrap.outputs import UNKNOWN, HostPin, Outputs
from edgewrap.plane import Context
from edgewrap.spec.load import load_spec, public_document
from edgewrap.spec.models import Spec
from tests.unit.hosts.recorded import converged, outputs, recorded

BARE = "bare"
"""A host on which packages were just installed."""
ENVIRON = {"OLD": "old-password", "NEW": "new-password"}
BEFORE: dict[str, Any] = {}
OLD, NEW = {"evpn": {"password": "${env:OLD}"}}, {"evpn": {"password": "${env:NEW}"}}
ASN, VNI, REFLECTORS = {"evpn": {"asn": 65001}}, {"public_network": {"vni": 77}}, {"evpn": {"reflectors": 1}}


def spec(sections: Mapping[str, Any], tmp_path: Any, environ: Mapping[str, str] = ENVIRON) -> Spec:
    document = {"apiVersion": "edgewrap/v1", "name": "edge", "aws": {"region": "eu-west-3"}, **sections}
    return load_spec(tmp_path / "edge.yaml", environ, str(document))


def three_hosts(**host_2: str) -> Outputs:
    """Three hosts; `host_2` are values of host-2."""
    known = outputs()
    third = replace(known.hosts["host-1"], key="host-2", index=2, instance_id="i-2", private_address="10.0.0.12")
    return replace(known, hosts={**known.hosts, "host-2": replace(third, **host_2)})  # type: ignore[arg-type]


def observed(specs: Mapping[str, Spec | str], known: Outputs) -> Observation:
    """The hosts with these specs on them answer; host-2 does not."""
    error = HostError("host-2", "no SSH connection", cause="sshd is stopped", advice="start it")
    found = {key: recorded(one) if isinstance(one, str) else converged(one, known, key) for key, one in specs.items()}
    return Observation(found, {"host-2": error}, {key: HostPin(f"i-{key[-1]}", "ssh-ed25519 AAAA") for key in found})


@pytest.mark.parametrize(
    ("host_0", "host_1", "applied", "now", "fields"),
    [
        pytest.param(BEFORE, BEFORE, BEFORE, BEFORE, None, id="no change"),
        pytest.param(BEFORE, BEFORE, BEFORE, REFLECTORS, None, id="a field that may differ for a while"),
        pytest.param(BEFORE, BEFORE, BEFORE, ASN, "evpn.asn", id="asn"),
        pytest.param(BEFORE, BEFORE, BEFORE, VNI, "public_network.vni", id="vni"),
        pytest.param(BEFORE, BEFORE, BEFORE, OLD, "evpn.password", id="a first password"),
        pytest.param(OLD, OLD, OLD, BEFORE, "evpn.password", id="no password any more"),
        pytest.param(OLD, OLD, OLD, NEW, "evpn.password", id="another variable"),
        pytest.param(NEW, NEW, OLD, OLD, "evpn.password", id="another value of the variable"),
        pytest.param(BEFORE, BEFORE, BEFORE, {**ASN, **VNI}, "evpn.asn, public_network.vni", id="two at once"),
        pytest.param(None, None, BEFORE, ASN, "evpn.asn", id="no host can be read"),
        pytest.param(BEFORE, BEFORE, ASN, ASN, "evpn.asn", id="asn after a run without the hosts"),
        pytest.param(BEFORE, BEFORE, VNI, VNI, "public_network.vni", id="vni after a run without the hosts"),
        pytest.param(BEFORE, BEFORE, OLD, OLD, "evpn.password", id="a first password after a run without the hosts"),
        pytest.param(OLD, OLD, BEFORE, BEFORE, "evpn.password", id="no password after a run without the hosts"),
        pytest.param(BEFORE, BEFORE, "", ASN, "evpn.asn", id="no spec is recorded"),
        pytest.param(ASN, BEFORE, ASN, ASN, None, id="one host has the new value already"),
        pytest.param(ASN, ASN, ASN, ASN, None, id="all have it"),
        pytest.param(ASN, ASN, BEFORE, ASN, None, id="all that were read have it after a run of the hosts only"),
        pytest.param(NEW, NEW, OLD, NEW, None, id="the password is in another variable, and they have it"),
        pytest.param(BARE, BARE, "", OLD, None, id="hosts that have had no BGP yet, with a password"),
        pytest.param(BARE, BARE, BEFORE, ASN, None, id="hosts that have had no BGP yet"),
    ],
)
def test_fields_that_all_hosts_must_have_alike(
    host_0: Any, host_1: Any, applied: Any, now: Any, fields: str | None, tmp_path: Any
) -> None:
    known, wanted = three_hosts(), spec(now, tmp_path)
    there = {"host-0": host_0, "host-1": host_1}
    seen = observed(
        {key: one if one == BARE else spec(one, tmp_path) for key, one in there.items() if one is not None}, known
    )
    plane = HostsPlane(wanted, discard)
    document = public_document(spec(applied, tmp_path)) if applied != "" else ""
    found = plane.shared_field_findings(plane.plan(seen, Context(known)), document, Context(known))
    assert [(one.check, one.verdict) for one in found] == ([(fields, Verdict.FAILURE)] if fields else [])
    for one in found:
        assert "while host-2 cannot be read" in one.text
        assert "`edgewrap replace host-2`" in one.advice
        assert "`retired: [2]`" in one.advice


@pytest.mark.parametrize(
    "known",
    [
        pytest.param(three_hosts(state="stopped"), id="dead"),
        pytest.param(three_hosts(instance_id=UNKNOWN), id="replaced"),
        pytest.param(outputs(), id="retired"),
    ],
)
def test_hosts_that_do_not_stay_do_not_count(known: Outputs, tmp_path: Any) -> None:
    old, wanted = spec(BEFORE, tmp_path), spec({**ASN, **VNI}, tmp_path)
    plane = HostsPlane(wanted, discard)
    plan = plane.plan(observed(dict.fromkeys(("host-0", "host-1"), old), three_hosts()), Context(known))
    assert plane.shared_field_findings(plan, public_document(old), Context(known)) == ()


@pytest.mark.parametrize("applied", ["5", "[]", "{}", '{"evpn": 1}', '{"evpn": {}}'])
def test_a_spec_of_an_earlier_version(applied: str, tmp_path: Any) -> None:
    old, known = spec(BEFORE, tmp_path), three_hosts()
    plane = HostsPlane(old, discard)
    plan = plane.plan(observed({"host-0": old}, known), Context(known))
    assert plane.shared_field_findings(plan, applied, Context(known)) == ()
