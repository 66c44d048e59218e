"""The hosts plane: observe, diff, converge, over all hosts side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from time import monotonic
from typing import TypeVar

from edgewrap.change import Change
from edgewrap.errors import ConvergeError, HostError
from edgewrap.events import Emit, EventKind
from edgewrap.first_boot.files import SetupFile, sets_itself_up, setup_files
from edgewrap.hosts.desired import DesiredHost, Group, desired_host
from edgewrap.hosts.diff.host import EMPTY_FACTS, diff, missing_interfaces
from edgewrap.hosts.executor import ROLLBACK_S, change, confirm_earlier_change, names_of
from edgewrap.hosts.facts import HostFacts
from edgewrap.hosts.first_boot import wait_until_set_up
from edgewrap.hosts.operation import Operation
from edgewrap.hosts.ssh.connection import PROGRESS_S
from edgewrap.hosts.ssh.sessions import HostSession, Work, run_on_hosts
from edgewrap.outputs import UNKNOWN, HostOutput, HostPin, HostReport, Outputs
from edgewrap.spec.models import Spec

INTERFACE_WAIT_S = 60  # from the attachment in AWS to the interface in the kernel
PASSES = 2  # networkd may still be letting go of an interface while the first one runs
SETTLE_S = 1

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Observation:
    """What the hosts are, by host key: the facts and the key of each that answered, and why the others did not. A
    host that could not be converged may have both facts and a failure."""

    facts: Mapping[str, HostFacts] = field(default_factory=dict)
    failures: Mapping[str, HostError] = field(default_factory=dict)
    pins: Mapping[str, HostPin] = field(default_factory=dict)

    def facts_of(self, host: HostOutput) -> HostFacts | None:
        """The facts of that very instance; those of another one under the same key tell nothing."""
        pin = self.pins.get(host.key)
        return self.facts.get(host.key) if pin is not None and pin.instance_id == host.instance_id else None


class HostsPlane:
    """The hosts of one cluster. It keeps nothing between calls; each opens its own connections. A change that is not
    confirmed is taken back after `rollback_s` seconds."""

    def __init__(self, spec: Spec, emit: Emit, *, rollback_s: int = ROLLBACK_S) -> None:
        self._spec = spec
        self._emit = emit
        self._undo_s = rollback_s

    def observe(self, outputs: Outputs, pins: Mapping[str, HostPin]) -> Observation:
        """Read every host, one attempt each. Hosts that AWS has yet to make are left out."""

        async def look(visit: HostSession) -> None:
            await visit.read()

        return self._over_hosts(outputs, pins, look, wait_s=0)

    def diff(self, outputs: Outputs, observation: Observation) -> tuple[Change, ...]:
        """What differs on the hosts. One that is not there yet is all `create`; of one that could not be read,
        nothing is told."""
        changes: list[Change] = []
        for key, host in outputs.hosts.items():
            facts = observation.facts_of(host)
            if facts is None and key in observation.failures and _exists(host):
                continue
            changes += [operation.change for operation in self._operations(outputs, key, facts or EMPTY_FACTS)]
        return tuple(changes)

    def reports(self, outputs: Outputs, observation: Observation) -> Mapping[str, HostReport]:
        """A report of each host that was read."""
        return {
            key: HostReport(
                key=key,
                ready=key not in observation.failures and not self._operations(outputs, key, facts),
                pin=observation.pins.get(key),
                phydev=facts.phydev,
                mtu=facts.phydev_mtu,
            )
            for key, host in outputs.hosts.items()
            if (facts := observation.facts_of(host)) is not None
        }

    def converge(
        self, outputs: Outputs, observation: Observation, pins: Mapping[str, HostPin], *, wait_s: float
    ) -> Observation:
        """Make every host what it should be, and read it again. Waits up to `wait_s` seconds for SSH.

        A host that `observation` shows to be right already is not touched. A failure of one never stops the others.
        """
        settled = {
            key: facts
            for key, host in outputs.hosts.items()
            if (facts := observation.facts_of(host)) is not None and not self._operations(outputs, key, facts)
        }

        async def make(visit: HostSession) -> None:
            await self._converge(visit, outputs)

        known = {**pins, **observation.pins}
        result = self._over_hosts(outputs, known, make, wait_s=wait_s, skip=settled)
        return Observation(
            facts=_ordered(outputs, {**settled, **result.facts}),
            failures=result.failures,
            pins=_ordered(outputs, {**{key: observation.pins[key] for key in settled}, **result.pins}),
        )

    def prepare(
        self,
        before: Outputs,
        after: Outputs,
        observation: Observation,
        pins: Mapping[str, HostPin],
        *,
        wait_s: float,
    ) -> Observation:
        """Make the hosts ready for what AWS is about to do, on its way from `before` to `after` (a prediction may have
        UNKNOWN in it); to be called before it begins, `converge` when it is done.

        Whatever is in use stays. New reflectors are up before old ones go; a host that a group moves to knows of it,
        so that its watcher brings the entries up, and announces them, as soon as the interface is there. Only hosts
        that `observation` has read and that stay are touched; what fails on one is in the answer and need not stop the
        run, since `converge` does it all again.
        """
        aim = partial(desired_host, self._spec, after, before=before)
        unready = {
            key: host
            for key, host in before.hosts.items()
            if key in after.hosts
            and after.hosts[key].instance_id == host.instance_id
            and after.hosts[key].state == "running"
            and (facts := observation.facts_of(host)) is not None
            and applicable_now(aim(key), facts)
        }

        async def make(visit: HostSession) -> None:
            host, facts = aim(visit.key), await visit.read()
            if await confirm_earlier_change(visit, facts):
                facts = await visit.read()
            if operations := applicable_now(host, facts):
                visit.progress(f"{len(operations)} changes ahead of AWS")
                await change(visit, host, facts, operations, rollback_s=self._undo_s)

        known = {**pins, **observation.pins}
        return self._over_hosts(replace(before, hosts=unready), known, make, wait_s=wait_s)

    def _over_hosts(
        self, outputs: Outputs, pins: Mapping[str, HostPin], work: Work, *, wait_s: float, skip: Container[str] = ()
    ) -> Observation:
        """Do `work` on every host that is there, all side by side, and gather what they showed."""
        hosts = [host for key, host in outputs.hosts.items() if key not in skip and _exists(host)]
        public_key = self._spec.local_path(self._spec.ssh.public_key)
        visits = asyncio.run(run_on_hosts(hosts, self._spec.ssh, public_key, pins, self._emit, work, wait_s=wait_s))
        return Observation(
            facts={visit.key: visit.facts for visit in visits if visit.facts},
            failures={visit.key: visit.failure for visit in visits if visit.failure},
            pins={visit.key: visit.pin for visit in visits if visit.pin},
        )

    async def _converge(self, visit: HostSession, outputs: Outputs) -> None:
        visit.tell(EventKind.STEP_STARTED, f"connected to {visit.host.name}")
        await wait_until_set_up(visit.session, self._setup_files(outputs), visit.progress)
        host = desired_host(self._spec, outputs, visit.key)
        facts = await self._read_with_interfaces(visit, host)
        if await confirm_earlier_change(visit, facts):
            facts = await self._read_with_interfaces(visit, host)
        operations = diff(host, facts)
        first = len(operations)
        for number in range(PASSES):
            if not operations:
                break
            if number:
                await asyncio.sleep(SETTLE_S)
            visit.progress(f"{len(operations)} changes")
            facts = await change(visit, host, facts, operations, rollback_s=self._undo_s)
            operations = diff(host, facts)
        if operations:
            raise _still_different(host, facts, operations)
        visit.tell(EventKind.STEP_DONE, f"{first} changes made" if first else "nothing to do")

    async def _read_with_interfaces(self, visit: HostSession, host: DesiredHost) -> HostFacts:
        """The facts, once the interfaces that AWS attached to the host have come up in its kernel; without them where
        they do not come."""
        begun, told = monotonic(), -float(PROGRESS_S)
        while True:
            facts = await visit.read()
            missing = missing_interfaces(host, facts)
            waited = monotonic() - begun
            if not missing or waited > INTERFACE_WAIT_S:
                return facts
            if waited - told >= PROGRESS_S:
                told = waited
                visit.progress(f"waiting for the interface of {_keys(missing)}")
            await asyncio.sleep(SETTLE_S)

    def _setup_files(self, outputs: Outputs) -> tuple[SetupFile, ...]:
        version = outputs.opennebula_version
        return setup_files(self._spec, version) if version and sets_itself_up(self._spec) else ()

    def _operations(self, outputs: Outputs, key: str, facts: HostFacts) -> tuple[Operation, ...]:
        return diff(desired_host(self._spec, outputs, key), facts)


def applicable_now(host: DesiredHost, facts: HostFacts) -> tuple[Operation, ...]:
    """What can be done now: what stands on an interface that is not there, cannot."""
    everything = (*host.groups, *host.incoming_groups)
    here = tuple(group for group in everything if facts.interface_of(group.mac) is not None)
    return diff(
        replace(host, groups=here, incoming_groups=tuple(group for group in everything if group not in here)), facts
    )


def _exists(host: HostOutput) -> bool:
    return UNKNOWN not in (host.instance_id, host.name, host.state)


def _ordered(outputs: Outputs, values: Mapping[str, _T]) -> dict[str, _T]:
    return {key: values[key] for key in outputs.hosts if key in values}


def _keys(groups: tuple[Group, ...]) -> str:
    return ", ".join(group.key for group in groups)


def _still_different(host: DesiredHost, facts: HostFacts, operations: tuple[Operation, ...]) -> HostError:
    if missing := missing_interfaces(host, facts):
        return HostError(
            host.key,
            f"the interface of {_keys(missing)} is not there",
            cause="AWS has not attached it yet, or has it attached to another instance",
            advice="run it again; if it stays so, look at the network interface in EC2",
        )
    return ConvergeError(
        host.key,
        f"still different after {PASSES} passes: {names_of(operations)}",
        cause="something else on the host changes the same things",
        advice="look for another tool that configures its network (NetworkManager, cloud-init, a script)",
    )
