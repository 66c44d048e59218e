"""Texts from anywhere, with secrets in them, in every view: nothing but printable lines, and no secret."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from rich.console import Console

from edgewrap.change import Action, Change, PlaneName
from edgewrap.cli.views import ShownPlan, View, print_event, print_json, print_line, print_log
from edgewrap.cli.views.lines import LinesView
from edgewrap.cli.views.live import LiveView
from edgewrap.cli.views.ndjson import NdjsonView
from edgewrap.cli.views.preflight import print_findings
from edgewrap.cli.views.status import print_status
from edgewrap.engine.lock.force_unlock import StaleLock
from edgewrap.engine.lock.info import LockInfo, locked
from edgewrap.engine.log_file import Journal
from edgewrap.engine.status import ClusterStatus, EipStatus, HostStatus
from edgewrap.errors import (
    Diagnostic,
    EdgewrapError,
    HostError,
    InternalError,
    InUseError,
    PartlyAppliedError,
    PreflightError,
    Problem,
    RefusedChangeError,
    SpecError,
    TerraformError,
)
from edgewrap.events import Event, EventKind
from edgewrap.finding import Finding, Verdict
from edgewrap.safe_text import one_line
from edgewrap.secrets import remember
from tests.support.documents import check_line

SECRET = "s3cr3t'\"%\u2028\x1b word-7"
FORGED = [
    "\nopennebula: nothing to do\n",
    "\n::error::x",
    "##vso[task.complete]",
    "[red]x[/]",
    "[link=http://x]y",
    "\r",
]
TEXT = st.lists(
    st.one_of(st.text(), st.just(SECRET), st.just(repr(SECRET)), st.just(json.dumps(SECRET)), st.sampled_from(FORGED))
).map("".join)
EVENTS = st.builds(Event, st.sampled_from(EventKind), st.none() | st.sampled_from(PlaneName), TEXT, TEXT)
CHANGES = st.lists(
    st.builds(
        Change,
        st.sampled_from(PlaneName),
        TEXT,
        TEXT,
        st.sampled_from(Action),
        st.dictionaries(TEXT, TEXT, max_size=2),
        st.dictionaries(TEXT, TEXT, max_size=2),
        TEXT,
    ),
    max_size=3,
)
FINDINGS = st.lists(
    st.builds(Finding, st.none() | st.sampled_from(PlaneName), TEXT, st.sampled_from(Verdict), TEXT, TEXT), max_size=3
)
PATHS = TEXT.map(Path)
LOCKS = st.builds(LockInfo, TEXT, TEXT, TEXT, st.integers(2**22, 2**23), TEXT, TEXT)


def unexpected(text: str) -> InternalError:
    """The error for a bug."""
    try:
        raise ValueError(text)
    except ValueError as error:
        return InternalError.of(error, text)


@st.composite
def plain_errors(draw: st.DrawFn) -> EdgewrapError:
    """An error of any form, but for those with others in them."""
    words = {"cause": draw(TEXT), "advice": draw(TEXT)}
    make: dict[str, Callable[[], EdgewrapError]] = {
        "refused destroy": lambda: InUseError(draw(TEXT), **words),
        "host": lambda: HostError(draw(TEXT), draw(TEXT), **words),
        "refused change": lambda: RefusedChangeError([draw(TEXT), draw(TEXT)]),
        "spec": lambda: SpecError([Problem(draw(PATHS), 1, 2, draw(TEXT), draw(TEXT), draw(TEXT))]),
        "preflight": lambda: PreflightError(draw(FINDINGS)),
        "terraform": lambda: TerraformError(
            draw(TEXT), **words, diagnostics=[Diagnostic("error", draw(TEXT), draw(TEXT), draw(TEXT))]
        ),
        "locked": lambda: locked(draw(LOCKS), draw(TEXT), draw(TEXT), draw(TEXT)),
        "a bug": lambda: unexpected(draw(TEXT)),
    }
    return make[draw(st.sampled_from([*make]))]()


ERRORS = plain_errors() | st.lists(plain_errors(), max_size=2).map(
    lambda failures: PartlyAppliedError.of("partly", "apply", failures)
)


def assert_safe(shown: str) -> None:
    """Only printable lines, none that could be taken for a command, and the secret in no form."""
    assert shown.replace("\n", "").isprintable()
    assert not re.search(r"^\s*::[a-zA-Z]\w*.*::|##\w*\[", shown, re.MULTILINE)
    for form in (SECRET, one_line(SECRET), repr(SECRET)[1:-1], json.dumps(SECRET)[1:-1], "s3cr3t", "word-7"):
        assert form not in shown


def show(view: View, events: list[Event], changes: list[Change], error: EdgewrapError, text: str) -> None:
    with view:
        view.changes(ShownPlan("edge", tuple(PlaneName), tuple(changes)))
        for event in events:
            view.event(event)
        view.failure(error)
        view.message(text)


@pytest.fixture(autouse=True)
def known(no_secrets: None) -> None:
    remember(SECRET)


@given(st.lists(EVENTS, max_size=3), CHANGES, ERRORS, TEXT)
def test_lines(events: list[Event], changes: list[Change], error: EdgewrapError, text: str) -> None:
    assume(not text.startswith("opennebula: "))  # it is shown as a line of its own
    stream = io.StringIO()
    show(LinesView(stream, stream), events, changes, error, text)
    assert_safe(stream.getvalue())
    hidden = (EventKind.LOG, EventKind.STEP_STARTED)
    assert len(re.findall("^opennebula(: |   *✓)", stream.getvalue(), re.MULTILINE)) == 1 + sum(
        event.plane is PlaneName.OPENNEBULA and event.kind not in hidden for event in events
    )


@given(st.lists(EVENTS, max_size=3), CHANGES, ERRORS, TEXT)
def test_the_live_view(events: list[Event], changes: list[Change], error: EdgewrapError, text: str) -> None:
    """Its own control sequences are left out: this console is no terminal."""
    stream = io.StringIO()
    show(LiveView(Console(file=stream, width=200)), events, changes, error, text)
    assert_safe(stream.getvalue())


@given(st.lists(EVENTS, max_size=3), CHANGES, ERRORS, TEXT)
def test_ndjson(events: list[Event], changes: list[Change], error: EdgewrapError, text: str) -> None:
    stream = io.StringIO()
    show(NdjsonView(stream), events, changes, error, text)
    assert_safe(stream.getvalue())
    for line in stream.getvalue().splitlines():
        for value in texts(check_line(line)):
            assert_safe(value)


@given(st.lists(EVENTS, max_size=3), TEXT)
def test_the_log_file(tmp_path_factory: pytest.TempPathFactory, events: list[Event], text: str) -> None:
    shown: list[Event] = []
    journal = Journal(tmp_path_factory.mktemp("log"), "apply", shown.append)
    for event in events:
        journal(event)
    journal.write_traceback(unexpected(text))
    journal.write_traceback(ValueError(text))
    journal.close()
    written = journal.path.read_text()
    assert_safe(written)
    entries = [line for line in written.split("\n")[:-1] if not line.startswith("    ")]
    assert len(entries) == len(events) + 2
    assert shown == events


@given(FINDINGS, st.booleans())
def test_findings(findings: list[Finding], as_json: bool) -> None:
    assert_safe(printed(lambda: print_findings(findings, json=as_json)))


@given(
    st.builds(
        ClusterStatus,
        *[TEXT] * 4,
        st.lists(st.builds(HostStatus, *[TEXT] * 7, st.lists(TEXT, max_size=2).map(tuple)), max_size=2).map(tuple),
        st.lists(st.builds(EipStatus, *[TEXT] * 7), max_size=2).map(tuple),
    ),
    st.booleans(),
)
def test_status(status: ClusterStatus, as_json: bool) -> None:
    shown = printed(lambda: print_status(status, json=as_json))
    assert_safe(shown)
    if not as_json:
        assert shown.count("\n") == 3 + len(status.hosts) + len(status.eips)


def test_markup_in_a_name_is_shown_as_it_is() -> None:
    host = HostStatus("[red]host[/]", "i-1", ":smile:", "[link=http://x]y", "running", "ready", "ready", ())
    shown = printed(lambda: print_status(ClusterStatus("a", "b", "c", "d", (host,), ()), json=False))
    for words in ("[red]host[/]", ":smile:", "[link=http://x]y"):
        assert words in shown


@given(TEXT, EVENTS, LOCKS)
def test_single_lines(text: str, event: Event, lock: LockInfo) -> None:
    """What `output`, `logs`, `force-unlock`, `render` and the like print."""
    stale = StaleLock(None, None, object(), lock, None)  # type: ignore[arg-type]
    for act in (
        lambda: print_line(text, *stale.locks),
        lambda: print_event(event),
        lambda: print_json({text: [text]}),
        lambda: print_log(text),
    ):
        assert_safe(printed(act))


def printed(act: Callable[[], object]) -> str:
    """What an act writes to standard output or error."""
    stream = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(stream):
        patch.setattr("sys.stderr", stream)
        act()
    return stream.getvalue()


def texts(value: object) -> list[str]:
    """Every text in a JSON value."""
    if isinstance(value, dict):
        return [text for pair in value.items() for part in pair for text in texts(part)]
    if isinstance(value, list):
        return [text for part in value for text in texts(part)]
    return [value] if isinstance(value, str) else []
