"""One page about several clusters, made from the JSON of their own runs."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from edgewrap.cli.many import ClusterRun
from edgewrap.cli.report import write_report_of_several
from tests.support.reports import all_reports


def test_a_page_of_several_clusters_has_those_without_a_report(tmp_path: Path) -> None:
    reports = all_reports()
    runs = [ClusterRun(one.name, 0, 1.0, (json.loads(json.dumps(asdict(one))),)) for one in reports]
    failed = ClusterRun("edge-broken", 1, 1.0, ({"type": "error"},), errors=("Error: no such field", "  Cause: a typo"))
    page = tmp_path / "report.html"
    write_report_of_several((*runs, failed), page)
    text = page.read_text(encoding="utf-8")
    assert f"{len(reports) + 1} edge clusters" in text
    for name in (*(one.name for one in reports), "edge-broken"):
        assert f">{name}<" in text
    assert "no such field" in text
    assert "a typo" in text
