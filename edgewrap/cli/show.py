"""`edgewrap show`: a saved plan, as text, JSON or Markdown."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgewrap.cli import options
from edgewrap.paths import expanded


def show(
    plan: Annotated[
        Path, typer.Argument(metavar="PLAN", parser=expanded, help="A plan that `edgewrap plan --out` has saved.")
    ],
    json: options.Json = False,
    markdown: options.Markdown = False,
    details: options.Details = False,
) -> int:
    """Show a saved plan. Needs no network and no credentials."""
    from edgewrap.cli.views import ShownPlan, choose_view, print_json, print_line
    from edgewrap.engine.plan_file import read_plan

    options.require_one_format(json=json, markdown=markdown)
    saved = read_plan(plan)
    if json:
        print_json(saved.model_dump(mode="json"))
        return 0
    if not markdown:
        print_line(f"{saved.cluster}: planned {saved.created} by edgewrap {saved.edgewrap}")
    with choose_view(json=False, markdown=markdown, details=details) as view:
        view.changes(ShownPlan(saved.cluster, saved.planes, saved.changes))
    return 0
