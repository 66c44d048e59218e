"""How a run is shown: live on a terminal, one line an event without one, NDJSON with `--json`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Protocol, Self

from edgewrap.change import Change, PlaneName
from edgewrap.errors import EdgewrapError
from edgewrap.events import Event


class View(Protocol):
    """What every command of a run needs to show."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def event(self, event: Event) -> None:
        """Show one event; called from several threads."""

    def changes(self, changes: Sequence[Change], planes: Sequence[PlaneName]) -> None:
        """Show the plan of the planes that the run is about."""

    def message(self, text: str) -> None:
        """Show one sentence of the run itself."""

    def failure(self, error: EdgewrapError) -> None:
        """Show an error that did not end the run by itself."""


def choose_view(*, json: bool) -> View:
    """NDJSON where asked for, live where standard output is a terminal, else lines."""
    if json:
        from edgewrap.cli.views.ndjson import NdjsonView

        return NdjsonView(sys.stdout)
    if sys.stdout.isatty():
        from edgewrap.cli.views.live import LiveView

        return LiveView()
    from edgewrap.cli.views.lines import LinesView

    return LinesView(sys.stdout)
