"""Operations: a change for people, and the calls that make it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from edgewrap.change import Action, Change, PlaneName
from edgewrap.opennebula.kinds.base import MARK_ATTRIBUTE, Existing
from edgewrap.opennebula.kinds.template import Template, Value
from edgewrap.outputs import UNKNOWN

MERGE = 1  # the update type that keeps others' attributes
_MAKES = (".allocate", ".add_ar")


@dataclass(frozen=True, slots=True)
class Ref:
    """The id of an object of ours that this run creates; `key` is its key."""

    key: str


Argument = int | str | Template | Ref


class Settled(Enum):
    """The state of a network to wait for."""

    READY = "ready"
    GONE = "deleted"


@dataclass(frozen=True, slots=True)
class Call:
    """One call. The id that an allocation returns is the value of `Ref(key)` afterwards, with the operation's key."""

    method: str
    arguments: tuple[Argument, ...]


@dataclass(frozen=True, slots=True)
class Await:
    """Wait until a network is ready or deleted."""

    network: int | Ref
    settled: Settled


@dataclass(frozen=True, slots=True)
class RetryUpdate:
    """Retry the last change of a network in UPDATE_FAILURE on its VMs, and wait until they have it."""

    network: int


@dataclass(frozen=True, slots=True)
class DeleteCluster:
    """Delete an empty cluster. For a moment the front-end may still count a deleted network in it."""

    cluster: int


@dataclass(frozen=True, slots=True)
class WriteOwnId:
    """Write the mark `mark` of the object that this operation has created, with its own id."""

    api: str
    mark: Mapping[str, str]


Step = Call | WriteOwnId | Await | RetryUpdate | DeleteCluster


@dataclass(frozen=True, slots=True)
class Operation:
    """One change and its steps. `deferred_steps` run after all other operations: enabling a host.

    `key` is the object's: `host-0`, `public-network`, `eip-3`.
    """

    key: str
    change: Change
    steps: tuple[Step, ...]
    deferred_steps: tuple[Step, ...] = ()

    @property
    def only_creates(self) -> bool:
        """Whether its steps create an object of known values, and touch no other one."""
        calls = [step for step in self.steps if isinstance(step, Call)]
        creates = self.change.action is Action.CREATE and bool(calls) and calls[0] is self.steps[0]
        return (
            creates
            and calls[0].method.endswith(_MAKES)
            and not any(has_unknown(argument) for call in calls for argument in call.arguments)
        )


def has_unknown(argument: object) -> bool:
    """Whether a value, or any value in a template, has the placeholder of a value that is not known yet."""
    if isinstance(argument, Mapping):
        return any(has_unknown(value) for value in argument.values())
    return isinstance(argument, str) and UNKNOWN in argument


def change(
    kind: str,
    key: str,
    action: Action,
    before: Mapping[str, str] | None = None,
    after: Mapping[str, str] | None = None,
    why: str = "",
) -> Change:
    """A change of this plane."""
    return Change(PlaneName.OPENNEBULA, kind, key, action, before or {}, after or {}, why)


def deletion(existing: Existing, key: str, steps: tuple[Step, ...] = ()) -> Operation:
    """Deletes an object; `steps` if that takes more than the call that deletes it."""
    deleted = change(existing.kind, existing.name, Action.DELETE, {"ID": str(existing.id)})
    return Operation(key, deleted, steps or (Call(f"{existing.api}.delete", (existing.id,)),))


def differences(template: Template, wanted: Template) -> tuple[dict[str, str], dict[str, str], Template]:
    """Where an object's attributes differ from the wanted ones: before and after, as flat text for people, and what to
    write: vectors as a whole, with the parts that others put there.

    Compares only the wanted attributes: others' stay. An empty wanted value is the same as none at all.
    """
    before: dict[str, str] = {}
    after: dict[str, str] = {}
    update: dict[str, Value] = {}
    for name, value in wanted.items():
        present = template.get(name, "")
        was, will_be = _flat(name, present), _flat(name, value)
        differing = [part for part, text in will_be.items() if was.get(part, "") != text]
        if isinstance(value, str) and isinstance(present, Mapping):
            differing, was = [name], {name: ", ".join(f"{part} = {text}" for part, text in present.items())}
        if differing:
            before |= {part: was[part] for part in differing if was.get(part)}
            after |= {part: will_be[part] for part in differing}
            both_vectors = isinstance(value, Mapping) and isinstance(present, Mapping)
            update[name] = {**present, **value} if both_vectors else value  # type: ignore[dict-item]
    return before, after, update


def shown(wanted: Template) -> dict[str, str]:
    """A new object's attributes that are not empty as flat text for people, without its mark."""
    parts = (_flat(name, value) for name, value in wanted.items() if value and name != MARK_ATTRIBUTE)
    return {name: text for part in parts for name, text in part.items()}


def _flat(name: str, value: Value) -> dict[str, str]:
    return {name: value} if isinstance(value, str) else {f"{name}.{part}": text for part, text in value.items()}
