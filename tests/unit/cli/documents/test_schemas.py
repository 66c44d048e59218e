"""The published schemas: made of the types that are printed, one for each command with `--json`, and only added to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from typer.main import get_command

from edgewrap.cli.documents.__main__ import INDEX, files, main
from edgewrap.cli.documents.compatibility import lost
from edgewrap.cli.documents.json_schema import NAMES, schema_of
from edgewrap.cli.documents.registry import WITHOUT_JSON, names_of
from edgewrap.cli.main import build, run
from tests.support.checkout import REPOSITORY

PUBLISHED = REPOSITORY / "docs/schemas"


def test_the_published_files_are_those_of_the_types() -> None:
    """If not: `python -m edgewrap.cli.documents docs/schemas`, which refuses what is not a mere addition."""
    published = {path.name: path.read_text(encoding="utf-8") for path in PUBLISHED.iterdir()}
    assert published == files()


@pytest.mark.parametrize("name", NAMES)
def test_each_is_a_schema_with_an_id_that_stays(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    schema = schema_of(name)
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == f"urn:edgewrap:schema:{name}:v1"
    assert schema["description"]
    assert run(build(), ["schema", name]) == 0
    assert json.loads(capsys.readouterr().out) == schema


def undescribed(part: Any, sections: dict[str, Any], path: str = "") -> Iterator[str]:
    """The properties without a description, of their own or of the section that they refer to."""
    if isinstance(part, list):
        part = dict(enumerate(part))
    if not isinstance(part, dict):
        return
    for name, inner in part.get("properties", {}).items():
        section = sections.get(inner.get("$ref", "").rpartition("/")[2], {})
        if not inner.get("description", section.get("description")):
            yield f"{path}.{name}"
    for key, inner in part.items():
        yield from undescribed(inner, sections, f"{path}/{key}")


@pytest.mark.parametrize("name", NAMES)
def test_every_field_has_a_description(name: str) -> None:
    schema = schema_of(name)
    assert list(undescribed(schema, schema.get("$defs", {}))) == []


def test_the_schemas_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(build(), ["schema", "--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(NAMES)


def test_an_unknown_schema_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(build(), ["schema", "stats"]) == 64
    assert "did you mean status?" in capsys.readouterr().err


def leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    below = getattr(command, "commands", {})
    if not below:
        yield " ".join(path), command
    for name, inner in below.items():
        yield from leaves(inner, (*path, name))


COMMANDS = dict(leaves(get_command(build())))


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_has_json_with_a_schema_or_a_reason_for_none(command: str) -> None:
    takes_json = any("--json" in option.opts for option in COMMANDS[command].params)
    assert takes_json == bool(names_of(command))
    assert takes_json != (command in WITHOUT_JSON)


def test_every_command_in_the_tables_exists() -> None:
    named = {command for name in NAMES[1:] for command in COMMANDS if name in names_of(command)} | WITHOUT_JSON.keys()
    assert named == COMMANDS.keys()


OLD = {
    "type": "object",
    "properties": {"a": {"type": "string"}, "kind": {"enum": ["x"]}, "more": {"$ref": "#/$defs/More"}},
    "required": ["a"],
    "$defs": {
        "More": {
            "properties": {
                "items": {"items": {"$ref": "#/$defs/More"}},
                "one": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
                "map": {"additionalProperties": {"type": "string"}},
            }
        }
    },
}


@pytest.mark.parametrize(
    ("path", "value", "missing"),
    [
        ("description", "another", ()),
        ("properties.new", {"type": "string"}, ()),
        ("required", ["a", "kind"], ()),
        ("properties.kind.enum", ["x", "y"], ()),
        ("$defs.More.properties.one.anyOf", [{"type": "null"}, {"type": "string"}, {"type": "integer"}], ()),
        ("properties", {"kind": {"enum": ["x"]}, "more": {"$ref": "#/$defs/More"}}, (".a: is missing",)),
        ("properties.a.type", "integer", (".a: type was string, is integer",)),
        ("required", [], ("the document: a is no longer always there",)),
        ("properties.kind.enum", ["y"], (".kind: the value x is missing",)),
        ("$defs.More.properties.one.anyOf", [{"type": "integer"}], (".more.one: type was null, is integer",)),
        (
            "$defs.More.properties.map.additionalProperties",
            {"type": "integer"},
            (".more.map[]: type was string, is integer",),
        ),
        ("$defs.More.properties", {}, (".more.items: is missing", ".more.one: is missing", ".more.map: is missing")),
    ],
)
def test_what_is_not_a_mere_addition(path: str, value: Any, missing: tuple[str, ...]) -> None:
    new = json.loads(json.dumps(OLD))
    *above, last = path.split(".")
    place = new
    for key in above:
        place = place[key]
    place[last] = value
    assert lost(OLD, new) == missing


def test_a_schema_in_another_order_and_with_renamed_parts_is_the_same() -> None:
    text = json.dumps(schema_of("line"), sort_keys=True).replace("Diagnostic", "TerraformDiagnostic")
    assert lost(schema_of("line"), json.loads(text)) == ()
    assert lost(json.loads(text), schema_of("line")) == ()


def test_a_published_field_cannot_be_lost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(tmp_path) == 0
    status = tmp_path / "status.v1.json"
    earlier = json.loads(status.read_text())
    earlier["properties"]["mood"] = {"type": "string"}
    status.write_text(json.dumps(earlier))
    (tmp_path / INDEX).write_text("")
    assert main(tmp_path) == 1
    assert capsys.readouterr().out.endswith("not written, because it is not a mere addition:\n  .mood: is missing\n")
    assert json.loads(status.read_text()) == earlier
