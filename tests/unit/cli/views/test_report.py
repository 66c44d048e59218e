"""The report's page: complete, escaped, and usable without a script."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgewrap.change import Action, Change, PlaneName
from edgewrap.cli.views.report import report_page
from edgewrap.engine.report import ClusterReport, ReportedError
from edgewrap.finding import Finding, Verdict
from edgewrap.secrets import forget_all, remember
from tests.support.reports import HOSTILE, TIME, all_reports, broken_report, broken_status, cluster_status, report_of

VOID = {"meta", "link"}
NOTHING = "Nothing: no check has found a problem."
ALLOWED = {
    *(
        "html",
        "head",
        "meta",
        "link",
        "title",
        "style",
        "body",
        "header",
        "main",
        "footer",
        "nav",
        "section",
        "div",
        "p",
    ),
    *("a", "h1", "h2", "h3", "time", "span", "strong", "ul", "li", "dl", "dt", "dd", "details", "summary"),
    *("table", "caption", "thead", "tbody", "tr", "th", "td", "svg", "desc", "rect", "text", "path"),
}


@dataclass
class Page(HTMLParser):
    """What a page has: its elements with their attributes, its text, and whether all of them are closed in order."""

    elements: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, html: str) -> Page:
        page = cls()
        HTMLParser.__init__(page)
        page.feed(html)
        page.close()
        assert page.open == []
        return page

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def attributes(self, name: str) -> list[str]:
        return [value for _, attributes in self.elements if (value := attributes.get(name)) is not None]


def test_one_cluster_has_no_overview() -> None:
    page = Page.of(report_page((report_of(cluster_status()),)))
    assert "edge-paris: works" in page.text
    assert NOTHING in page.text
    assert "Nothing: the cluster is what the spec says." in page.text
    assert "nav" not in {tag for tag, _ in page.elements}


def test_a_broken_cluster_says_what_is_wrong_and_what_to_do() -> None:
    page = Page.of(report_page((broken_report(),)))
    for words in (
        "edge-oslo: could not be read in whole",
        "Broken: host-1: no SSH connection to 203.0.113.11",
        "Cause: its instance i-0a1b2c3d4e5f67891 is stopped",
        "What to do: start it in EC2",
        "host-2: its file system / is 93 % full",
        "What to do: remove files there",
        "Broken: host-2: its configuration differs from the spec",
        "✗ its entry host host-1 does not work: its instance is stopped",
        "Broken: VM 77 batch: its state is boot failure",
        "type: 'c5.metal' -> 'm5.metal'",
        "+ two",
        "hosts: 2 to update on those that were read; not read: host-1",
        "✗ stopped",
        "host-2 ~ update file etc/hosts",
        HOSTILE,
    ):
        assert words in page.text


def test_several_clusters_have_an_overview_with_links() -> None:
    reports = all_reports()
    page = Page.of(report_page(reports))
    assert "6 edge clusters: 3 need attention" in page.text
    ids = page.attributes("id")
    assert len(ids) == len(set(ids))
    links = [link for link in page.attributes("href") if link != "data:,"]
    assert {link.removeprefix("#") for link in links} <= set(ids)
    assert [link for link in links if link.startswith("#cluster-")] == [f"#cluster-{n}" for n in range(1, 7)]
    assert "not applied yet" in page.text


def test_the_page_needs_nothing_else() -> None:
    html = report_page(all_reports())
    page = Page.of(html)
    assert {tag for tag, _ in page.elements} <= ALLOWED
    assert all(link.startswith(("#", "data:")) for link in page.attributes("href"))
    assert not page.attributes("src")
    assert not page.attributes("style")
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in page.attributes("content")
    assert "url(" not in html
    assert "@import" not in html


@pytest.mark.parametrize(
    ("report", "result", "changes"),
    [
        (ClusterReport("new", TIME, changes=()), "not applied yet", "nothing to do"),
        (ClusterReport("lost", TIME, errors=(ReportedError("x", "y", "z"),)), "could not be read in whole", "unknown"),
        (report_of(broken_status()), "BROKEN: 4", "nothing to do"),
        (
            replace(
                report_of(cluster_status("warned")),
                findings=(Finding(None, "quota", Verdict.UNKNOWN, "AWS returned no value", "look"),),
            ),
            "warnings: 1",
            "nothing to do",
        ),
    ],
)
def test_the_result_in_words(report: ClusterReport, result: str, changes: str) -> None:
    text = Page.of(report_page((report,))).text
    assert f"Result {result}" in text
    assert f"An apply would change {changes}" in text


def test_secrets_are_hidden() -> None:
    remember("hunter2-hunter2")
    try:
        assert "hunter2" not in report_page(
            (ClusterReport("a", TIME, errors=(ReportedError("hunter2-hunter2", "", ""),)),)
        )
    finally:
        forget_all()


TEXT = st.one_of(
    st.text(), st.sampled_from([HOSTILE, "</style><script>", "{{ 7 * 7 }}", "<!--", "&lt;b>", "' onload='x"])
)


@settings(max_examples=25)
@given(TEXT, TEXT, TEXT)
def test_no_text_breaks_out_of_the_page(one: str, other: str, third: str) -> None:
    status = broken_status()
    status = replace(
        status, name=one, vpc_id=other, vms=tuple(replace(vm, name=third, state=other) for vm in status.vms)
    )
    change = Change(PlaneName.AWS, one, other, Action.UPDATE, {third: one}, {third: other}, third)
    finding = Finding(None, other, Verdict.WARNING, one, third)
    error = ReportedError(one, other, third, (other,))
    report = ClusterReport(one, TIME, status, (change,), (third,), (finding,), (error,))
    plain, page = Page.of(report_page((broken_report(),) * 2)), Page.of(report_page((report,) * 2))
    assert {tag for tag, _ in page.elements} <= ALLOWED
    names = {name for _, attributes in page.elements for name in attributes}
    assert names == {name for _, attributes in plain.elements for name in attributes}
