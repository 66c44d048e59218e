"""`docs/commands.md` has every command, option, exit code and variable that the code has, and each has a meaning."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

from edgewrap import errors
from edgewrap.cli.main import build
from edgewrap.cli.reference import EXIT_CODES, MARK, commands, update, variables
from edgewrap.errors import EdgewrapError
from edgewrap.spec.contract import Known, contract

REPOSITORY = Path(__file__).parents[3]
COMMAND = get_command(build())
TEXT = (REPOSITORY / "docs/commands.md").read_text()
ATTRIBUTES = {
    *("EDGEWRAP_CLUSTER", "EDGEWRAP_KEY", "EDGEWRAP_REQUEST", "EDGEWRAP_DATASTORES", "EDGEWRAP_MTU"),
    *("EDGEWRAP_MAINTENANCE", "EDGEWRAP_SSH"),
}
"""Of OpenNebula's objects: no environment variables."""


@pytest.mark.parametrize("width", ["20", "500"])
def test_the_file_is_what_the_code_says(width: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", width)
    monkeypatch.setenv("TERMINAL_WIDTH", width)
    assert MARK in TEXT
    assert update(TEXT) == TEXT, "run: python -m edgewrap.cli.reference docs/commands.md"


def test_a_number_as_default_is_shown_0_too() -> None:
    zeros = 0
    for typed, command in commands(COMMAND):
        section = TEXT.partition(f"## `{typed}`\n")[2].partition("\n## ")[0].splitlines()
        for option in command.params:
            default = option.default
            if isinstance(default, int | float) and not isinstance(default, bool) and not option.hidden:
                row = next(line for line in section if line.startswith(f"| `{option.opts[0]}`"))
                assert row.endswith(f"| `{default}` |")
                zeros += default == 0
    assert zeros


@pytest.mark.parametrize(("typed", "command"), tuple(commands(COMMAND)))
def test_every_command_and_option_has_a_help_text(typed: str, command: object) -> None:
    assert getattr(command, "help", "")
    parameters = getattr(command, "params", ())
    assert [parameter.name for parameter in parameters if not (parameter.help or "").endswith((".", ")"))] == []


def test_every_field_of_a_spec_has_a_description() -> None:
    assert [".".join(path) for path, known in _fields(contract(), ()) if not _is_described(known)] == []


def _is_described(known: Known) -> bool:
    return bool(known.schema.get("description") or known.about)


def _fields(known: Known, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Known]]:
    for name, below in known.keys.items():
        yield (*path, name), below
        yield from _fields(below, (*path, name))


def test_every_environment_variable_of_the_package_is_listed() -> None:
    texts = [file.read_text() for file in (REPOSITORY / "edgewrap").rglob("*") if file.suffix in (".py", ".sh", ".j2")]
    named = {name for text in texts for name in re.findall(r"\bEDGEWRAP_[A-Z_]*[A-Z]\b", text)}
    ours = {name for name in variables() if name.startswith("EDGEWRAP_")}
    assert named - ATTRIBUTES - {"EDGEWRAP_LAB"} == ours


def test_every_exit_code_has_a_meaning() -> None:
    kinds = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, EdgewrapError)}
    assert {kind.exit_code for kind in kinds} | {0, 2} == set(EXIT_CODES)
    table = re.findall(r"^\| (\d+) \| (.*) \|$", (REPOSITORY / "README.md").read_text(), re.MULTILINE)
    assert {int(code): meaning for code, meaning in table} == dict(EXIT_CODES)
