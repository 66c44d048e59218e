"""The Terraform state itself, checked before it is used: is it complete, and did edgewrap write it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from edgewrap.errors import StateError

FORMAT = 4
NOTHING: dict[str, Any] = {}


class _Part(BaseModel, frozen=True, strict=True):
    """The base of every part: exact in what edgewrap reads; Terraform writes more."""


class Instance(_Part):
    """One instance of a resource. The index is a key of `for_each`, or a number of `count`."""

    index_key: str | int | None = None
    attributes: Annotated[dict[str, Any], BeforeValidator(lambda value: NOTHING if value is None else value)] = NOTHING

    @property
    def id(self) -> str:
        """AWS's id; empty without one."""
        return str(self.attributes.get("id", ""))


class Resource(_Part):
    """One resource, with its instances."""

    type: str
    name: str
    module: str = ""
    instances: tuple[Instance, ...] = ()


class _Output(_Part):
    value: Any


class _State(_Part):
    version: Literal[4]
    lineage: str = ""
    serial: Annotated[int, Field(ge=0)] = 0
    resources: tuple[Resource, ...] = ()
    outputs: dict[str, _Output] = Field(default_factory=dict)


class _Version(_Part):
    version: int


@dataclass(frozen=True, slots=True)
class StateDocument:
    """A complete state. `lineage` names it and `serial` counts its changes; `outputs` are the values of its outputs by
    name, as in `terraform output -json`, but without a process."""

    text: str
    place: str
    serial: int
    resources: tuple[Resource, ...]
    outputs: Mapping[str, Any]
    lineage: str = ""

    @classmethod
    def read(cls, content: bytes, place: str, restore: str) -> StateDocument:
        """Read a state. Raises StateError if it is empty, cut off, or not a state; `restore` says how to get an
        earlier one back."""
        if not content.strip():
            raise _damaged(f"the Terraform state {place} is empty", "it was cut off, perhaps by a full disk", restore)
        try:
            text = content.decode()
            version = _Version.model_validate_json(text).version
            if version > FORMAT:
                raise StateError(
                    f"the Terraform state {place} has format {version}, not {FORMAT}",
                    cause="a newer terraform wrote it",
                    advice="use the terraform that wrote it, or a newer edgewrap",
                )
            state = _State.model_validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            if first["type"] == "json_invalid":
                raise _unreadable(place, first["ctx"]["error"], restore) from error
            raise _damaged(f"{place} is not a Terraform state", "something else was written there", restore) from error
        except UnicodeDecodeError as error:
            raise _unreadable(place, "it is not text", restore) from error
        values = {name: output.value for name, output in state.outputs.items()}
        return cls(text, place, state.serial, state.resources, values, state.lineage)

    def inputs(self) -> object:
        """edgewrap's inputs, which a run creates first: a text, if edgewrap wrote it.

        Raises StateError if it holds resources without them.
        """
        for resource in self.resources:
            if (resource.type, resource.name) == ("terraform_data", "inputs") and resource.instances:
                kept = resource.instances[0].attributes.get("input")
                if isinstance(kept, dict) and "value" in kept:
                    return kept["value"]
        raise StateError(
            "the Terraform state holds resources, but not edgewrap's inputs",
            cause=f"{self.place} is not a state that edgewrap wrote",
            advice="correct terraform.backend or EDGEWRAP_DIR, or move that state elsewhere",
        )


def _unreadable(place: str, why: str, restore: str) -> StateError:
    what = f"the Terraform state {place} cannot be read: {why}"
    return _damaged(what, "it was cut off, or changed by hand", restore)


def _damaged(what: str, cause: str, restore: str) -> StateError:
    return StateError(what, cause=cause, advice=f"nothing was changed; {restore}")
