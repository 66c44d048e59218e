"""The AWS plane: rendered, planned and applied by Terraform."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgewrap.change import Change
from edgewrap.errors import StateError
from edgewrap.events import Emit
from edgewrap.infra.aws import AwsLookups
from edgewrap.infra.changes import Before, predicted_values, read_changes
from edgewrap.infra.decide import decide_inputs
from edgewrap.infra.files import write_tree
from edgewrap.infra.inputs import Inputs
from edgewrap.infra.kinds import HIDDEN, KEYS
from edgewrap.infra.messages import Heard
from edgewrap.infra.notices import setup_notices
from edgewrap.infra.outputs import NAMES, read_outputs
from edgewrap.infra.render import render
from edgewrap.infra.runner import Places, Terraform
from edgewrap.outputs import Outputs
from edgewrap.spec.load import public_document
from edgewrap.spec.models import Spec


@dataclass(frozen=True, slots=True)
class AwsState:
    """What the Terraform state says: the outputs, the inputs kept in it, and the spec last applied to its end (JSON
    text, empty where none was)."""

    outputs: Outputs
    inputs: Inputs
    applied: str


@dataclass(frozen=True, slots=True)
class AwsPlan:
    """A saved plan. `changes` leaves out what edgewrap itself remembers in the state; `pending` counts it in.

    `predicted` are the outputs after it, with UNKNOWN for what only AWS can tell; for a destroy, those before it.
    """

    changes: tuple[Change, ...]
    plan_file: Path
    pending: bool
    predicted: Outputs
    inputs: Inputs
    destroy: bool = False


class AwsPlane:
    """One cluster's AWS, through Terraform in `directory` (the run's working directory).

    `pass_fds` are descriptors that every terraform inherits, such as that of the run's lock. All methods raise
    TerraformError where terraform fails and ToolError where it is missing or too old.
    """

    def __init__(
        self,
        spec: Spec,
        directory: Path,
        emit: Emit,
        *,
        plugin_dir: Path | None = None,
        pass_fds: Sequence[int] = (),
    ) -> None:
        self._spec = spec
        self._emit = emit
        self._places = Places(directory.absolute())
        self._lookups = AwsLookups(spec, os.environ)
        self._terraform = Terraform(
            _binary(spec),
            self._places,
            emit,
            environ=os.environ,
            plugin_dir=plugin_dir or _plugin_dir(spec),
            pass_fds=pass_fds,
        )

    def current(self) -> AwsState | None:
        """The state as the last run left it, AWS itself not asked; None where there is nothing in it.

        Raises StateError where it cannot be read.
        """
        if not self._places.state.exists():
            return None
        values = self._terraform.outputs()
        text = values.get("inputs") or self._inputs_without_outputs()
        if text is None:
            return None
        inputs = Inputs.from_text(text)
        return AwsState(read_outputs(values, inputs), inputs, values.get("applied") or "")

    def plan(self, state: AwsState | None, *, destroy: bool = False, front_end_version: str = "") -> AwsPlan:
        """Render and plan; AWS is read, nothing is changed. `front_end_version` is OpenNebula's, for the packages of
        new hosts; empty where it is not known. Raises RefusedChangeError where the spec asks for what the cluster
        cannot take, AwsError where a lookup fails."""
        previous = state.inputs if state else None
        if destroy:
            if previous is None:
                raise StateError(
                    "there is nothing to destroy", cause="no Terraform state", advice="nothing needs to be done"
                )
            inputs = previous
        else:
            inputs = decide_inputs(self._spec, previous, self._lookups, front_end_version=front_end_version)
            for notice in setup_notices(self._spec, inputs, previous, state.applied if state else ""):
                self._emit(notice)
        write_tree(self._places.module, render(self._spec, inputs))
        self._terraform.init_if_needed()
        pending, heard = self._terraform.plan(destroy=destroy)
        changes: tuple[Change, ...] = ()
        predicted = state.outputs if state else None
        if pending and (predicted is None or destroy or _concerns_aws(heard)):
            document = self._terraform.show(self._places.plan_file)
            spec_changed = state is not None and state.applied != public_document(self._spec)
            changes = read_changes(document, Before(_keys(previous), spec_changed, destroy))
            if not destroy:
                predicted = read_outputs(predicted_values(document), inputs)
        return AwsPlan(changes, self._places.plan_file, pending, predicted or read_outputs({}, inputs), inputs, destroy)

    def apply(self, plan: AwsPlan) -> Outputs | None:
        """Apply exactly the saved plan; None after a destroy.

        Raises PlanOutdatedError where the state is no longer the one that the plan was made on.
        """
        if not plan.pending:
            return None if plan.destroy else plan.predicted
        heard = self._terraform.apply(plan.plan_file)
        if plan.destroy:
            return None
        return read_outputs(_values(heard) or self._terraform.outputs(), plan.inputs)

    def interrupt(self) -> None:
        """Let the terraform that runs, if any, end its step and stop. May be called from any thread."""
        self._terraform.interrupt()

    def _inputs_without_outputs(self) -> str | None:
        """The inputs where a run died before terraform wrote any output, or after a destroy took them away first."""
        resources: list[dict[str, Any]] = self._terraform.state()["resources"]
        if not resources:
            return None
        for resource in resources:
            if (resource["type"], resource["name"]) == ("terraform_data", "inputs") and resource["instances"]:
                return str(resource["instances"][0]["attributes"]["input"]["value"])
        raise StateError(
            "the Terraform state holds resources, but not edgewrap's inputs",
            cause=f"{self._places.state} is not a state that edgewrap wrote",
            advice="move it away, or set EDGEWRAP_DIR to the right directory",
        )


def _plugin_dir(spec: Spec) -> Path | None:
    named = spec.terraform.plugin_dir or os.environ.get("EDGEWRAP_PLUGIN_DIR")
    return spec.local_path(named) if named else None


def _binary(spec: Spec) -> str:
    """A name to look for on PATH, or a path that begins at the spec."""
    binary = spec.terraform.binary
    return str(spec.local_path(binary)) if "/" in binary else binary


def _concerns_aws(heard: Heard) -> bool:
    """Whether a plan touches more than what edgewrap itself remembers in the state."""
    return any(kind not in HIDDEN for kind in heard.planned.values()) or any(
        output.get("action") not in (None, "noop") for name, output in heard.outputs.items() if name in NAMES
    )


def _keys(inputs: Inputs | None) -> frozenset[str]:
    if inputs is None:
        return frozenset()
    return frozenset({*inputs.amis, *inputs.placement, *inputs.eips, *KEYS.values()})


def _values(heard: Heard) -> dict[str, Any]:
    return {name: output["value"] for name, output in heard.outputs.items() if "value" in output}
