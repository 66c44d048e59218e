"""IPAM drivers for tests: scripts that record what they get, and drivers without a process."""

from __future__ import annotations

import base64
import json
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgewrap.lab.opennebula import execution
from edgewrap.lab.opennebula.driver_calls import ACTIONS, GET, REGISTER, Reply, Request
from edgewrap.lab.opennebula.ipam import Drivers
from tests.support.lab_opennebula import RECORDINGS, Bench, tree

CALLS = RECORDINGS / "ipam-calls.jsonl"
NETWORK = 'NAME = "{}"\nVN_MAD = "bridge"\n'
RANGE = 'AR = [ TYPE = "IP4", IP = "10.9.1.2", SIZE = "{}", IPAM_MAD = "{}" ]'
LEASE = 'LEASES = [ IP = "10.9.1.{}" ]'
MACHINE = 'CPU = "1"\nMEMORY = "64"\nNIC = [ NETWORK_ID = "{}"{} ]'
READY, LOCK_CREATE, ERROR = "1", "2", "5"

# A driver: it writes down what it got, then does what the test has written for its action.
_SCRIPT = """#!/bin/sh
cd -P . && pwd >'{log}'/"$1".cwd
env >'{log}'/"$1".env
cat >'{log}'/"$1".stdin
printf '%s' "${{0##*/}} $*" >'{log}'/"$1".new
mv '{log}'/"$1".new '{log}'/"$1".argv
test ! -e '{log}'/"${{0##*/}}".do || . '{log}'/"${{0##*/}}".do
"""


@dataclass(frozen=True)
class RecordedCall:
    """What a driver script got: its action, all its arguments, its stdin as it is, its working directory and its
    environment."""

    action: str
    arguments: tuple[str, ...]
    stdin: str
    cwd: str
    environ: dict[str, str]

    @property
    def data(self) -> str:
        """The XML of the request."""
        return base64.b64decode(self.stdin, validate=True).decode()


@dataclass
class ScriptedDriver:
    """Driver scripts below `remotes`. Without `answer`, each ends with status 0 and no output."""

    remotes: Path
    name: str = "edgewrap"
    log: Path = field(init=False)

    def __post_init__(self) -> None:
        self.log = self.remotes.parent / f"{self.name}-log"
        self.log.mkdir()
        self.folder.mkdir(parents=True)
        for action in ACTIONS:
            script = self.folder / action
            script.write_text(_SCRIPT.format(log=self.log))
            script.chmod(script.stat().st_mode | stat.S_IXUSR)

    @property
    def folder(self) -> Path:
        return self.remotes / "ipam" / self.name

    def answer(self, action: str, shell: str) -> None:
        """From now on, the action runs this shell code."""
        (self.log / f"{action}.do").write_text(shell)

    def calls(self) -> list[RecordedCall]:
        """All calls so far, in order."""
        found = []
        for file in sorted(self.log.glob("*.argv"), key=lambda file: int(file.stem)):
            action, *arguments = file.read_text().split(" ")
            environ = dict(line.partition("=")[::2] for line in file.with_suffix(".env").read_text().splitlines())
            cwd = file.with_suffix(".cwd").read_text().strip()
            stdin = file.with_suffix(".stdin").read_text()
            found.append(RecordedCall(action, tuple(arguments), stdin, cwd, environ))
        return found

    def wait_for_calls(self, count: int) -> list[RecordedCall]:
        """Wait until this many calls have begun."""
        end = time.monotonic() + 20
        while len(calls := self.calls()) < count:
            assert time.monotonic() < end, f"{len(calls)} calls of {count}"
            time.sleep(0.02)
        return calls


class PlayedDrivers(Drivers):
    """Drivers without processes: `play` answers each request at once. `requests` are all of them, in order."""

    def __init__(self, play: Callable[[Request], Reply]) -> None:
        self.listed = ("dummy", "edgewrap")
        self.accepted = self.finished = 0
        self.play = play
        self.requests: list[Request] = []

    def run(self, request: Request) -> Reply:
        self.requests.append(request)
        return self.play(request)

    @property
    def actions(self) -> list[str]:
        return [request.action for request in self.requests]


def recorded_calls(version: str) -> list[dict[str, Any]]:
    """The recorded calls of a real front-end of this version."""
    lines = map(json.loads, CALLS.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line["front_end"] == version]


def as_template(name: str, attributes: dict[str, str]) -> str:
    """A vector attribute as text."""
    items = [f'{key} = "{value}"' for key, value in attributes.items()]
    return f"{name} = [ {', '.join(items)} ]"


def echo(request: Request) -> Reply:
    """Registers what is asked for; gives the first address."""
    if request.action == REGISTER:
        return Reply(ok=True, text=as_template("AR", {item.tag: item.text or "" for item in tree(request.data)[0]}))
    return Reply(ok=True, text='ADDRESS = [ IP = "10.9.1.2", SIZE = "1" ]' if request.action == GET else "")


def failing(*actions: str, text: str = "no") -> Callable[[Request], Reply]:
    """These actions fail."""
    return lambda request: Reply(ok=False, text=text) if request.action in actions else echo(request)


def answering(action: str, output: str) -> Callable[[Request], Reply]:
    """This action succeeds with this output."""
    return lambda request: Reply(ok=True, text=output) if request.action == action else echo(request)


def with_drivers(bench: Bench, play: Callable[[Request], Reply] = echo) -> PlayedDrivers:
    bench.one.ipam = drivers = PlayedDrivers(play)
    return drivers


def settle(bench: Bench) -> None:
    """Do what is due, with drivers and without."""
    bench.pass_time()
    while (found := execution.due_with_drivers(bench.one))[1]:
        execution.execute(bench.one, found[1], found[2])
    bench.value("one.vnpool.info", -2, -1, -1)


def network_with_range(bench: Bench, size: int = 1) -> int:
    """A settled network with a range of the driver's."""
    number: int = bench.value("one.vn.allocate", NETWORK.format("n") + RANGE.format(size, "edgewrap"), -1)
    settle(bench)
    return number


def state(bench: Bench, number: int) -> str | None:
    return bench.tree("one.vn.info", number).findtext("STATE")


def leases(bench: Bench, number: int) -> str | None:
    return bench.tree("one.vn.info", number).findtext("USED_LEASES")
