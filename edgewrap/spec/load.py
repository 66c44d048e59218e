"""From a spec file to a `Spec`, or to every problem in it with its place; and back to text that may be kept."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import replace
from errno import EFBIG
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from edgewrap.errors import Problem, SpecError
from edgewrap.limits import read_file
from edgewrap.paths import real_path
from edgewrap.secrets import remember
from edgewrap.spec.checks import broken_checks
from edgewrap.spec.contract import contract, nearest_key
from edgewrap.spec.document import MOST_BYTES, Document, NotYamlError, read_document
from edgewrap.spec.environment import fill, filled_values, put
from edgewrap.spec.forbidden import credential_problems, is_secret, removed_fields
from edgewrap.spec.models import Origin, Spec
from edgewrap.spec.operator_values import (
    VARIABLES,
    add_operators_values,
    is_restricted,
    references,
    require_trusted_places,
    restricted_problems,
    without_operators_value,
)
from edgewrap.spec.place import KeyPath, Place, SpecProblem, dotted

LONGEST_SHOWN = 80  # characters of a value in an error

STANDARD_INPUT = Path("-")

_UNIONS = (("terraform", "backend"), ("hosts", "datastore_volume"))
_LEAST: dict[str, Any] = {"apiVersion": "edgewrap/v1", "name": "unnamed", "aws": {"region": "eu-west-3"}}
"""What a spec must have: used in place of what is wrong, so that the checks can read the rest."""


_RULES = {
    "missing": "is required",
    "string_type": "must be text: write it in quotes",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing_size": "must be a whole number of fewer digits",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "dict_type": "must be a mapping of keys to values",
    "model_type": "must be a mapping of keys to values; remove the key to use the defaults",
    "model_attributes_type": "must be a mapping of keys to values; remove the key to use the defaults",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
    "too_short": "must not be empty",
    "too_long": "must have at most {max_length} entries",
    "string_too_long": "must have at most {max_length} characters",
}
"""The rules that pydantic's errors of these types mean."""


def load_spec(path: Path, environ: Mapping[str, str], text: str | None = None) -> Spec:
    """The spec that a file holds (`-`: standard input), its `${env:NAME}` and the operator's values filled in from
    `environ`. With a `text` that is the spec, and `path` only says where it is from.

    Raises SpecError with every problem found, in the order of the file; in restricted mode UsageError if the places
    around it are not fit for that.
    """
    restricted = is_restricted(environ)
    if restricted:
        require_trusted_places(path, environ)
    try:
        document = read_document(_read_text(path) if text is None else text)
    except NotYamlError as error:
        raise _unreadable(path, str(error), error.place.line, error.place.column) from None
    data = document.data
    filled, written, environment_problems = fill(data, environ, restricted=restricted)
    remember(*filled_values(written, environ))
    found = list(document.problems)
    for problems in (
        removed_fields(data),
        credential_problems(data),
        environment_problems,
        restricted_problems(data, environ) if restricted else (),
    ):
        _add(found, problems)
    added = add_operators_values(filled, environ)
    origin = Origin({**written, **references(added)}, real_path(path).parent)
    try:
        spec = Spec.model_validate_json(json.dumps(filled), strict=True, context=origin)
        _add(found, broken_checks(spec, _paths(found)))
    except ValidationError as error:
        _add(found, map(_explain, error.errors(include_url=False)))
        _add(found, broken_checks(_without(filled, _paths(found)), _paths(found)))
    if found:
        placed = [_with_place(path, document, _of_operator(problem, added)) for problem in found]
        raise SpecError(sorted(placed, key=lambda problem: (problem.line, problem.column)))
    return spec


def public_document(spec: Spec) -> str:
    """The whole spec as JSON text, defaults written out, the same for the same spec. A value that the
    environment filled in is written as in the file (`${env:NAME}`), so that the result may be kept on disk."""
    document: dict[str, Any] = spec.model_dump(mode="json", by_alias=True)
    for path, text in spec.written.items():
        put(document, path, without_operators_value(path, text))
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def _add(found: list[SpecProblem], problems: Iterable[SpecProblem]) -> None:
    """Adds the problems of one stage, without those at or below a value that an earlier stage has reported."""
    known = set(_paths(found))
    found += [
        problem
        for problem in problems
        if not any(problem.path[:length] in known for length in range(len(problem.path) + 1))
    ]


def _paths(problems: Iterable[SpecProblem]) -> list[KeyPath]:
    return [problem.path for problem in problems]


def _read_text(path: Path) -> str:
    """The file's text; raises SpecError if the file does not exist or is not text."""
    try:
        content = _read_bytes(path)
    except FileNotFoundError:
        raise _unreadable(path, "there is no such file; `edgewrap init` writes a starter") from None
    except IsADirectoryError:
        raise _unreadable(path, "is a directory, not a spec file") from None
    except OSError as error:
        large = f"is too large: more than {MOST_BYTES} bytes"
        raise _unreadable(path, large if error.errno == EFBIG else f"cannot be read: {error.strerror}") from None
    except ValueError:
        raise _unreadable(path, "is not the path of a file") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8-sig")) + 1
        rule = f"must be UTF-8 text: the byte 0x{content[error.start]:02X} is invalid here"
        raise _unreadable(path, rule, before.count(b"\n") + 1, column) from None


def _read_bytes(path: Path) -> bytes:
    if path != STANDARD_INPUT:
        return read_file(path, MOST_BYTES)
    content = sys.stdin.buffer.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise OSError(EFBIG, "too large")
    return content


def _unreadable(path: Path, rule: str, line: int = 0, column: int = 0) -> SpecError:
    return SpecError([Problem(path, line, column, "spec", "", rule)])


def _explain(error: ErrorDetails) -> SpecProblem:
    """The problem that an error of pydantic means."""
    path = _path_of(error["loc"])
    if error["type"] == "extra_forbidden":
        return SpecProblem(path, f"unknown key; {nearest_key(path)}", at_key=True)
    context = error.get("ctx", {})
    if error["type"] == "value_error":
        return SpecProblem(path, str(context["error"]), at_key="[key]" in error["loc"])
    rule = _RULES.get(error["type"], error["msg"]).format_map(context)
    return SpecProblem(path, rule.replace("'", "`") if error["type"] == "literal_error" else rule)


def _of_operator(problem: SpecProblem, added: Iterable[KeyPath]) -> SpecProblem:
    """A problem of a value that the file does not have says which variable does."""
    variable = next((VARIABLES[path] for path in added if problem.path[: len(path)] == path), "")
    return replace(problem, rule=f"{variable} {problem.rule}") if variable else problem


def _path_of(location: tuple[int | str, ...]) -> KeyPath:
    """pydantic's location without the steps that are its own: the chosen form of a union, the mark of a key."""
    form = 2  # the position of the chosen form; elsewhere a user may have written such a key
    steps = [*location[:form], *location[form + 1 :]] if location[:form] in _UNIONS else [*location]
    return tuple(steps[:-1] if len(steps) > 1 and steps[-1] == "[key]" else steps)


def _with_place(file: Path, document: Document, problem: SpecProblem) -> Problem:
    """A problem with its place in the file and the value as it is written there."""
    place = problem.place or _place(document, problem)
    text = _shown(problem, place)
    shown = text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…"
    return Problem(file, place.line, place.column, dotted(problem.path), shown, problem.rule)


def _shown(problem: SpecProblem, place: Place) -> str:
    """The value for the error. What an unknown key holds may be a credential, so it is left out."""
    if contract().at(problem.path) is None:
        return ""
    return "not shown" if place.text and is_secret(problem.path, place.text) else place.text


def _place(document: Document, problem: SpecProblem) -> Place:
    """Where a problem is: at its value or at its key; if the key is missing, at the section around it."""
    value = document.values.get(problem.path)
    if value is not None:
        key = document.keys.get(problem.path, value) if problem.at_key else value
        return Place(key.line, key.column, value.text)
    around = problem.path
    while around not in document.values:
        around = around[:-1]
    section = document.keys.get(around) or document.values[around]
    return Place(section.line, section.column, "")


def _without(data: dict[str, Any], wrong: Iterable[KeyPath]) -> Spec:
    """A spec of what is right in a document: what is wrong has its default, or a substitute."""
    sound = deepcopy(data)
    for path in wrong:
        _drop(sound, path)
    for key, value in _LEAST.items():
        sound.setdefault(key, value)
    sound["aws"].setdefault("region", _LEAST["aws"]["region"])
    return Spec.model_validate_json(json.dumps(sound), strict=True)


def _drop(data: Any, path: KeyPath) -> None:
    """Removes a value, or the whole that it is a part of: a list, or a section that has no default for it."""
    names = path[: next((position for position, step in enumerate(path) if isinstance(step, int)), len(path))]
    if names[:2] in _UNIONS:
        names = names[:2]
    for name in names[:-1]:
        data = data.get(name) if isinstance(data, dict) else None
    if isinstance(data, dict) and names:
        data.pop(names[-1], None)
