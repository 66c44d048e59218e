"""The report in a real browser: accessible, on a phone and a screen, in light and dark, and without any request."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edgewrap.cli.views.picture import Format, draw
from edgewrap.cli.views.report import report_page
from edgewrap.engine.picture import picture_of
from tests.support.browser import Browser, browser
from tests.support.reports import all_reports, broken_report, broken_status

WIDTHS, SCHEMES = (390, 1020, 1280), ("light", "dark")
LOOKS = [(width, scheme) for width in WIDTHS for scheme in SCHEMES]


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("browser") / "profile") as driven:
        yield driven


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One broken cluster, and several of all kinds."""
    directory = tmp_path_factory.mktemp("pages")
    pages = {"one": directory / "one.html", "several": directory / "several.html"}
    pages["one"].write_text(report_page((broken_report(),)), encoding="utf-8")
    pages["several"].write_text(report_page(all_reports()), encoding="utf-8")
    return pages


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
@pytest.mark.parametrize("name", ["one", "several"])
def test_the_page_is_accessible_and_fits(
    chromium: Browser, pages: dict[str, Path], name: str, width: int, scheme: str
) -> None:
    chromium.open(pages[name], width=width, scheme=scheme)
    assert chromium.violations() == []
    assert chromium.run("document.documentElement.scrollWidth") <= width
    wide, narrow = (
        chromium.run(f"[...document.querySelectorAll('.{kind}')].some(one => one.checkVisibility())")
        for kind in ("wide", "narrow")
    )
    assert (wide, narrow) == (width > 1000, width <= 1000)


def test_the_page_asks_for_nothing_and_may_not(chromium: Browser, pages: dict[str, Path]) -> None:
    chromium.open(pages["several"], width=1280, scheme="light")
    own = pages["several"].resolve().as_uri()
    assert {url for url in chromium.requests if not url.startswith("data:")} == {own}
    assert chromium.run("document.scripts.length") == 0
    image = pages["several"].with_name("image.svg")
    image.write_text(draw(picture_of(broken_status()), Format.SVG), encoding="utf-8")
    load = "new Promise(done => { const image = new Image(); image.onerror = () => done(false); "
    load += f"image.onload = () => done(true); image.src = '{image.resolve().as_uri()}' }})"
    assert chromium.run(load) is False
    bare = pages["several"].with_name("bare.html")  # without the policy it would be loaded
    bare.write_text("<!DOCTYPE html>", encoding="utf-8")
    chromium.open(bare, width=1280, scheme="light")
    assert chromium.run(load) is True


def test_every_link_and_fold_is_reached_by_keyboard(chromium: Browser, pages: dict[str, Path]) -> None:
    chromium.open(pages["several"], width=1280, scheme="light")
    wanted = chromium.run("document.querySelectorAll('a[href], summary').length")
    names = []
    for _ in range(wanted):
        chromium.press("Tab")
        names.append(chromium.run("document.activeElement.getAttribute('href') ?? document.activeElement.textContent"))
        outline = chromium.run("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid", names[-1]
    assert names[0] == "#main"
    assert {f"#cluster-{number}" for number in range(1, len(all_reports()) + 1)} <= set(names)
    assert len(names) == wanted


def test_the_skip_link_leads_to_the_content(chromium: Browser, pages: dict[str, Path]) -> None:
    chromium.open(pages["one"], width=390, scheme="light")
    chromium.press("Tab")
    assert chromium.run("document.activeElement.getBoundingClientRect().left") >= 0
    chromium.press("Enter")
    assert chromium.run("document.activeElement.id") == "main"


def test_a_picture_alone_is_shown_whole(chromium: Browser, tmp_path: Path) -> None:
    """As a file: it is valid XML, and no text leaves its card."""
    file = tmp_path / "edge.svg"
    file.write_text(draw(picture_of(broken_status()), Format.SVG), encoding="utf-8")
    chromium.open(file, width=1500, scheme="dark")
    assert chromium.run("document.documentElement.tagName") == "svg"
    script = (
        "[...document.querySelectorAll('svg > svg')].flatMap(card => [...card.querySelectorAll('text')].filter(text => "
        "text.getBBox().x + text.getBBox().width > card.width.baseVal.value).map(text => text.textContent))"
    )
    assert chromium.run(script) == []
