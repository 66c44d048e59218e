"""A VPC of three hosts: host-0 is the entry of groups 0 and 1, host-1 of groups 2 and 3, host-2 of none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from edgewrap.change import Change
from edgewrap.events import Event
from edgewrap.hosts.plane import HostsPlane, Observation
from edgewrap.outputs import HostPin, Outputs
from edgewrap.plane import Context
from edgewrap.spec.models import Spec
from tests.integration.hosts.vpc import Vpc, outputs_of

EIPS = 8


@dataclass
class Runner:
    """The hosts plane as a run uses it, from inside the VPC."""

    vpc: Vpc
    spec: Spec
    outputs: Outputs
    pins: dict[str, HostPin] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    changed: frozenset[str] = frozenset()

    @property
    def plane(self) -> HostsPlane:
        """A plane over the spec."""
        return HostsPlane(self.spec, self.events.append)

    @property
    def context(self) -> Context:
        """What a run gives to the plane."""
        return Context(self.outputs, pins=self.pins)

    def observe(self) -> Observation:
        """Read every host."""
        with self.vpc.inside():
            return self.plane.observe(self.context)

    def changes(self, seen: Observation | None = None) -> tuple[Change, ...]:
        """What differs now, or in `seen`."""
        seen = seen or self.observe()
        assert not seen.failures
        return self.plane.plan(seen, self.context).changes

    def try_converge(self, seen: Observation | None = None, *, wait_s: float = 10) -> Observation:
        """Converge from what was seen before, or from what is seen now; whatever comes of it."""
        seen, plane = seen or self.observe(), self.plane
        with self.vpc.inside():
            done = plane.apply(plane.plan(seen, self.context), replace(self.context, wait_s=wait_s))
        self.changed = plane.changed
        return done

    def prepare(self, later: Outputs) -> Observation:
        """Make the hosts ready for what AWS has later."""
        context = replace(self.context, outputs=later, before=self.outputs, wait_s=10)
        plan = self.plane.plan(self.observe(), context)
        with self.vpc.inside():
            return self.plane.prepare(plan, context)

    def converge(self, seen: Observation | None = None) -> Observation:
        """The same; every host ends up ready, with nothing left to do."""
        done = self.try_converge(seen)
        assert not done.failures, {key: (error.what, error.cause) for key, error in done.failures.items()}
        reports = self.plane.reports(done, self.context)
        assert all(report.ready for report in reports.values())
        assert reports.keys() == self.outputs.hosts.keys()
        assert self.plane.plan(done, self.context).changes == ()
        return done

    def only(self, *hosts: str) -> Runner:
        """The same for some of the hosts."""
        kept = {key: self.outputs.hosts[key] for key in hosts}
        return replace(self, outputs=replace(self.outputs, hosts=kept))


@pytest.fixture(scope="module")
def vpc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vpc]:
    """The VPC, its hosts as they come from AWS."""
    directory: Path = tmp_path_factory.mktemp("vpc")
    vpc = Vpc(directory, outputs_of({0: 0, 1: 0, 2: 1, 3: 1}, hosts=3, eips=EIPS))
    try:
        vpc.start()
        yield vpc
    finally:
        vpc.stop()


@pytest.fixture(scope="module")
def runner(vpc: Vpc) -> Runner:
    """The plane over all hosts."""
    return Runner(vpc, vpc.spec(), vpc.outputs)


@pytest.fixture
def make_runner(vpc: Vpc) -> Callable[..., Runner]:
    """The plane with other values of `ssh` in the spec."""
    return lambda **ssh: Runner(vpc, vpc.spec(**ssh), vpc.outputs)
