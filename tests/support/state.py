"""A Terraform state as a run leaves it, written without Terraform: for tests of what reads it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edgewrap.engine.workspace import Workspace
from edgewrap.outputs import Outputs
from edgewrap.spec.load import load_spec
from tests.support.aws_plane import first_inputs

CLUSTER = ("uuid", "region", "zone", "vpc_id", "vpc_cidr", "subnet_id", "subnet_cidr")
DERIVED = frozenset({"key", "index", "name", "datastores", "datastores_gb"})


def output_values(outputs: Outputs) -> dict[str, Any]:
    """The values of Terraform's outputs that are read as `outputs`."""
    document = asdict(outputs)
    values: dict[str, Any] = {"cluster": {name: document[name] for name in CLUSTER}}
    for kind in ("hosts", "groups", "eips"):
        values[kind] = {
            key: {name: value for name, value in one.items() if name not in DERIVED}
            for key, one in document[kind].items()
        }
    return values


def write_state(spec_file: Path, values: dict[str, Any]) -> None:
    """Write the local state of the cluster whose spec is `spec_file`, with these values of outputs."""
    spec = load_spec(spec_file, {"PASSWORD": "any"})
    inputs = first_inputs(spec).to_text()
    state = {
        "version": 4,
        "serial": 1,
        "lineage": "c0ffee00-0000-4000-8000-000000000000",
        "outputs": {name: {"value": value} for name, value in {"inputs": inputs, **values}.items()},
        "resources": [{"type": "terraform_data", "name": "inputs", "instances": [{}]}],
    }
    workspace = Workspace.of(spec_file, spec.name, {})
    workspace.create()
    (workspace.directory / "terraform.tfstate").write_text(json.dumps(state))
