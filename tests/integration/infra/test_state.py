"""States that a run which died left, read by the real terraform; no provider is started for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgewrap.errors import StateError, TerraformError
from edgewrap.outputs import UNKNOWN
from tests.support.infra import first_inputs, make_spec

PROVIDER = 'provider["terraform.io/builtin/terraform"]'


def remembered(text: str) -> dict[str, Any]:
    """The resource that holds the inputs, as terraform writes it into a state."""
    value = {"value": text, "type": "string"}
    attributes = {"id": "1", "input": value, "output": value, "triggers_replace": None}
    return {
        "mode": "managed",
        "type": "terraform_data",
        "name": "inputs",
        "provider": PROVIDER,
        "instances": [{"schema_version": 0, "attributes": attributes}],
    }


def write_state(directory: Path, resources: list[dict[str, Any]], version: int = 4) -> None:
    state = {"version": version, "terraform_version": "1.6.0", "serial": 3, "lineage": "1", "outputs": {}}
    (directory / "terraform.tfstate").write_text(json.dumps({**state, "resources": resources}))


@pytest.fixture
def cluster(make_cluster: Any) -> Any:
    return make_cluster("state")


def test_without_a_state_nothing_runs(cluster: Any) -> None:
    assert cluster.plane(cluster.spec()).current() is None
    assert cluster.commands() == []
    assert list((cluster.directory / "work").iterdir()) == []


def test_a_state_without_resources_is_none(cluster: Any) -> None:
    write_state(cluster.directory / "work", [])
    assert cluster.plane(cluster.spec()).current() is None


def test_inputs_are_found_where_there_are_no_outputs_yet(cluster: Any) -> None:
    inputs = first_inputs(make_spec())
    write_state(cluster.directory / "work", [remembered(inputs.to_text())])
    state = cluster.plane(cluster.spec()).current()
    assert state.inputs == inputs
    assert (state.applied, state.outputs.uuid, state.outputs.vpc_id) == ("", inputs.uuid, UNKNOWN)


def test_a_state_of_another_tool_is_refused(cluster: Any) -> None:
    write_state(cluster.directory / "work", [{**remembered("{}"), "name": "other"}])
    with pytest.raises(StateError, match="not edgewrap's inputs"):
        cluster.plane(cluster.spec()).current()


def test_half_a_state_file_is_terraforms_error(cluster: Any) -> None:
    (cluster.directory / "work" / "terraform.tfstate").write_text('{"version": 4, ')
    with pytest.raises(TerraformError, match="terraform output failed"):
        cluster.plane(cluster.spec()).current()
