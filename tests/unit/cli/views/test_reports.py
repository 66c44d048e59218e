"""The reports for GitLab: counts of a plan, and the findings of a preflight as JUnit XML."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewrap.change import Action, Change, PlaneName
from edgewrap.cli.views.reports import junit_report, terraform_report
from edgewrap.finding import Finding, Verdict


@pytest.mark.parametrize(
    ("actions", "counts"),
    [
        ([], (0, 0, 0)),
        ([Action.CREATE, Action.CREATE, Action.UPDATE], (2, 1, 0)),
        ([Action.REPLACE], (1, 0, 1)),
        ([Action.DELETE, Action.ADOPT], (0, 0, 1)),
    ],
)
def test_the_counts_of_all_planes(actions: list[Action], counts: tuple[int, int, int]) -> None:
    changes = [Change(PlaneName.HOSTS, "route", f"host-0/{number}", one) for number, one in enumerate(actions)]
    report = json.loads(terraform_report(changes))
    assert report == dict(zip(("create", "update", "delete"), counts, strict=True))


def test_each_check_is_a_test_case() -> None:
    suite = ElementTree.fromstring(  # noqa: S314 - our own
        junit_report(
            "edge",
            [
                Finding(None, "terraform", Verdict.OK, "version 1"),
                Finding(PlaneName.AWS, "Elastic IPs", Verdict.FAILURE, "5 of 5 are used", "ask for more"),
                Finding(PlaneName.AWS, "VPCs", Verdict.UNKNOWN, "no permission", "allow it"),
                Finding(PlaneName.HOSTS, "front-end", Verdict.WARNING, "slow", "wait"),
                Finding(PlaneName.HOSTS, "front-end", Verdict.WARNING, "far", "wait"),
            ],
        )
    )[0]
    assert suite.attrib == {
        "name": "edgewrap preflight: edge",
        "tests": "5",
        "errors": "0",
        "failures": "1",
        "skipped": "1",
    }
    assert [
        (case.get("classname"), case.get("name"), case[0].tag, case[0].get("message"), case[0].text) for case in suite
    ] == [
        ("this machine", "terraform", "system-out", None, "ok: version 1"),
        ("aws", "Elastic IPs", "failure", "5 of 5 are used", "5 of 5 are used\nask for more"),
        ("aws", "VPCs", "skipped", "no permission", "no permission\nallow it"),
        ("hosts", "front-end", "system-out", None, "warning: slow\nwait"),
        ("hosts", "front-end (2)", "system-out", None, "warning: far\nwait"),
    ]


@given(st.text(st.characters()), st.sampled_from(Verdict))
def test_any_text_makes_a_well_formed_report(text: str, verdict: Verdict) -> None:
    report = junit_report("edge", [Finding(PlaneName.AWS, text, verdict, text, text)])
    assert len(ElementTree.fromstring(report.encode())[0]) == 1  # noqa: S314 - our own
