"""The contract as JSON Schema, for editors."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue
from pydantic_core import CoreSchema

from edgewrap.spec.models import Spec


class _ForEditors(GenerateJsonSchema):
    """Without the titles that pydantic makes of field names: they repeat the key and hide the description."""

    def generate(self, schema: CoreSchema, mode: JsonSchemaMode = "validation") -> JsonSchemaValue:
        return {"$schema": self.schema_dialect, **super().generate(schema, mode)}

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic's own signature
        return False


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a spec file, always in the same order."""
    return Spec.model_json_schema(by_alias=True, schema_generator=_ForEditors)
