"""Clusters as one HTML page that needs nothing else: no script, no font, no picture from elsewhere.

page.py             what the page shows, section by section (pure)
report.html.j2      its HTML; report.css its style
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgewrap.engine.report import ClusterReport


def report_page(reports: Sequence[ClusterReport]) -> str:
    """The page about these clusters, with an overview if there are several."""
    from pathlib import Path

    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    from edgewrap import __version__
    from edgewrap.cli.views.report.page import MOST_OPEN, section, title
    from edgewrap.safe_text import safe

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    sections = [section(number, report) for number, report in enumerate(safe(tuple(reports)), 1)]
    css = Markup((Path(__file__).parent / "report.css").read_text(encoding="utf-8"))  # noqa: S704 - ours
    template = environment.get_template("report.html.j2")
    texts = {"title": title(sections), "css": css, "version": __version__, "most_open": MOST_OPEN}
    return template.render(sections=sections, **texts)
