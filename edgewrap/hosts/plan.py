"""What was seen on all hosts, and the plan that is made from it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from edgewrap.change import Change, changes_of
from edgewrap.errors import HostError
from edgewrap.hosts.facts import HostFacts
from edgewrap.hosts.operation import ROLLBACK, Operation
from edgewrap.outputs import HostOutput, HostPin
from edgewrap.plane import require_planned


@dataclass(frozen=True, slots=True)
class Observation:
    """The observed hosts, by host key: facts and SSH host key of each that answered, and why the others did not. A host
    that could not be converged may have both facts and a failure."""

    facts: Mapping[str, HostFacts] = field(default_factory=dict)
    failures: Mapping[str, HostError] = field(default_factory=dict)
    pins: Mapping[str, HostPin] = field(default_factory=dict)

    def facts_of(self, host: HostOutput) -> HostFacts | None:
        """The facts of this instance; those of another one with the same key do not count."""
        pin = self.pins.get(host.key)
        return self.facts.get(host.key) if pin is not None and pin.instance_id == host.instance_id else None


@dataclass(frozen=True, slots=True)
class HostsPlan:
    """What a run does on the hosts, by host key: `ahead` of AWS's changes, and `operations` after them. `facts` are
    what the plan was made from. For the hosts `unread` (new ones, and those that did not answer) everything is
    planned."""

    facts: Observation = field(default_factory=Observation)
    ahead: Mapping[str, tuple[Operation, ...]] = field(default_factory=dict)
    operations: Mapping[str, tuple[Operation, ...]] = field(default_factory=dict)
    unread: frozenset[str] = frozenset()

    @property
    def changes(self) -> tuple[Change, ...]:
        """All changes, host by host; one that is made before AWS's changes and again after them is shown once."""
        keys = dict.fromkeys((*self.operations, *self.ahead))
        return tuple(change for key in keys for change in self.changes_of(key))

    def changes_of(self, key: str) -> tuple[Change, ...]:
        """The changes of one host."""
        after = changes_of(self.operations.get(key, ()))
        names = {(change.kind, change.key) for change in after}
        return (*(one for one in changes_of(self.ahead.get(key, ())) if (one.kind, one.key) not in names), *after)

    def knows(self, host: HostOutput) -> bool:
        """Whether the plan lists what this instance needs. It does not for hosts that are removed."""
        return host.key in self.operations and host.key not in self.unread and self.facts.facts_of(host) is not None

    def require(self, operations: Iterable[Operation], key: str) -> None:
        """Raises PlanOutdatedError if one host needs more than is planned. Every change also confirms what an earlier
        run, or an earlier step of this one, left unconfirmed."""
        require_planned([change for change in changes_of(operations) if change.kind != ROLLBACK], self.changes_of(key))
