"""The state of a host's first-boot setup, and waiting for it. The host is a list of answers."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest

from edgewrap.change import Action
from edgewrap.errors import ConvergeError, HostError
from edgewrap.first_boot.files import SetupFile
from edgewrap.hosts import first_boot_wait
from edgewrap.hosts.diff.host import diff
from edgewrap.hosts.facts import HostFacts
from edgewrap.hosts.first_boot import Setup, SetupState, parse_setup
from edgewrap.hosts.first_boot_wait import read_when_set_up, wait_until_set_up
from edgewrap.hosts.render.files import script
from edgewrap.hosts.ssh.sessions import CommandResult, HostSession
from tests.unit.hosts.recorded import outputs, recorded, wanted

RUNNING = "state=running\n| edgewrap: settings\n| edgewrap: package lists\n"
FAILED = "state=failed\nreason=package lists failed with status 1\n| Get:1 x\n| E: no mirror\n| E: none at all\n"
DONE = "state=done\nversion=7.0\n| edgewrap: done\n"
FILE = SetupFile("/var/lib/edgewrap/setup.conf", "version='7.4'\n")


@dataclass
class Host:
    """Answers scripts in order, and then always with the last answer."""

    answers: list[str]
    scripts: list[str] = field(default_factory=list)
    facts: HostFacts | None = None
    reads: list[str] = field(default_factory=list)
    host = outputs().hosts["host-0"]

    async def run_as_root(self, text: str, _timeout_s: float) -> CommandResult:
        self.scripts.append(text)
        return CommandResult(0, self.answers.pop(0) if len(self.answers) > 1 else self.answers[0], "")

    async def read(self) -> HostFacts:
        return HostFacts(setup=parse_setup(self.reads.pop(0)))

    def progress(self, _text: str) -> None:
        pass


def wait(host: Host, files: Sequence[SetupFile] = (), *, first: str = RUNNING) -> list[str]:
    """The progress that apply reports while it waits; `first` is what the facts of the host say."""
    told: list[str] = []
    waited = asyncio.run(wait_until_set_up(cast("HostSession", host), parse_setup(first), files, told.append))
    assert waited == bool(host.scripts)
    return told


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_boot_wait, "POLL_S", 0)


def test_the_scripts_output_is_parsed() -> None:
    assert parse_setup("") == Setup(SetupState.ABSENT)
    assert parse_setup(DONE) == Setup(SetupState.DONE, "7.0", log=("edgewrap: done",))
    assert parse_setup(FAILED).reason == "package lists failed with status 1"
    assert parse_setup(RUNNING).step == "edgewrap: package lists"
    assert parse_setup("state=running\n| state=done\n|\n") == Setup(SetupState.RUNNING, log=("state=done",))
    for character in ("\r", "\f", "\x85", "\u2028"):
        assert parse_setup(f"state=running\n| 5%{character}state=done\n").state is SetupState.RUNNING
    assert parse_setup("state=running\n| 5%\r100%\r\n").step == "100%"
    with pytest.raises(ValueError, match="unheard of"):
        parse_setup("state=unheard of\n")


@pytest.mark.parametrize("answer", ["", DONE])
def test_a_host_that_is_set_up_or_needs_no_setup_is_not_waited_for(answer: str) -> None:
    host = Host([])
    assert wait(host, first=answer) == []
    assert host.scripts == []


@pytest.mark.parametrize(
    ("known", "files", "answers", "reads"),
    [
        (DONE, [FILE], [], []),
        (RUNNING, [FILE], [RUNNING, DONE], [DONE]),
        (None, [FILE], [DONE], [DONE]),
        (None, [FILE], [RUNNING, DONE], [DONE]),
        (None, [FILE], ["", DONE], [RUNNING, DONE]),
        (None, [], [], [""]),
        (None, [], [DONE], [RUNNING, DONE]),
    ],
    ids=["read", "read too early", "new", "new and early", "begins later", "no setup", "setup of an earlier spec"],
)
def test_a_host_is_read_once_its_setup_is_done(
    known: str | None, files: list[SetupFile], answers: list[str], reads: list[str]
) -> None:
    """No host is read, and no state of a setup, more often than these."""
    facts = HostFacts(setup=parse_setup(known)) if known is not None else None
    host, last = Host([*answers, "too many"], facts=facts, reads=reads), [known, *reads][-1]
    found = asyncio.run(read_when_set_up(cast("HostSession", host), files))
    assert found.setup == parse_setup(last or "")
    assert (host.answers, host.reads) == (["too many"], [])


def test_each_step_is_reported_once() -> None:
    unpacking = RUNNING + "| Unpacking frr\n"
    packages = unpacking + "| edgewrap: packages frr\n"
    assert wait(Host(["state=running\n", RUNNING, RUNNING, unpacking, packages, DONE])) == [
        "first-boot setup: waiting for cloud-init",
        "first-boot setup: package lists",
        "first-boot setup: packages frr",
    ]


def test_a_failure_shows_the_errors_of_the_log() -> None:
    with pytest.raises(ConvergeError) as caught:
        wait(Host([RUNNING, FAILED]))
    error = caught.value
    assert error.what == "host-0: first-boot setup failed: package lists failed with status 1"
    assert error.cause == "E: no mirror; E: none at all"
    assert "edgewrap ssh host-0" in error.advice


def test_a_failed_setup_is_restarted_with_the_current_files() -> None:
    host = Host(["", RUNNING, DONE])
    told = wait(host, [FILE], first=FAILED)
    assert told[0] == "first-boot setup failed (package lists failed with status 1); starting it again"
    assert "printf '%s' 'version='\"'\"'7.4'\"'\"'\n' >/var/lib/edgewrap/setup.conf.new" in host.scripts[0]
    assert host.scripts[0].endswith("start_setup\n")


def test_a_setup_that_fails_again_is_an_error() -> None:
    with pytest.raises(ConvergeError):
        wait(Host(["", FAILED]), first=FAILED)


def test_the_wait_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_boot_wait, "WAIT_S", -1)
    with pytest.raises(HostError, match="first-boot setup not finished") as caught:
        wait(Host([RUNNING]))
    assert "package lists" in caught.value.cause


def test_an_invalid_answer_is_an_error() -> None:
    with pytest.raises(HostError, match="cannot be read"):
        wait(Host(["state=\n"]))


@pytest.mark.parametrize(
    ("state", "changes"),
    [
        (Setup(SetupState.ABSENT), []),
        (Setup(SetupState.DONE, "7.0"), []),
        (Setup(SetupState.RUNNING), [({"state": "running"}, {"state": "done"})]),
        (Setup(SetupState.FAILED, reason="x"), [({"state": "failed", "reason": "x"}, {"state": "done"})]),
    ],
)
def test_the_plan_shows_a_setup_that_is_not_done(state: Setup, changes: list[Any]) -> None:
    operations = [one for one in diff(wanted(), replace(recorded("entry"), setup=state)) if one.block is None]
    assert [(o.change.before, o.change.after) for o in operations] == changes
    assert all((o.change.key, o.change.action) == ("host-0/setup/packages", Action.UPDATE) for o in operations)


def test_a_new_host_with_user_data_sets_itself_up() -> None:
    kinds = [operation.change.kind for operation in diff(replace(wanted(), sets_itself_up=True), HostFacts())]
    assert kinds[0] == "setup"
    assert "setup" not in [operation.change.kind for operation in diff(wanted(), HostFacts())]


LEFT = {
    "absent": ({}, ""),
    "not begun": ({"setup.sh": ""}, "state=running\n"),
    "done": ({"setup.sh": "", "setup-done": "version=7.0\nnode=x\n"}, "state=done\nversion=7.0\n"),
    "failed": (
        {"setup.sh": "", "setup-failed": "start failed\n", "setup.log": "a\nb\n"},
        "state=failed\nreason=start failed\n| a\n| b\n",
    ),
}


@pytest.mark.parametrize("name", LEFT)
def test_the_setup_state_is_read_from_the_files(name: str, tmp_path: Path) -> None:
    files, told = LEFT[name]
    for file, text in files.items():
        (tmp_path / file).write_text(text)
    assert _state(tmp_path) == told


def test_a_setup_that_holds_its_lock_is_running(tmp_path: Path) -> None:
    for file in ("setup.sh", "setup-failed"):
        (tmp_path / file).write_text("")
    with subprocess.Popen(
        ["flock", str(tmp_path / "setup.lock"), "sh", "-c", "echo; read end"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        assert _state(tmp_path) == "state=running\n"
        holder.communicate("\n")
    assert _state(tmp_path).startswith("state=failed\n")


def _state(directory: Path) -> str:
    text = script("set-up.sh").replace("set_up=/var/lib/edgewrap", f"set_up={directory}")
    assert str(directory) in text
    return subprocess.run(["sh", "-euc", f"{text}setup_state"], capture_output=True, text=True, check=True).stdout
