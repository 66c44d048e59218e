"""The Terraform state itself, looked at before anything stands on it: is it whole, and has edgewrap written it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgewrap.errors import StateError

FORMAT = 4


@dataclass(frozen=True, slots=True)
class StateDocument:
    """A state that is whole. `lineage` is what Terraform calls the identity of a state, `serial` counts its changes."""

    text: bytes
    place: str
    lineage: str
    serial: int
    resources: Sequence[Mapping[str, Any]]

    @classmethod
    def read(cls, text: bytes, place: str, restore: str) -> StateDocument:
        """Read a state. Raises StateError where it is empty, cut off, or no state; `restore` says how to get an
        earlier one back."""
        if not text.strip():
            raise _damaged(f"the Terraform state {place} is empty", "it was cut off, by a full disk perhaps", restore)
        try:
            values = json.loads(text)
        except ValueError as error:
            raise _damaged(
                f"the Terraform state {place} cannot be read: {error}", "it was cut off, or changed by hand", restore
            ) from error
        version = values.get("version") if isinstance(values, dict) else None
        if isinstance(version, int) and version > FORMAT:
            raise StateError(
                f"the Terraform state {place} has format {version}, not {FORMAT}",
                cause="a newer terraform wrote it",
                advice="use the terraform that wrote it, or a newer edgewrap",
            )
        if version != FORMAT or not isinstance(values.get("resources", []), list):
            raise _damaged(f"{place} is not a Terraform state", "something else was written there", restore)
        return cls(
            text, place, str(values.get("lineage", "")), int(values.get("serial", 0)), values.get("resources", [])
        )

    def inputs(self) -> str | None:
        """The text of edgewrap's inputs, which are made before all else; None where nothing is in the state.

        Raises StateError where it holds resources without them.
        """
        if not self.resources:
            return None
        for resource in self.resources:
            if (resource.get("type"), resource.get("name")) == ("terraform_data", "inputs") and resource["instances"]:
                return str(resource["instances"][0]["attributes"]["input"]["value"])
        raise StateError(
            "the Terraform state holds resources, but not edgewrap's inputs",
            cause=f"{self.place} is not a state that edgewrap wrote",
            advice="correct terraform.backend or EDGEWRAP_DIR, or move that state away",
        )


def _damaged(what: str, cause: str, restore: str) -> StateError:
    return StateError(what, cause=cause, advice=f"nothing was changed; {restore}")
