"""The daemon's socket: requests, responses, errors, and a path that is too long for a socket."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from edgewrap.errors import LabError
from edgewrap.lab import control
from edgewrap.lab.directory import LabDirectory


async def _echo(**arguments: object) -> object:
    return arguments


async def _refuse() -> None:
    raise LabError("no", cause="because", advice="do not")


async def _break() -> None:
    raise ZeroDivisionError


@pytest.fixture
def directory(tmp_path: Path) -> LabDirectory:
    path = tmp_path / ("long-" * 30)
    path.mkdir()
    return LabDirectory("long", path)


async def _conversation(directory: LabDirectory, *questions: tuple[str, dict[str, Any]]) -> list[object]:
    handlers: dict[str, control.Handler] = {"echo": _echo, "refuse": _refuse, "break": _break}
    async with await control.serve(directory, handlers):
        return [await asyncio.to_thread(control.ask, directory, what, **given) for what, given in questions]


def test_answers_are_returned_unchanged(directory: LabDirectory) -> None:
    given: dict[str, Any] = {"text": 'é\n"', "list": [1, None]}
    assert asyncio.run(_conversation(directory, ("echo", given), ("echo", {}))) == [given, {}]


@pytest.mark.parametrize(("what", "message"), [("refuse", "^no$"), ("break", "ZeroDivision"), ("dance", "no 'dance'")])
def test_errors_are_returned_as_errors(directory: LabDirectory, what: str, message: str) -> None:
    with pytest.raises(LabError, match=message):
        asyncio.run(_conversation(directory, (what, {})))


def test_no_daemon_is_an_error(directory: LabDirectory) -> None:
    with pytest.raises(LabError, match="is not running"):
        control.ask(directory, "echo")
