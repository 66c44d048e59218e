"""The hosts plane: observe, diff, converge, over all hosts side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from time import monotonic
from typing import TypeVar

from edgewrap.change import Change, Plane
from edgewrap.errors import ConvergeError, HostError
from edgewrap.events import Emit, Event, EventKind
from edgewrap.hosts.converge import converge_script, failed_step
from edgewrap.hosts.desired import DesiredHost, desired_host
from edgewrap.hosts.diff import NOTHING, diff, missing_interfaces
from edgewrap.hosts.facts import FactsError, HostFacts, facts_command, parse_facts
from edgewrap.hosts.operations import Operation
from edgewrap.hosts.setup import wait_until_set_up
from edgewrap.hosts.ssh import PROGRESS_S, Session, connected, credentials
from edgewrap.hosts.troubles import explained
from edgewrap.outputs import UNKNOWN, HostOutput, HostPin, HostReport, Outputs
from edgewrap.setup.files import SetupFile, sets_itself_up, setup_files
from edgewrap.spec.models import Spec

FACTS_TIMEOUT_S = 60
CONVERGE_TIMEOUT_S = 180
INTERFACE_WAIT_S = 60  # from the attachment in AWS to the interface in the kernel
PASSES = 2  # networkd may still be letting go of an interface while the first one runs
SETTLE_S = 1
RUNNING = "running"  # of an instance, in AWS's words

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


@dataclass(slots=True)
class _Seen:
    """What one host showed so far, kept whatever happens afterwards."""

    facts: HostFacts | None = None
    pin: HostPin | None = None
    failure: HostError | None = None


class HostsPlane:
    """The hosts of one cluster. It keeps nothing between calls; each opens its own connections."""

    def __init__(self, spec: Spec, emit: Emit) -> None:
        self._spec = spec
        self._emit = emit

    def observe(self, outputs: Outputs, pins: Mapping[str, HostPin]) -> Observation:
        """Read every host, one attempt each. Hosts that AWS has yet to make are left out."""

        async def look(session: Session, seen: _Seen, _started: float) -> None:
            seen.facts = await self._read(session)

        return asyncio.run(self._over_hosts(outputs, pins, look, wait_s=0))

    def diff(self, outputs: Outputs, observation: Observation) -> tuple[Change, ...]:
        """What differs on the hosts. One that is not there yet is all `create`; of one that could not be read,
        nothing is told."""
        changes: list[Change] = []
        for key, host in outputs.hosts.items():
            facts = observation.facts_of(host)
            if facts is None and key in observation.failures and _exists(host):
                continue
            changes += [operation.change for operation in self._operations(outputs, key, facts or NOTHING)]
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

        async def make(session: Session, seen: _Seen, started: float) -> None:
            await self._converge(session, seen, outputs, started)

        known = {**pins, **observation.pins}
        result = asyncio.run(self._over_hosts(outputs, known, make, wait_s=wait_s, skip=frozenset(settled)))
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
            and _possible(aim(key), facts)
        }

        async def make(session: Session, seen: _Seen, started: float) -> None:
            key = session.host.key
            seen.facts = await self._read(session)
            if operations := _possible(aim(key), seen.facts):
                _require_tools(key, seen.facts)
                self._tell(EventKind.STEP_PROGRESS, key, f"{len(operations)} changes ahead of AWS", started)
                await self._apply(session, aim(key), operations)
                seen.facts = await self._read(session)

        known = {**pins, **observation.pins}
        return asyncio.run(self._over_hosts(replace(before, hosts=unready), known, make, wait_s=wait_s))

    async def _over_hosts(
        self,
        outputs: Outputs,
        pins: Mapping[str, HostPin],
        work: Callable[[Session, _Seen, float], Awaitable[None]],
        *,
        wait_s: float,
        skip: frozenset[str] = frozenset(),
    ) -> Observation:
        """Do `work` on every host that is there, all side by side, and gather what they showed."""
        hosts = [host for key, host in outputs.hosts.items() if key not in skip and _exists(host)]
        if not hosts:
            return Observation()
        async with credentials(self._spec.local_path(self._spec.ssh.public_key)) as keys:

            async def one(host: HostOutput) -> _Seen:
                seen = _Seen()
                started = monotonic()

                def progress(text: str) -> None:
                    self._tell(EventKind.STEP_PROGRESS, host.key, text, started)

                if host.state != RUNNING:  # the run tells it from AWS, and whether it matters
                    return _Seen(failure=_not_running(host))
                try:
                    async with connected(
                        host, self._spec.ssh, keys, pins.get(host.key), wait_s=wait_s, progress=progress
                    ) as session:
                        seen.pin = session.pin
                        await work(session, seen, started)
                except HostError as error:
                    seen.failure = error
                    self._tell(EventKind.STEP_FAILED, host.key, f"{error.what}: {error.cause}", started)
                return seen

            everything = dict(zip([host.key for host in hosts], await asyncio.gather(*map(one, hosts)), strict=True))
        return Observation(
            facts={key: seen.facts for key, seen in everything.items() if seen.facts},
            failures={key: seen.failure for key, seen in everything.items() if seen.failure},
            pins={key: seen.pin for key, seen in everything.items() if seen.pin},
        )

    async def _read(self, session: Session) -> HostFacts:
        answer = await session.run_as_root(facts_command(session.user), FACTS_TIMEOUT_S)
        try:
            return parse_facts(answer.stdout)
        except FactsError as error:
            raise HostError(
                session.host.key,
                f"it could not be read: {error}",
                cause=_tail(answer.stderr) or f"the script ended with status {answer.status}",
                advice="look at the host (`edgewrap ssh`): it needs a recent Ubuntu with iproute2",
            ) from error

    async def _converge(self, session: Session, seen: _Seen, outputs: Outputs, started: float) -> None:
        key = session.host.key
        self._tell(EventKind.STEP_STARTED, key, f"connected to {session.host.name}")
        await wait_until_set_up(
            session, self._setup_files(outputs), lambda text: self._tell(EventKind.STEP_PROGRESS, key, text, started)
        )
        seen.facts = await self._read_with_interfaces(session, outputs, started)
        operations = self._operations(outputs, key, seen.facts)
        first = len(operations)
        for number in range(PASSES):
            if not operations:
                break
            if number:
                await asyncio.sleep(SETTLE_S)
            _require_tools(key, seen.facts)
            self._tell(EventKind.STEP_PROGRESS, key, f"{len(operations)} changes", started)
            await self._apply(session, desired_host(self._spec, outputs, key), operations)
            seen.facts = await self._read(session)
            operations = self._operations(outputs, key, seen.facts)
        if operations:
            raise _still_different(key, self._missing(outputs, key, seen.facts), operations)
        done = f"{first} changes made" if first else "nothing to do"
        self._tell(EventKind.STEP_DONE, key, done, started)

    async def _read_with_interfaces(self, session: Session, outputs: Outputs, started: float) -> HostFacts:
        """The facts, once the interfaces that AWS attached to the host have come up in its kernel; without them where
        they do not come."""
        begun, told = monotonic(), -float(PROGRESS_S)
        while True:
            facts = await self._read(session)
            missing = self._missing(outputs, session.host.key, facts)
            waited = monotonic() - begun
            if not missing or waited > INTERFACE_WAIT_S:
                return facts
            if waited - told >= PROGRESS_S:
                told = waited
                text = f"waiting for the interface of {', '.join(missing)}"
                self._tell(EventKind.STEP_PROGRESS, session.host.key, text, started)
            await asyncio.sleep(SETTLE_S)

    async def _apply(self, session: Session, host: DesiredHost, operations: tuple[Operation, ...]) -> None:
        key = session.host.key
        script = converge_script(host, operations)
        answer = await session.run_as_root(script, CONVERGE_TIMEOUT_S)
        if answer.stderr.strip():
            self._tell(EventKind.LOG, key, answer.stderr.strip())
        if answer.status != 0:
            cause, advice = explained(
                _tail(answer.stderr) or "the step said nothing",
                "mend what it names and run it again: what is right already is left alone",
            )
            what = f"step '{failed_step(answer.stdout)}' failed with status {answer.status}"
            raise ConvergeError(key, what, cause=cause, advice=advice)

    def _setup_files(self, outputs: Outputs) -> tuple[SetupFile, ...]:
        version = outputs.opennebula_version
        return setup_files(self._spec, version) if version and sets_itself_up(self._spec) else ()

    def _operations(self, outputs: Outputs, key: str, facts: HostFacts) -> tuple[Operation, ...]:
        return diff(desired_host(self._spec, outputs, key), facts)

    def _missing(self, outputs: Outputs, key: str, facts: HostFacts) -> tuple[str, ...]:
        return tuple(group.key for group in missing_interfaces(desired_host(self._spec, outputs, key), facts))

    def _tell(self, kind: EventKind, key: str, text: str, started: float | None = None) -> None:
        seconds = None if started is None else monotonic() - started
        self._emit(Event(kind, Plane.HOSTS, key, text, seconds))


def _possible(host: DesiredHost, facts: HostFacts) -> tuple[Operation, ...]:
    """What can be done now: what stands on an interface that is not there, cannot."""
    everything = (*host.groups, *host.coming)
    here = tuple(group for group in everything if facts.interface_of(group.mac) is not None)
    return diff(replace(host, groups=here, coming=tuple(group for group in everything if group not in here)), facts)


def _exists(host: HostOutput) -> bool:
    return UNKNOWN not in (host.instance_id, host.name, host.state)


def _ordered(outputs: Outputs, values: Mapping[str, _T]) -> dict[str, _T]:
    return {key: values[key] for key in outputs.hosts if key in values}


def _not_running(host: HostOutput) -> HostError:
    return HostError(
        host.key,
        f"its instance {host.instance_id} is {host.state}",
        cause="it was stopped or terminated outside edgewrap, or AWS failed it",
        advice="start it again in EC2, then run it again",
    )


def _require_tools(key: str, facts: HostFacts) -> None:
    if facts.missing_tools:
        raise ConvergeError(
            key,
            f"it lacks {', '.join(facts.missing_tools)}",
            cause="the image is not one of the supported Ubuntu releases, or packages were removed",
            advice="install iproute2, nftables, util-linux, python3, frr and frr-pythontools on it, then run it again",
        )


def _still_different(key: str, missing: tuple[str, ...], operations: tuple[Operation, ...]) -> HostError:
    if missing:
        return HostError(
            key,
            f"the interface of {', '.join(missing)} is not there",
            cause="AWS has not attached it yet, or has it attached to another instance",
            advice="run it again; if it stays so, look at the network interface in EC2",
        )
    names = ", ".join(operation.change.key.removeprefix(f"{key}/") for operation in operations[:5])
    more = f" and {len(operations) - 5} more" if len(operations) > 5 else ""
    return ConvergeError(
        key,
        f"still different after {PASSES} passes: {names}{more}",
        cause="something else on the host changes the same things",
        advice="look for another tool that configures its network (NetworkManager, cloud-init, a script)",
    )


def _tail(text: str, lines: int = 5) -> str:
    return "; ".join(line.strip() for line in text.strip().splitlines()[-lines:])
