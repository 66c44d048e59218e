"""Drift as text and Markdown."""

from __future__ import annotations

from edgewrap.change import Action, PlaneName, Reason
from edgewrap.cli.views.drift import markdown_lines, text_lines
from edgewrap.cli.views.markdown import LONGEST
from edgewrap.engine.drift import DriftItem, DriftReport, Unread

PLANES = tuple(PlaneName)
ITEMS = (
    DriftItem(PlaneName.AWS, "elastic ip association", "eip-1", Reason.MISSING, Action.CREATE, "deleted outside"),
    DriftItem(PlaneName.AWS, "host", "host-0", Reason.NOT_WORKING, None, "its instance is stopped", "start it"),
    DriftItem(
        PlaneName.OPENNEBULA,
        "virtual network",
        "public",
        Reason.CHANGED,
        Action.UPDATE,
        "",
        before={"MTU": "9"},
        after={"MTU": "8"},
        spec_changed=True,
    ),
)


def test_text() -> None:
    unread = Unread("host-2", "no SSH connection", "refused", "start sshd")
    assert [*text_lines(DriftReport("edge", PLANES, ITEMS, 2, (unread,), ("opennebula: host keys",)))] == [
        "aws: 1 missing, 1 not working",
        "  + elastic ip association eip-1  (deleted outside)  (drift: missing)",
        "  ! host host-0  (drift: not working)",
        "      its instance is stopped",
        "      start it",
        "opennebula: 1 changed outside",
        "  ~ virtual network public  (spec, and drift: changed outside)",
        "      MTU: '9' -> '8'",
        "hosts: no drift",
        "host-2: could not be compared: no SSH connection (refused); start sshd",
        "not compared, because the run leaves the hosts out: opennebula: host keys",
        "2 changes are from the spec, not drift: `edgewrap plan` shows them",
    ]


def test_markdown() -> None:
    lines = markdown_lines(DriftReport("edge", PLANES, ITEMS, 1, (), ("opennebula: host keys",)))
    assert lines[:11] == [
        "### edgewrap drift: edge",
        "",
        "| plane | changed outside | missing | not working | drifted |",
        "|---|---:|---:|---:|---:|",
        "| aws | 0 | 1 | 1 | 2 |",
        "| opennebula | 1 | 0 | 0 | 1 |",
        "| hosts | 0 | 0 | 0 | 0 |",
        "",
        "not compared, because the run leaves the hosts out: opennebula: host keys",
        "",
        "1 change is from the spec, not drift: `edgewrap plan` shows them",
    ]
    assert lines.count("```text") == lines.count("```") == lines.count("</details>") == 2


def test_markdown_stays_within_the_limit() -> None:
    many = tuple(
        DriftItem(plane, "host", f"host-{number}", Reason.NOT_WORKING, None, "x" * 400, "y" * 400)
        for plane in PLANES
        for number in range(100)
    )
    unread = tuple(Unread(f"host-{number}", "w" * 5000, "c", "a") for number in range(100))
    text = "\n".join(markdown_lines(DriftReport("edge", PLANES, many, 1, unread)))
    assert 40_000 < len(text) <= LONGEST
    assert text.count(" more; `edgewrap drift` lists them") == 3
