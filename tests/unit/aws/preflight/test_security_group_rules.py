"""How many rules a cluster's security groups have, against what AWS allows in one."""

from __future__ import annotations

from typing import Any

import pytest

from edgewrap.aws.inputs.lookups import AwsLookups
from edgewrap.aws.preflight.checks import AwsPreflight
from edgewrap.aws.preflight.quotas import RULES, judge_rules, rule_counts
from edgewrap.aws.preflight.topics import Topic
from edgewrap.aws.render.variables import make_variables
from edgewrap.finding import Verdict
from tests.support.aws_plane import first_inputs, make_spec
from tests.support.scripted import Scripted

NETWORKS = [f"10.{number}.0.0/16" for number in range(1, 41)]
WEB = {"protocol": "tcp", "ports": 443, "cidrs": NETWORKS}
SAME = {"protocol": "tcp", "ports": "443-0443", "cidrs": NETWORKS[:30]}  # the spec's checks refuse it beside WEB
DNS = {"protocol": "udp", "ports": 53, "cidrs": NETWORKS}


@pytest.mark.parametrize(
    ("sections", "hosts", "vms"),
    [
        ({}, 3 + 1 + 1, 1),
        ({"hosts": {"count": 57}}, 57 + 1 + 1, 1),
        ({"hosts": {"count": 2, "retired": [0]}, "ssh": {"from": NETWORKS}}, 2 + 40 + 1, 1),
        ({"hosts": {"address": "private"}}, 1 + 1, 1),
        ({"opennebula": {"vnc_from": NETWORKS}}, 3 + 1 + 40 + 1, 1),
        ({"public_network": {"security_group": {"ingress": [WEB, DNS]}}}, 3 + 1 + 1, 80),
        ({"public_network": {"security_group": {"ingress": [WEB, SAME]}}}, 3 + 1 + 1, 40),
    ],
)
def test_ingress_rules(sections: dict[str, Any], hosts: int, vms: int) -> None:
    spec = make_spec(**sections)
    counts = rule_counts(spec)
    assert (counts["hosts", "ingress"], counts["vms", "ingress"]) == (hosts, vms)
    variables = make_variables(spec, first_inputs(spec), "")
    assert len([rule for rule in variables.vm_rules.values() if rule.direction == "ingress"]) == vms


def test_the_fullest_group_counts() -> None:
    counts = {("hosts", "ingress"): 61, ("hosts", "egress"): 1, ("vms", "ingress"): 40, ("vms", "egress"): 1}
    assert judge_rules(61, counts).verdict is Verdict.OK
    finding = judge_rules(60, counts)
    assert finding.verdict is Verdict.FAILURE
    assert finding.text == "61 of 60 in the group hosts, ingress: 1 too many"
    assert finding.advice.startswith("lower hosts.count or name larger networks in ssh.from, or raise the quota L-0EA8")
    assert finding.advice.endswith("to 61 or more")


@pytest.mark.parametrize(
    ("count", "limit", "verdict"),
    [
        (58, 60, Verdict.OK),
        (59, 60, Verdict.FAILURE),
        (59, 200, Verdict.OK),
        (58, None, Verdict.OK),
        (59, None, Verdict.WARNING),
    ],
)
def test_a_quota_that_may_not_be_read_is_the_default(count: int, limit: int | None, verdict: Verdict) -> None:
    spec = make_spec(hosts={"count": count})
    aws = Scripted(spec)
    aws.caller()
    if limit is None:
        aws.refuse("service-quotas", "get_service_quota", "AccessDeniedException")
    else:
        aws.value("get_service_quota", RULES, limit)
    _, finding, ssh = AwsPreflight(spec, aws.clients, AwsLookups(spec, aws.clients), None).about([Topic.RULES])
    assert (ssh.check, ssh.verdict) == ("ssh.from", Verdict.WARNING)  # what a plan with new rules shows, too
    assert finding.verdict is verdict
    aws.done()
