"""`--help` shows every help text whole: square brackets in one are not taken for markup and dropped."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from edgewrap.cli.main import build
from tests.unit.cli.test_main import HEAVY

APP = build()


def commands(command: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, (*path, name))


def words(text: str) -> str:
    """Without the frames, line breaks and columns of the terminal."""
    return "".join(re.findall(r"[^\s│]", text))


COMMANDS = dict(commands(get_command(APP)))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_help_text_is_shown_whole(path: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(APP, [*path, "--help"], env={"COLUMNS": "500", "TERMINAL_WIDTH": "500"}).output
    texts = [parameter.help for parameter in getattr(COMMANDS[path], "params", ()) if getattr(parameter, "help", None)]
    assert [text for text in texts if words(text) not in words(shown)] == []


def test_the_default_of_host_timeout_is_shown() -> None:
    shown = CliRunner().invoke(APP, ["apply", "--help"], env={"COLUMNS": "200", "TERMINAL_WIDTH": "200"}).output
    assert "1800 with hosts that are new or do not answer yet, otherwise 60" in " ".join(shown.split())


def test_the_help_of_every_command_imports_nothing_heavy() -> None:
    code = (
        "import sys; from edgewrap.cli.main import build, run\n"
        f"assert not any([run(build([*path, ''][0]), [*path, '--help']) for path in {list(COMMANDS)}])\n"
        f"print(*sorted({{*{HEAVY!r}}} & {{*sys.modules}}), file=sys.stderr)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stderr == "\n"
    assert run.stdout.count("Usage: edgewrap ") == len(COMMANDS)
