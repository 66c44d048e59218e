"""The interface of a kind of object.

A new kind is a file with a subclass of `ObjectKind` (or `SingleObject`), and one line in `KINDS`. If no other kind
reads its pool, the file also has a subclass of `Existing`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from edgewrap.opennebula.kinds.base import Existing, Identity
from edgewrap.opennebula.kinds.operation import Operation, deletion
from edgewrap.opennebula.kinds.template import Template
from edgewrap.outputs import HostReport, Outputs
from edgewrap.spec.models import Spec

if TYPE_CHECKING:
    from edgewrap.opennebula.facts import OneFacts

F = TypeVar("F", bound=Existing)


@dataclass(frozen=True, slots=True)
class Desired:
    """An object as it should be: its key in the cluster, its name, and the attributes that we set."""

    key: str
    name: str
    attributes: Template

    @property
    def label(self) -> str:
        """What a plan calls it."""
        return self.name


@dataclass(frozen=True, slots=True)
class OwnedObjects:
    """Our objects, by key, in the order of `KINDS` and of their indexes."""

    by_key: Mapping[str, Existing]

    def of(self, kind: ObjectKind[F, Any]) -> dict[str, F]:
        """The objects of one kind, by key."""
        found = ((key, one) for key, one in self.by_key.items() if kind.has_key(key))
        return {key: existing for key, existing in found if isinstance(existing, kind.facts)}

    def one(self, kind: SingleObject[F, Any]) -> F | None:
        """The object of a kind of which there is one."""
        return self.of(kind).get(kind.key)


@dataclass(frozen=True, slots=True)
class DiffContext:
    """What a diff is computed from. `cluster_id` is None if the cluster is not there yet."""

    spec: Spec
    outputs: Outputs
    reports: Mapping[str, HostReport]
    facts: OneFacts
    identity: Identity
    ours: OwnedObjects
    cluster_id: int | None


D = TypeVar("D", bound=Desired)


class ObjectKind(ABC, Generic[F, D]):
    """One kind of object that edgewrap manages; everything is pure. `facts` is the class of its objects: kinds that
    share one differ in their keys."""

    facts: type[F]

    @abstractmethod
    def has_key(self, key: str) -> bool:
        """Whether an object with this KEY in its mark is of this kind."""

    @abstractmethod
    def desired(self, context: DiffContext) -> Sequence[D]:
        """The objects as they should be. Raises OpenNebulaError if the spec asks for what cannot be."""

    @abstractmethod
    def diff(self, context: DiffContext, wanted: Sequence[D]) -> list[Operation]:
        """The operations that make the objects as they should be."""

    def chains(self, operations: Sequence[Operation]) -> Sequence[Sequence[Operation]]:
        """The operations of `diff` in parts that do not depend on each other; each part must run in order."""
        return [operations]

    def check(self, context: DiffContext, wanted: Sequence[D]) -> None:
        """Raises InUseError if the operations must not run."""

    def warnings(self, context: DiffContext, wanted: D) -> Iterable[str]:
        """What a person should know about one object, and edgewrap does not change. Empty texts do not count."""
        return []

    def removals(self, ours: OwnedObjects, shared: Sequence[int]) -> Iterable[Operation]:
        """Deletes the objects, with the whole cluster. `shared` are the datastores of others that are in it."""
        return [deletion(existing, key) for key, existing in ours.of(self).items()]

    def contents(self, ours: OwnedObjects) -> list[str]:
        """What others have in our objects and would lose with them, for people: `destroy` is refused."""
        return []


class SingleObject(ObjectKind[F, D]):
    """A kind of which a cluster has one object."""

    key: str

    @abstractmethod
    def desired_object(self, context: DiffContext) -> D:
        """The object as it should be."""

    @abstractmethod
    def diff_object(self, context: DiffContext, existing: F | None, wanted: D) -> list[Operation]:
        """The operations that make the object as it should be."""

    def has_key(self, key: str) -> bool:
        return key == self.key

    def desired(self, context: DiffContext) -> Sequence[D]:
        return [self.desired_object(context)]

    def diff(self, context: DiffContext, wanted: Sequence[D]) -> list[Operation]:
        existing = context.ours.one(self)
        return [operation for one in wanted for operation in self.diff_object(context, existing, one)]


AnyKind = ObjectKind[Any, Any]
