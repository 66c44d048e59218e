"""The Terraform state itself, checked before it is used: is it complete, and did edgewrap write it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgewrap.errors import StateError

FORMAT = 4


@dataclass(frozen=True, slots=True)
class StateDocument:
    """A complete state. `serial` counts its changes; `outputs` are the values of its outputs by name, as in
    `terraform output -json`, but without a process."""

    text: bytes
    place: str
    serial: int
    resources: Sequence[Mapping[str, Any]]
    outputs: Mapping[str, Any]

    @classmethod
    def read(cls, text: bytes, place: str, restore: str) -> StateDocument:
        """Read a state. Raises StateError if it is empty, cut off, or not a state; `restore` says how to get an
        earlier one back."""
        if not text.strip():
            raise _damaged(f"the Terraform state {place} is empty", "it was cut off, perhaps by a full disk", restore)
        try:
            values = json.loads(text)
        except ValueError as error:
            raise _damaged(
                f"the Terraform state {place} cannot be read: {error}", "it was cut off, or changed by hand", restore
            ) from error
        if not isinstance(values, dict):
            values = {}
        version, serial, resources = values.get("version"), values.get("serial", 0), values.get("resources", [])
        if isinstance(version, int) and version > FORMAT:
            raise StateError(
                f"the Terraform state {place} has format {version}, not {FORMAT}",
                cause="a newer terraform wrote it",
                advice="use the terraform that wrote it, or a newer edgewrap",
            )
        listed = isinstance(resources, list) and all(isinstance(resource, dict) for resource in resources)
        outputs = values.get("outputs", {})
        valid = isinstance(outputs, dict) and all(isinstance(one, dict) and "value" in one for one in outputs.values())
        if version != FORMAT or not (listed and valid and isinstance(serial, int)):
            raise _damaged(f"{place} is not a Terraform state", "something else was written there", restore)
        known = {name: output["value"] for name, output in outputs.items()}
        return cls(text, place, serial, resources, known)

    def inputs(self) -> str:
        """The text of edgewrap's inputs, which a run creates first.

        Raises StateError if it holds resources without them.
        """
        for resource in self.resources:
            if (resource.get("type"), resource.get("name")) == ("terraform_data", "inputs") and resource["instances"]:
                return str(resource["instances"][0]["attributes"]["input"]["value"])
        raise StateError(
            "the Terraform state holds resources, but not edgewrap's inputs",
            cause=f"{self.place} is not a state that edgewrap wrote",
            advice="correct terraform.backend or EDGEWRAP_DIR, or move that state elsewhere",
        )


def _damaged(what: str, cause: str, restore: str) -> StateError:
    return StateError(what, cause=cause, advice=f"nothing was changed; {restore}")
