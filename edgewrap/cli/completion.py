"""What a shell completes beyond commands, options and planes: hosts, outputs, log files, labs.

It comes from files of this machine alone, and nothing slow is imported. Whatever is wrong with a spec, `main.py` ends
the completion without a word.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from edgewrap.paths import working_directory

if TYPE_CHECKING:
    from edgewrap.spec.keys import ClusterKeys


def hosts(context: typer.Context) -> list[str]:
    """The keys of the spec's hosts."""
    keys = _keys(context)
    return list(keys.hosts) if keys else []


def outputs(context: typer.Context, incomplete: str) -> list[str]:
    """The names of outputs: those that begin with the word, down to its level, or one below if it is one itself."""
    keys = _keys(context)
    names = _output_names(keys) if keys else iter(())
    return [name for name in names if name.startswith(incomplete) and "." not in name[len(incomplete) + 1 :]]


def log_numbers(context: typer.Context) -> list[tuple[str, str]]:
    """The numbers of the runs that have a log file, with its name; 1 is the last one."""
    from edgewrap.engine.log_file import runs

    keys = _keys(context)
    if not keys or not keys.name:
        return []
    directory = working_directory(_spec_file(context), keys.name, os.environ) / "logs"
    return [(str(number), file.name) for number, file in enumerate(reversed(runs(directory)), 1)]


def labs() -> list[str]:
    """The names of the labs on this machine."""
    from edgewrap.lab.directory import lab_names

    return lab_names(os.environ)


def _spec_file(context: typer.Context) -> Path:
    """The file that the command will read: the first one that is named, otherwise the default."""
    from edgewrap.cli.options import default_spec

    given = context.params.get("file") or context.params.get("specs") or ()
    return next(iter(given), None) or default_spec()


def _keys(context: typer.Context) -> ClusterKeys | None:
    from edgewrap.spec.keys import read_keys

    return read_keys(_spec_file(context))


def _output_names(keys: ClusterKeys) -> Iterator[str]:
    """All dotted names, sections before what is in them."""
    from edgewrap.outputs import EipOutput, GroupOutput, HostOutput, Outputs

    sections = {"hosts": (keys.hosts, HostOutput), "groups": (keys.groups, GroupOutput), "eips": (keys.eips, EipOutput)}
    for field in fields(Outputs):
        yield field.name
        names, kind = sections.get(field.name, ((), None))
        for name in names:
            yield f"{field.name}.{name}"
            yield from (f"{field.name}.{name}.{inner.name}" for inner in fields(kind)) if kind else ()
