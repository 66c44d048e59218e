"""Whether a quota is large enough for new resources, and which quota an instance type counts in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewrap.aws.preflight.quotas import ELASTIC_IPS, Demand, check_quota, vcpu_quota
from edgewrap.finding import Verdict

CASES = [
    (5, Demand(used=0, adding=4), Verdict.OK, "0 of 5 in use, 4 to add, 1 left after that"),
    (5, Demand(used=1, adding=4), Verdict.OK, "1 of 5 in use, 4 to add, 0 left after that"),
    (5, Demand(used=2, adding=4), Verdict.FAILURE, "2 of 5 in use, 4 to add: 1 too many"),
    (
        5,
        Demand(used=5, adding=1, removing=1),
        Verdict.WARNING,
        "5 of 5 in use, 1 to add, 1 too many until 1 are removed",
    ),
    (5, Demand(used=5, adding=3, removing=1), Verdict.FAILURE, "5 of 5 in use, 3 to add: 2 too many"),
    (5, Demand(used=9, adding=0), Verdict.OK, "9 of 5 in use, 0 to add"),
]


@pytest.mark.parametrize(("limit", "demand", "verdict", "text"), CASES)
def test_requested_against_remaining_quota(limit: int, demand: Demand, verdict: Verdict, text: str) -> None:
    finding = check_quota(ELASTIC_IPS, limit, demand, "or release some")
    assert (finding.verdict, finding.text) == (verdict, text)
    assert bool(finding.advice) == (verdict is not Verdict.OK)


def test_a_failure_says_the_quota_to_request() -> None:
    advice = check_quota(ELASTIC_IPS, 5, Demand(used=4, adding=3, removing=1), "or release some").advice
    assert advice == "raise the quota L-0263D0A3 in Service Quotas to 7 or more, or release some"


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50), st.integers(0, 50))
def test_a_quota_raised_as_advised_is_large_enough(limit: int, used: int, comes: int, goes: int) -> None:
    demand = Demand(used, comes, min(goes, used))
    if check_quota(ELASTIC_IPS, limit, demand, "").verdict is Verdict.FAILURE:
        raised = used + comes
        assert raised > limit
        assert check_quota(ELASTIC_IPS, raised, demand, "").verdict is Verdict.OK


@pytest.mark.parametrize(
    ("instance_type", "code"),
    [
        ("c5.metal", "L-1216C47A"),
        ("m7i.metal-24xl", "L-1216C47A"),
        ("im4gn.16xlarge", "L-1216C47A"),
        ("g4dn.metal", "L-DB2E81BA"),
        ("x2iezn.metal", "L-7295265B"),
        ("u-6tb1.metal", "L-43DA4232"),
        ("mac2.metal", None),
    ],
)
def test_the_quota_of_a_family(instance_type: str, code: str | None) -> None:
    quota = vcpu_quota(instance_type)
    assert (quota.code if quota else None) == code
