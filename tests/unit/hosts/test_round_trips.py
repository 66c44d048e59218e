"""How often a run connects to a host, and how many scripts it sends: the host is a list of recorded answers."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from types import SimpleNamespace

import pytest

from edgewrap.errors import PlanOutdatedError
from edgewrap.events import discard
from edgewrap.hosts.desired import desired_hosts
from edgewrap.hosts.plane import HostsPlan, HostsPlane, Observation
from edgewrap.hosts.render.files import host_files, script
from edgewrap.hosts.rollback import CONFIRM
from edgewrap.hosts.ssh import sessions
from edgewrap.hosts.ssh.sessions import CommandResult, HostSession
from edgewrap.outputs import HostPin
from edgewrap.plane import Context
from tests.unit.hosts.recorded import DATA, outputs, spec

CONTEXT = Context(replace(outputs(), hosts={"host-0": outputs().hosts["host-0"]}))
FILES = "".join(
    f"{file.row.mode} {file.row.owner} {file.sha256} {file.path}\n"
    for file in host_files(desired_hosts(spec(), CONTEXT.known_outputs)("host-0"))
)
BARE = (DATA / "bare.txt").read_text()
ENTRY = (DATA / "entry.txt").read_text()
CONVERGED = re.sub(r"(?s)(##edgewrap:section files\n).*?(?=\n##)", lambda found: found[1] + FILES, ENTRY)
FACTS = script("facts.sh")
OBSERVE = ["connect", "facts"]
CONVERGE = ["change", "connect", "confirm and facts"]


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """What is done to host-0 (`done`), and what it is (`text`): as it should be after a change."""
    host = SimpleNamespace(done=[], text=BARE)

    async def connect(session: HostSession, _wait_s: float) -> None:
        host.done.append("connect")
        session.pin = HostPin("i-0", "ssh-ed25519 AAAA")
        session.connection = SimpleNamespace(is_closed=lambda: False)  # type: ignore[assignment]

    async def run_as_root(_session: HostSession, text: str, _timeout_s: float) -> CommandResult:
        kinds = {"change": 'rollback.sh" arm' in text, "confirm": CONFIRM in text, "facts": FACTS in text}
        host.done.append(" and ".join(kind for kind, is_it in kinds.items() if is_it))
        if kinds["change"]:
            host.text = CONVERGED
        return CommandResult(0, host.text, "")

    @asynccontextmanager
    async def credentials(_path: object) -> AsyncIterator[list[object]]:
        yield []

    monkeypatch.setattr(HostSession, "connect", connect)
    monkeypatch.setattr(HostSession, "run_as_root", run_as_root)
    monkeypatch.setattr(sessions, "credentials", credentials)
    return host


def seen(plane: HostsPlane) -> HostsPlan:
    """The plan of what is seen now."""
    return plane.plan(plane.observe(CONTEXT), CONTEXT)


def new(plane: HostsPlane) -> HostsPlan:
    """The plan of a host that does not exist yet."""
    plan = plane.plan(Observation(), CONTEXT)
    assert plan.unread
    return plan


@pytest.mark.parametrize(
    ("plan_of", "before", "done"),
    [
        (seen, BARE, [*OBSERVE, *OBSERVE, *CONVERGE]),
        (seen, CONVERGED, [*OBSERVE, *OBSERVE]),
        (new, BARE, [*OBSERVE, *CONVERGE]),
        (new, CONVERGED, OBSERVE),
    ],
    ids=["everything", "nothing", "new", "new, but as it should be"],
)
def test_one_round_trip_to_observe_and_one_to_converge(
    host: SimpleNamespace, plan_of: Callable[[HostsPlane], HostsPlan], before: str, done: list[str]
) -> None:
    """The plan looks, and apply looks again. A change is confirmed, and its result read, over one new connection."""
    host.text = before
    plane = HostsPlane(spec(), discard)
    result = plane.apply(plan_of(plane), CONTEXT)
    assert host.done == done
    assert not result.failures
    assert plane.reports(result, CONTEXT)["host-0"].ready


def test_more_than_was_planned_ends_it_after_the_look(host: SimpleNamespace) -> None:
    host.text = CONVERGED
    plane = HostsPlane(spec(), discard)
    plan = seen(plane)
    host.text = BARE
    with pytest.raises(PlanOutdatedError):
        plane.apply(plan, CONTEXT)
    assert host.done == [*OBSERVE, *OBSERVE]
