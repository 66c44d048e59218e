"""From a spec file to a `Spec`, or to every problem in it with its place; and back to text that may be kept."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from edgewrap.errors import Problem, SpecError
from edgewrap.spec.checks import broken_checks
from edgewrap.spec.contract import contract
from edgewrap.spec.credentials import credential_problems, is_secret
from edgewrap.spec.document import MOST_BYTES, Document, NotYamlError, read_document
from edgewrap.spec.environment import fill
from edgewrap.spec.explain import explain
from edgewrap.spec.models import Origin, Spec
from edgewrap.spec.not_implemented import unsupported_fields
from edgewrap.spec.place import KeyPath, Place, SpecProblem, dotted

LONGEST_SHOWN = 80  # characters of a value in an error

_WHOLE = ("terraform", "backend")
_LEAST: dict[str, Any] = {"apiVersion": "edgewrap/v1", "name": "unnamed", "aws": {"region": "eu-west-3"}}
"""What a spec must have: used in place of what is wrong, so that the checks can read the rest."""


def load_spec(path: Path, environ: Mapping[str, str]) -> Spec:
    """The spec that a file holds, its `${env:NAME}` filled in from `environ`.

    Raises SpecError with every problem found, in the order of the file.
    """
    try:
        document = read_document(_read_text(path))
    except NotYamlError as error:
        place = error.place
        raise SpecError([Problem(path, place.line, place.column, "spec", "", str(error))]) from None
    filled, written, environment_problems = fill(document.data, environ)
    problems = _Problems(document.problems)
    problems.add(unsupported_fields(document.data))
    problems.add(credential_problems(document.data))
    problems.add(environment_problems)
    origin = Origin(written, path.parent)
    try:
        spec = Spec.model_validate_json(json.dumps(filled), strict=True, context=origin)
        problems.add(broken_checks(spec, problems.paths()))
    except ValidationError as error:
        problems.add(explain(item) for item in error.errors(include_url=False))
        problems.add(broken_checks(_without(filled, problems.paths()), problems.paths()))
    if problems.found:
        placed = [_with_place(path, document, problem) for problem in problems.found]
        raise SpecError(sorted(placed, key=lambda problem: (problem.line, problem.column)))
    return spec


def public_document(spec: Spec) -> str:
    """The whole spec as JSON text, defaults written out, the same for the same spec. A value that the
    environment filled in is written as in the file (`${env:NAME}`), so that the result may be kept on disk."""
    document: dict[str, Any] = spec.model_dump(mode="json", by_alias=True)
    for path, text in spec.written.items():
        around: Any = document
        for step in path[:-1]:
            around = around[step]
        around[path[-1]] = text
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


class _Problems:
    """The problems found so far. Nothing at or below a wrong value is reported again."""

    def __init__(self, found: Iterable[SpecProblem]) -> None:
        self.found = list(found)

    def add(self, problems: Iterable[SpecProblem]) -> None:
        """Adds the problems of one stage, without those that an earlier stage has reported."""
        known = set(self.paths())
        self.found.extend(
            problem
            for problem in problems
            if not any(problem.path[:length] in known for length in range(len(problem.path) + 1))
        )

    def paths(self) -> list[KeyPath]:
        """The paths with a problem."""
        return [problem.path for problem in self.found]


def _read_text(path: Path) -> str:
    """The file's text; raises SpecError if the file does not exist or is not text."""
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise _unreadable(path, "there is no such file; `edgewrap init` writes a starter") from None
    except IsADirectoryError:
        raise _unreadable(path, "is a directory, not a spec file") from None
    except OSError as error:
        raise _unreadable(path, f"cannot be read: {error.strerror}") from None
    except ValueError:
        raise _unreadable(path, "is not the path of a file") from None
    if len(content) > MOST_BYTES:
        raise _unreadable(path, f"is too large: more than {MOST_BYTES} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8-sig")) + 1
        rule = f"must be UTF-8 text: the byte 0x{content[error.start]:02X} is invalid here"
        raise SpecError([Problem(path, before.count(b"\n") + 1, column, "spec", "", rule)]) from None


def _unreadable(path: Path, rule: str) -> SpecError:
    return SpecError([Problem(path, 0, 0, "spec", "", rule)])


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
    if names[: len(_WHOLE)] == _WHOLE:
        names = _WHOLE
    for name in names[:-1]:
        data = data.get(name) if isinstance(data, dict) else None
    if isinstance(data, dict) and names:
        data.pop(names[-1], None)
