"""Every field says what a change of it does, and refusals and notices follow from that."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from edgewrap.aws.inputs.immutable_fields import refused_changes
from edgewrap.aws.inputs.setup_warnings import setup_notices
from edgewrap.spec.contract import contract
from edgewrap.spec.load import load_spec, public_document
from edgewrap.spec.on_change import Effect, OnChange
from tests.support.aws_plane import PUBLIC_KEY, first_inputs, make_spec

BEFORE: dict[str, Any] = {"opennebula": {"oneadmin_public_key": PUBLIC_KEY, "version": "7.0"}}
ELSEWHERE = {"apiVersion", "terraform.backend"}
"""Has one value only; is refused by the state store."""

FIELDS = {".".join(path): field for path, field in contract().fields()}


TRIED = [
    path
    for path in FIELDS
    if "[]" not in path and not path.startswith(("terraform.backend.", "hosts.datastore_volume."))
]


@pytest.fixture(scope="module")
def other(full_file: Path, environment: Mapping[str, str]) -> dict[str, Any]:
    """Another value for every field: `full.yaml` has none at its default."""
    return load_spec(full_file, environment).model_dump(mode="json", by_alias=True)


def value_of(document: Any, path: str) -> Any:
    for step in path.split("."):
        document = document[step]
    return document


def changed(path: str, other: dict[str, Any]) -> Any:
    *above, name = path.split(".")
    whole: dict[str, Any] = {section: dict(fields) for section, fields in BEFORE.items()}
    section = whole
    for step in above:
        section = section.setdefault(step, {})
    section[name] = value_of(other, path)
    return make_spec(**whole)


def test_every_field_says_what_a_change_does() -> None:
    assert [path for path, field in FIELDS.items() if field.on_change is None] == []


def test_the_full_spec_has_another_value_for_every_field(other: dict[str, Any]) -> None:
    default = make_spec(name="edge-full").model_dump(mode="json", by_alias=True)
    same = {path for path in TRIED if value_of(other, path) == value_of(default, path)}
    assert same == {"apiVersion", "name"}


@pytest.mark.parametrize("path", [path for path in TRIED if path not in ELSEWHERE])
def test_a_run_refuses_the_fields_that_say_so_and_no_others(path: str, other: dict[str, Any]) -> None:
    effect = FIELDS[path].on_change
    assert effect is not None
    violations = refused_changes(changed(path, other), first_inputs(make_spec(**BEFORE)))
    found = {violation.path: violation.why for violation in violations}
    assert (path in found) is (effect.effect is Effect.REFUSED)
    assert path not in found or effect.detail in found[path]


@pytest.mark.parametrize("path", [path for path in TRIED if path not in ELSEWHERE])
def test_a_plan_has_a_notice_for_the_fields_that_change_on_new_hosts_only(path: str, other: dict[str, Any]) -> None:
    effect = FIELDS[path].on_change
    assert effect is not None
    before, after = make_spec(**BEFORE), changed(path, other)
    previous = first_inputs(before)
    inputs = previous.model_copy(update={"opennebula_version": after.opennebula.version})
    texts = [notice.text for notice in setup_notices(after, inputs, previous, public_document(before))]
    assert any(text.startswith(f"{path} ") for text in texts) is (effect.effect is Effect.NEW_HOSTS)
    assert all(effect.detail in text for text in texts)


def test_a_change_within_the_datastores_volume_is_no_matter_of_new_hosts() -> None:
    before, after = (make_spec(hosts={"datastore_volume": {"gb": gb}}) for gb in (100, 200))
    previous = first_inputs(before)
    assert list(setup_notices(after, first_inputs(after), previous, public_document(before))) == []


def test_the_schema_has_the_mark() -> None:
    mark = FIELDS["public_network.groups"].on_change
    assert mark == OnChange(Effect.REFUSED, "every block would move")
    assert FIELDS["aws.tags"].schema["x-change"] == "in place"
