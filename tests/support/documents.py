"""What commands print with `--json`, held to the schemas in `docs/schemas`: also a field that a schema does not name is
wrong here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from edgewrap.cli.documents.json_schema import SPEC
from edgewrap.cli.documents.registry import DOCUMENTS, WITHOUT_JSON, names_of
from tests.support.checkout import REPOSITORY

LINE = "line"
EXIT_CODES = (0, 1, 2, 3, 64, 130)


def check(name: str, document: object) -> None:
    """The document fits the schema `name`."""
    assert list(_validator(name).iter_errors(document)) == [], document


def check_line(text: str) -> dict[str, Any]:
    """An NDJSON line, which fits its schema."""
    line: dict[str, Any] = json.loads(text)
    kinds = {option["properties"]["type"]["const"]: option for option in _schema(LINE)["oneOf"]}
    closed = {**kinds[line["type"]], "$defs": _schema(LINE)["$defs"]}  # alone, it says what does not fit
    assert list(Draft202012Validator(closed).iter_errors(line)) == [], line
    check(LINE, line)
    return line


def check_output(words: Sequence[str], code: int, stdout: str) -> None:
    """What edgewrap has printed, called with `words`, fits the schemas of this command. Without `--json`, and for a run
    that was killed, there is nothing to check."""
    own = words[: list(words).index("--")] if "--" in words else words
    if "--json" not in own or code not in EXIT_CODES:
        return
    command = _command(words)
    names = names_of(command)
    if LINE in names:
        lines = [check_line(line) for line in stdout.splitlines()]
        assert lines[-1]["type"] in ("result", "error", "summary"), lines[-1]
        assert lines[-1]["exit_code"] == code
        assert lines[-1].get("command", command) == command
        return
    try:
        document = json.loads(stdout)
    except ValueError:
        document = None
    if code and (document is None or "type" in document):  # `drift` and `report` print a document, too
        assert check_line(stdout.splitlines()[-1])["exit_code"] == code
    else:
        fitting = [name for name in names if not list(_validator(name).iter_errors(document))]
        assert fitting, (names, document)


def _command(words: Sequence[str]) -> str:
    """The command that the words begin with."""
    known = {command for document in DOCUMENTS.values() for command in document.commands} | WITHOUT_JSON.keys()
    found = [" ".join(words[:count]) for count in (3, 2, 1) if " ".join(words[:count]) in known]
    return found[0]


@cache
def _validator(name: str) -> Any:
    return Draft202012Validator(_schema(name))


@cache
def _schema(name: str) -> dict[str, Any]:
    schema = json.loads((REPOSITORY / f"docs/schemas/{name}.v1.json").read_text(encoding="utf-8"))
    return dict(schema if name == SPEC else _closed(schema))


def _closed(part: Any) -> Any:
    """The schema without the freedom to add fields."""
    if isinstance(part, list):
        return [_closed(one) for one in part]
    if not isinstance(part, dict):
        return part
    inner = {key: _closed(one) for key, one in part.items()}
    return inner | {"additionalProperties": False} if isinstance(part.get("properties"), dict) else inner
