"""A plan as Markdown: a heading to find it by, counts, folded details, and never more than GitHub takes."""

from __future__ import annotations

from edgewrap.change import Action, Change, PlaneName
from edgewrap.cli.views.markdown import LONGEST, plan_markdown

PLANES = tuple(PlaneName)


def changes(plane: PlaneName, count: int, value: str = "x") -> list[Change]:
    return [
        Change(plane, "route", f"host-{number}/r", Action.UPDATE, {"dev": "a"}, {"dev": f"{number}{value}"}, "```")
        for number in range(count)
    ]


def test_counts_and_folded_details() -> None:
    new = Change(PlaneName.AWS, "elastic ip", "eip-0", Action.CREATE)
    lines = plan_markdown("edge", [new, *changes(PlaneName.HOSTS, 1)], PLANES).splitlines()
    assert lines[0] == "### edgewrap plan: edge"
    assert lines[2:7] == [
        "| plane | to create | to update | changes |",
        "|---|---:|---:|---:|",
        "| aws | 1 | 0 | 1 |",
        "| opennebula | 0 | 0 | 0 |",
        "| hosts | 0 | 1 | 1 |",
    ]
    assert "+ elastic ip eip-0" in lines
    assert "    route r  (''')" in lines, "what a change says does not end the block"
    assert lines.count("```text") == lines.count("```") == lines.count("</details>") == 2


def test_a_plan_of_300_long_changes_stays_within_the_limit() -> None:
    text = plan_markdown("edge", [one for plane in PLANES for one in changes(plane, 300, "v" * 500)], PLANES)
    assert 40_000 < len(text) <= LONGEST
    assert text.count(" more; `edgewrap show` lists them") == 3
    assert text.count("```text") == text.count("</details>") == 3


def test_a_plan_without_changes() -> None:
    assert plan_markdown("edge", [], PLANES).endswith("\nNo changes.\n")


def test_a_plan_that_is_not_complete_says_so() -> None:
    text = plan_markdown("edge", [], PLANES, unread=[f"host-{number}" for number in range(40)])
    assert "**Not complete**: `host-0`, `host-1`," in text
    assert "and 20 more could not be read" in text
