"""The JSON Schema agrees with the loader, and describes every field."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from edgewrap.spec.contract import contract, json_schema
from edgewrap.spec.forbidden import SECRETS
from edgewrap.spec.load import load_spec
from edgewrap.spec.models import Spec

ROOT = Path(__file__).parents[3]
VALID = [
    *sorted((ROOT / "docs/examples").glob("*.yaml")),
    ROOT / "edgewrap/spec/starter.yaml",
    Path(__file__).with_name("full.yaml"),
]
WRONG = [
    "version-and-name",
    "unknown-keys",
    "wrong-types",
    "numbers-out-of-range",
    "required",
    "aws-forms",
    "rules",
    "tags-too-many",
    "cidr-forms",
]


def test_the_secret_fields_are_those_of_the_contract() -> None:
    assert tuple(path for path, known in contract().fields() if known.is_secret) == SECRETS


@pytest.mark.parametrize("file", VALID, ids=lambda file: file.name)
def test_a_valid_file_fits_the_schema(file: Path, environment: Mapping[str, str]) -> None:
    load_spec(file, environment)
    assert list(Draft202012Validator(json_schema()).iter_errors(yaml.safe_load(file.read_text()))) == []


@pytest.mark.parametrize("case", WRONG)
def test_a_broken_file_does_not(case: str) -> None:
    document = yaml.safe_load((Path(__file__).parent / f"cases/{case}.yaml").read_text())
    assert list(Draft202012Validator(json_schema()).iter_errors(document))


def test_the_schema_is_one_and_always_the_same() -> None:
    Draft202012Validator.check_schema(json_schema())
    assert json.dumps(json_schema()) == json.dumps(json_schema())
    assert list(json_schema()["properties"])[:4] == ["apiVersion", "name", "protect", "aws"]
    assert "from" in json_schema()["$defs"]["Ssh"]["properties"]


def fields(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for section in [schema, *schema["$defs"].values()]:
        yield from section["properties"].items()


def test_every_field_is_described() -> None:
    assert [name for name, field in fields(json_schema()) if "description" not in field and "$ref" not in field] == []


def test_defaults_are_valid() -> None:
    spec = Spec.model_validate({"apiVersion": "edgewrap/v1", "name": "edge-1", "aws": {"region": "eu-west-3"}})
    written = spec.model_dump(mode="json", by_alias=True)
    assert Spec.model_validate_json(json.dumps(written), strict=True) == spec
