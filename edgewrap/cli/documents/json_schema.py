"""The JSON Schema of a document, made from the type that is printed."""

from __future__ import annotations

import inspect
import json
from typing import Any, Literal

from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaValue

from edgewrap.cli.documents.descriptions import COMMON, described, with_description
from edgewrap.cli.documents.lines import LINES, VERSION
from edgewrap.cli.documents.registry import DOCUMENTS
from edgewrap.spec.contract import PlainJsonSchema, json_schema, schema_id

SPEC = "spec"
NAMES = (SPEC, *DOCUMENTS)


class _OfOutput(PlainJsonSchema):
    """A document may get more fields within a version. Every field is there, unless its default is null."""

    def field_is_required(self, field: Any, total: bool) -> bool:  # noqa: ARG002 - pydantic's own signature
        schema = field["schema"]
        return schema["type"] != "default" or schema.get("default", ...) is not None

    def dataclass_schema(self, schema: Any) -> JsonSchemaValue:
        found = super().dataclass_schema(schema) | {"description": inspect.cleandoc(schema["cls"].__doc__)}
        return described(schema["cls"], _open(found))

    def model_schema(self, schema: Any) -> JsonSchemaValue:
        return described(schema["cls"], _open(super().model_schema(schema)))

    def typed_dict_schema(self, schema: Any) -> JsonSchemaValue:
        return described(schema["cls"], super().typed_dict_schema(schema))


def _open(schema: JsonSchemaValue) -> JsonSchemaValue:
    """Also for a type that refuses other fields when it is read."""
    return {key: value for key, value in schema.items() if key != "additionalProperties"}


def schema_of(name: str) -> dict[str, Any]:
    """The schema of a document, or of the spec. Raises KeyError if there is none of this name."""
    if name == SPEC:
        return json_schema()
    document = DOCUMENTS[name]
    made = _lines(document.type) if isinstance(document.type, tuple) else _schema(document.type)
    about = document.about or made.get("description", "")
    head = {"$schema": PlainJsonSchema.schema_dialect, "$id": schema_id(name), "title": f"edgewrap: {name}"}
    schema = head | {"description": about} | {key: made[key] for key in made if key not in (*head, "description")}
    return dict(_on_one_line(schema))


def _on_one_line(part: Any) -> Any:
    """A part of a schema, with descriptions that have no line breaks."""
    if isinstance(part, list):
        return [_on_one_line(one) for one in part]
    if not isinstance(part, dict):
        return part
    return {
        key: " ".join(value.split()) if key == "description" and isinstance(value, str) else _on_one_line(value)
        for key, value in part.items()
    }


def _schema(type_: Any) -> dict[str, Any]:
    return TypeAdapter(type_).json_schema(mode="serialization", schema_generator=_OfOutput)


def _lines(types: tuple[Any, ...]) -> dict[str, Any]:
    """One of the lines; each has the fields `v`, `time` and `type` before those of its type."""
    mode: Literal["serialization"] = "serialization"
    adapters = [(type_, mode, TypeAdapter(type_)) for type_ in types]
    references, defined = TypeAdapter.json_schemas(adapters, schema_generator=_OfOutput)
    sections = defined["$defs"]
    variants = []
    for type_ in types:
        section = sections[references[type_, mode]["$ref"].rpartition("/")[2]]
        head: dict[str, dict[str, Any]] = {
            "v": {"const": VERSION},
            "time": {"type": "string", "format": "date-time"},
            "type": {"const": LINES[type_]},
        }
        head = {name: with_description(part, COMMON[name]) for name, part in head.items()}
        of_several = {"cluster": {"type": "string", "description": "Of the lines of several clusters: its name."}}
        variants.append(
            {
                "type": "object",
                "description": section["description"],
                "properties": head | of_several | section["properties"],
                "required": [*head, *section["required"]],
            }
        )
    text = json.dumps([variants, sections])
    used = {name: section for name, section in sections.items() if f'"#/$defs/{name}"' in text}
    return {"oneOf": variants, "$defs": used}
