"""Several clusters in one view: what each one's run printed, the summary, and Markdown of limited length."""

from __future__ import annotations

from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewrap.change import Action, Change, PlaneName
from edgewrap.cli.documents.lines import Summary
from edgewrap.cli.many import ClusterRun
from edgewrap.cli.views.many import (
    error_lines,
    section,
    shown_plan,
    summarise,
    summary_lines,
    summary_markdown,
)
from edgewrap.cli.views.markdown import LONGEST
from edgewrap.safe_text import safe_line
from edgewrap.secrets import redact

AWS = Change(PlaneName.AWS, "vpc", "vpc", Action.CREATE)
HOST = Change(PlaneName.HOSTS, "file", "host-0/file//etc/x", Action.UPDATE, {"text": "a"}, {"text": "b"}, "changed")


def planned(*changes: Change, planes: tuple[str, ...] = ("aws", "hosts"), unread: tuple[str, ...] = ()) -> list[object]:
    """The objects of a plan, as a child prints them."""
    ends = {
        "type": "plan",
        "cluster": "x",
        "changes": len(changes),
        "unread": unread,
        "planes": dict.fromkeys(planes, ""),
    }
    return [*({"v": 1, "time": "t", "type": "change", **asdict(change)} for change in changes), ends]


def error(what: str) -> dict[str, object]:
    return {"type": "error", "kind": "HostError", "what": what, "cause": "c", "advice": "a", "exit_code": 1}


def ended(*objects: object, code: int = 0, name: str = "paris", **more: object) -> ClusterRun:
    return ClusterRun(name, code, 12.3, objects, **more)  # type: ignore[arg-type]


def test_the_plan_is_read_back_with_all_that_it_said() -> None:
    plan = shown_plan(ended({"type": "event"}, *planned(AWS, HOST, unread=("host-1",))))
    assert plan is not None
    assert (plan.cluster, plan.changes, plan.unread) == ("paris", (AWS, HOST), ("host-1",))
    assert plan.planes == (PlaneName.AWS, PlaneName.HOSTS)


def test_of_two_plans_the_last_one_counts() -> None:
    """`apply --on-stale replan` shows a second one."""
    plan = shown_plan(ended(*planned(AWS), error("stale"), *planned(HOST)))
    assert plan is not None
    assert plan.changes == (HOST,)


@pytest.mark.parametrize(
    "objects", [(), ({"hosts": []},), ([1],), ("198.51.100.7",), ({"type": "message", "text": ""},)]
)
def test_a_document_is_not_a_plan(objects: tuple[object, ...]) -> None:
    assert shown_plan(ended(*objects)) is None


def test_a_section_has_the_plan_then_the_messages() -> None:
    run = ended({"type": "message", "text": "one"}, *planned(HOST), {"type": "message", "text": "two"})
    plan = [
        "aws: nothing to do",
        "hosts: 1 to update",
        "  ~ host-0  (file /etc/x)",
        "      file /etc/x  (changed)",
        "        text: 'a' -> 'b'",
    ]
    assert [*section(run)] == [*plan, "one", "two"]
    assert [*section(run, messages=False)] == plan
    assert [*section(run, plan=False)] == ["one", "two"]


def test_an_error_that_ended_the_run_is_shown_once() -> None:
    last = ("Error: b", "  Cause: c")
    both = ended(error("one\ntwo"), error("b"), code=1, errors=last)
    first = ["Error: one", "two", "  Cause: c", "  What to do: a"]
    assert [*error_lines(both)] == [*first, *last]
    assert [*error_lines(ended(error("one\ntwo")))] == first


def summary() -> tuple[Summary, list[ClusterRun]]:
    runs = [
        ended(*planned(AWS, AWS, HOST)),
        ended(code=130, name="a-long-name"),
        ended(*planned(HOST), name="oslo", code=3),
    ]
    return summarise("apply", 130, runs), runs


def test_the_summary_counts_actions_for_each_plane() -> None:
    assert [*summary_lines(summary()[0])] == [
        "cluster      result          aws  hosts  seconds",
        "paris        ok              +2   ~1     12",
        "a-long-name  interrupted     -    -      12",
        "oslo         partly applied  0    ~1     12",
    ]


def test_without_plans_there_are_no_columns_for_planes() -> None:
    assert [*summary_lines(summarise("status", 0, [ended(text=("x",))]))] == [
        "cluster  result  seconds",
        "paris    ok      12",
    ]


@pytest.mark.parametrize("clusters", [2, 20, 300, 2000])
def test_markdown_of_many_clusters_stays_within_the_limit(clusters: int) -> None:
    many = [
        Change(PlaneName.AWS, "elastic ip", f"eip-{i}", Action.UPDATE, {"t": "a"}, {"t": "b" * 50})
        for i in range(min(300, 6000 // clusters))
    ]
    runs = [ended(*planned(*many), name=f"edge-{number}") for number in range(clusters)]
    text = summary_markdown(summarise("plan", 0, runs), runs)
    assert LONGEST // 2 < len(text) <= LONGEST
    assert text.startswith("### edgewrap plan: several clusters\n")
    assert text.count("```text") == text.count("</details>")
    if clusters == 20:
        assert text.count("### edgewrap plan: edge-") == 20


def test_markdown_that_the_clusters_printed_is_kept_or_left_out_as_a_whole() -> None:
    runs = [ended(name=str(number), text=(f"### edgewrap drift: {number}", "x" * 25_000)) for number in range(4)]
    lines = summary_markdown(summarise("drift", 0, runs), runs).splitlines()
    assert [one for one in lines if one.startswith("### edgewrap drift: ")][1:] == [
        f"### edgewrap drift: {i}" for i in (0, 1)
    ]
    assert lines[-1] == "… 2 more clusters; `edgewrap drift` without `--markdown` shows them"


@given(st.lists(st.one_of(st.text(), st.sampled_from(["::error::x", "##[e]", "#[", "https://a:b@c/?d", "\n", ":"]))))
def test_a_text_that_is_safe_is_not_escaped_again(parts: list[str]) -> None:
    """What a cluster's process has made safe passes the gate again in its parent."""
    once = safe_line("".join(parts))
    assert safe_line(once) == redact(once)
