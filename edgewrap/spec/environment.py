"""`${env:NAME}` in a spec: a value that the environment fills in when a run begins.

Such a value stays in memory. Only texts that are needed while a run lasts may have one (they are marked
`FROM_ENVIRONMENT` in the models); in a text that is kept in Terraform's files or state it is an error. `$${env:NAME}`
is the text `${env:NAME}` itself; any other `$` is an ordinary character.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from edgewrap.spec.contract import contract
from edgewrap.spec.place import KeyPath, SpecProblem

_REFERENCE = re.compile(r"(\$?)\$\{env:([^}]*)(\}?)")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

_MAY_BE_SECRET: tuple[KeyPath, ...] = (("evpn", "password"), ("ssh", "proxy_command"))
_NEEDED_BY_CHILDREN = {"HOME", "PATH", "USER", "LOGNAME", "SHELL", "TMPDIR", "LANG", "SSH_AUTH_SOCK"}


def secret_variables(written: Mapping[KeyPath, str]) -> frozenset[str]:
    """The variables that no child process may have, given the texts of a spec as written by path: those that may
    hold a password or a token, and OpenNebula's login. AWS's own stay: Terraform and SSM's proxy need them."""
    named = {
        found[2] for path in _MAY_BE_SECRET for found in _REFERENCE.finditer(written.get(path, "")) if not found[1]
    }
    return frozenset({"ONE_AUTH", *(name for name in named - _NEEDED_BY_CHILDREN if not name.startswith("AWS_"))})


def texts(data: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, str]]:
    """Every text of a document with its path."""
    if isinstance(data, str):
        yield path, data
    elif isinstance(data, Mapping):
        for key, value in data.items():
            yield from texts(value, (*path, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from texts(value, (*path, index))


def put(data: Any, path: KeyPath, value: Any) -> None:
    """Sets the value at a path of a document."""
    for step in path[:-1]:
        data = data[step]
    data[path[-1]] = value


def filled_values(written: Mapping[KeyPath, str], environ: Mapping[str, str]) -> set[str]:
    """The values of the environment that a spec names, given its texts as written by path."""
    named = {name for text in written.values() for escape, name, _ in _REFERENCE.findall(text) if not escape}
    return {environ[name] for name in named if name in environ}


def fill(
    data: dict[str, Any], environ: Mapping[str, str], *, restricted: bool = False
) -> tuple[dict[str, Any], dict[KeyPath, str], list[SpecProblem]]:
    """The document with its references filled in, the texts as written by path, and what is wrong with them: if the
    spec is `restricted`, all of them are."""
    filled = deepcopy(data)
    written: dict[KeyPath, str] = {}
    problems: list[SpecProblem] = []
    for path, text in texts(data):
        if _REFERENCE.search(text) is None or (known := contract().at(path)) is None:
            continue
        written[path] = text
        if rule := _broken_rule(text, environ, allowed=known.from_environment, restricted=restricted):
            problems.append(SpecProblem(path, rule))
        else:
            value = _REFERENCE.sub(lambda found: found[0][1:] if found[1] else environ[found[2]], text)
            put(filled, path, value)
    return filled, written, problems


def _broken_rule(text: str, environ: Mapping[str, str], *, allowed: bool, restricted: bool) -> str:
    """The first rule that the references of one text break; empty if they break none."""
    for escape, name, end in _REFERENCE.findall(text):
        if escape:
            continue
        if not end or _VARIABLE.fullmatch(name) is None:
            return "must name a variable, as ${env:NAME} does, or write $${env: for the text itself"
        if restricted:
            return "must not read the environment in restricted mode: ${env:…} could bring any of its secrets out"
        if not allowed:
            kept = "it is kept in Terraform's files and state, which hold nothing from the environment"
            return f"must be written out: {kept}"
        if name not in environ:
            return f"needs the environment variable {name}, which is not set"
        if not environ[name].isprintable():
            return f"needs the environment variable {name} to be one line of text"
    return ""
