"""The tables of `docs/commands.md`, made from the command line itself.

`python -m edgewrap.cli.reference docs/commands.md` updates the file.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from typer.main import get_command

from edgewrap.cli.main import NAME, build
from edgewrap.cli.options import SPEC_VARIABLE
from edgewrap.errors import EdgewrapError, InterruptedRunError, PartlyAppliedError, UsageError
from edgewrap.lab.hosts.program import VARIABLE as CLOUD_INIT
from edgewrap.spec.operator_values import RESTRICTED, VARIABLES
from edgewrap.spec.place import dotted

MARK = "<!-- made by: python -m edgewrap.cli.reference docs/commands.md -->\n\n"

EXIT_CODES: Mapping[int, str] = {
    0: "done, or nothing to do",
    EdgewrapError.exit_code: "error, and this run has changed nothing",
    2: "only with `--detailed-exitcode`: there are changes; `drift`: something has drifted",
    PartlyAppliedError.exit_code: "error after this run has changed something: fix it and re-run; apply resumes where "
    "it stopped",
    UsageError.exit_code: "wrong usage",
    InterruptedRunError.exit_code: "interrupted",
}

_READ_ELSEWHERE = {
    SPEC_VARIABLE: "As `--file`.",
    "EDGEWRAP_DIR": "Where the working directories of clusters are. Default: `.edgewrap` beside the spec.",
    RESTRICTED: "`1`: as `--restricted`.",
    "EDGEWRAP_CI": "`off`: write nothing for a job of GitHub Actions.",
    "EDGEWRAP_CLUSTERS_DIR": "The specs that the IPAM driver reads. Default: `/etc/edgewrap/clusters`.",
    "EDGEWRAP_LAB_DIR": "The directory of the lab, in place of `--name`.",
    CLOUD_INIT: "The unpacked cloud-init for the lab's hosts. Default: that of `make cloud-init`.",
    "EDGEWRAP_LAB_ONE_AUTH": "The lab's front-end alone: the login of its first user, if `--auth-file` is not given.",
}
"""The variables that no option and no field of the spec has, and their meaning."""

Command = Any
"""One of typer's commands or options: typer has no public name for their classes."""


def reference() -> str:
    """All commands, the exit codes and the environment variables."""
    return "\n".join([*_command(get_command(build()), NAME), *_exit_codes(), *_variables()])


def update(text: str) -> str:
    """The text of `docs/commands.md` with its tables as the code has them."""
    return text.partition(MARK)[0] + MARK + reference() + "\n"


def commands(command: Command, path: str = NAME) -> Iterator[tuple[str, Command]]:
    """A command and all below it, with what a user types to run it."""
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, f"{path} {name}")


def variables() -> dict[str, str]:
    """Every environment variable that edgewrap itself reads, and what it means."""
    meanings: dict[str, list[str]] = {}
    for _, command in commands(get_command(build())):
        for option in command.params:
            if option.envvar:
                meanings.setdefault(option.envvar, []).append(f"As `{max(option.opts, key=len)}`.")
    for path, variable in VARIABLES.items():
        meanings.setdefault(variable, []).append(f"The field `{dotted(path)}` of specs that leave it out.")
    return {name: " ".join(dict.fromkeys(texts)) for name, texts in meanings.items()} | _READ_ELSEWHERE


def _command(root: Command, path: str) -> Iterator[str]:
    for typed, command in commands(root, path):
        yield f"## `{typed}`\n"
        yield f"{' '.join((command.help or '').split())}\n"
        below = getattr(command, "commands", {})
        if below:
            yield f"Commands: {', '.join(f'`{name}`' for name in below)}.\n"
        rows = [_row(parameter) for parameter in command.params if not parameter.hidden]
        if rows:
            yield "| argument or option | meaning | default |"
            yield "|---|---|---|"
            yield from rows
            yield ""


def _row(parameter: Command) -> str:
    names = [f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts)]
    value = _value(parameter)
    if parameter.param_type_name == "argument":
        shown = f"`{value or parameter.name.upper()}`"
    else:
        shown = ", ".join(names) + (f" `{value}`" if value else "")
    variable = f" Environment: `{parameter.envvar}`." if parameter.envvar else ""
    cells = (shown, f"{' '.join((parameter.help or '').split())}{variable}", _default(parameter))
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _value(parameter: Command) -> str:
    """The value that an option takes, or an argument is; empty for a flag."""
    kind = parameter.type_descriptor
    if getattr(parameter, "is_flag", False):
        return ""
    if parameter.metavar:
        return str(parameter.metavar)
    if kind.is_choice:
        return "|".join(str(choice.value if isinstance(choice, Enum) else choice) for choice in kind.choices)
    return str(parameter.name).upper()


def _default(parameter: Command) -> str:
    if parameter.required:
        return "required"
    if isinstance(parameter.show_default, str):
        return f"`{parameter.show_default}`" if " " not in parameter.show_default else parameter.show_default
    default = parameter.default
    unset = default is None or default is False or default in ("", [], ())  # 0 is a default
    if unset or parameter.show_default is False or callable(default):
        return ""
    if default is True and parameter.secondary_opts:
        return f"`{parameter.opts[0]}`"
    return f"`{default}`"


def _exit_codes() -> Iterator[str]:
    yield "## Exit codes\n"
    yield "| code | meaning |"
    yield "|---|---|"
    yield from (f"| {code} | {meaning} |" for code, meaning in sorted(EXIT_CODES.items()))
    yield ""


def _variables() -> Iterator[str]:
    yield "## Environment variables\n"
    yield "| variable | meaning |"
    yield "|---|---|"
    yield from (f"| `{name}` | {meaning} |" for name, meaning in sorted(variables().items()))


if __name__ == "__main__":
    for file in map(Path, sys.argv[1:]):
        file.write_text(update(file.read_text()))
