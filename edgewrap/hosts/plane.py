"""The hosts plane: observe, plan and apply, on all hosts in parallel."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from time import monotonic, sleep

from edgewrap.change import Change, changes_of
from edgewrap.counted import counted
from edgewrap.errors import ConvergeError, HostError, PlanOutdatedError
from edgewrap.events import Emit, EventKind
from edgewrap.finding import Finding
from edgewrap.first_boot.files import sets_itself_up, setup_files
from edgewrap.hosts.desired import DesiredHost, Group, desired_hosts
from edgewrap.hosts.diff.host import diff
from edgewrap.hosts.diff.routing import missing_interfaces
from edgewrap.hosts.executor import ROLLBACK_S, change, confirm_earlier_change, names_of
from edgewrap.hosts.facts import HostFacts
from edgewrap.hosts.first_boot_wait import read_when_set_up
from edgewrap.hosts.front_end import front_end_findings, probe_script
from edgewrap.hosts.health import HealthFacts, health_findings, path_findings, session_states
from edgewrap.hosts.operation import Operation
from edgewrap.hosts.plan import HostsPlan, Observation
from edgewrap.hosts.preflight import check_login, check_ssh
from edgewrap.hosts.shared_fields import shared_field_findings
from edgewrap.hosts.ssh.connection import PROGRESS_S, filled_in
from edgewrap.hosts.ssh.sessions import HostSession, Work, host_sessions, run_on_hosts, work_on
from edgewrap.outputs import UNKNOWN, HostOutput, HostPin, HostReport, Outputs
from edgewrap.plane import NO_CONTEXT, Context, report_skipped
from edgewrap.spec.models import Spec

__all__ = ["HostsPlan", "HostsPlane", "Observation", "filled_in"]

INTERFACE_WAIT_S = 60  # from the attachment in AWS to the interface in the kernel
PASSES = 2  # networkd may still release an interface during the first one
SETTLE_S = 1
PROBE_S = 20  # two ports, and the lookup of a name


class HostsPlane:
    """The hosts of one cluster. Each call opens its own connections. A change that is not confirmed within `rollback_s`
    seconds is rolled back."""

    def __init__(self, spec: Spec, emit: Emit, *, rollback_s: int = ROLLBACK_S) -> None:
        self._spec = spec
        self._emit = emit
        self._rollback_s = rollback_s
        self._changed: set[str] = set()

    @property
    def changed(self) -> frozenset[str]:
        """The hosts that this run has, or may have, changed so far."""
        return frozenset(self._changed)

    def observe(self, context: Context) -> Observation:
        """Read every host, one attempt each. Hosts that do not exist yet are left out."""
        return self._over_hosts(context.known_outputs, context.pins, HostSession.read, wait_s=0)

    def plan(self, facts: Observation, context: Context) -> HostsPlan:
        """What every host needs for the spec once AWS has `context.outputs`, and before that, while AWS changes from
        `context.before`. A host that does not exist yet needs everything."""
        outputs = context.known_outputs
        desired = desired_hosts(self._spec, outputs)
        operations: dict[str, tuple[Operation, ...]] = {}
        unread = set()
        for key, host in outputs.hosts.items():
            known = facts.facts_of(host)
            if known is None:
                unread.add(key)
                if key in facts.failures and _exists(host):
                    continue
            operations[key] = diff(desired(key), known or HostFacts())
        ahead = {key: applicable_now(aim, known) for key, aim, known in self._hosts_ahead(facts, context)}
        ahead = {key: needed for key, needed in ahead.items() if needed}
        return HostsPlan(facts, ahead, operations, frozenset(unread))

    def changes_for(self, spec: Spec, facts: Observation, context: Context) -> tuple[Change, ...]:
        """The changes that another spec of this cluster would need; makes no calls."""
        return HostsPlane(spec, self._emit).plan(facts, context).changes

    def reports(self, facts: Observation, context: Context, *, converged: bool = False) -> Mapping[str, HostReport]:
        """A report of each host that was read. With `converged`, as it will be once the host needs no change."""
        outputs = context.known_outputs
        desired = desired_hosts(self._spec, outputs)
        reports = {}
        for key, host in outputs.hosts.items():
            if (known := facts.facts_of(host)) is not None:
                ready = converged or (key not in facts.failures and not diff(desired(key), known))
                reports[key] = HostReport(key, ready, facts.pins.get(key), known.phydev, known.phydev_mtu)
        return reports

    def health(self, facts: Observation, context: Context) -> tuple[Finding, ...]:
        """What is configured correctly on the hosts that were read, and does not work."""
        return health_findings(context.known_outputs.hosts, _health_of(facts, context))

    def shared_field_findings(self, plan: HostsPlan, applied: str, context: Context) -> tuple[Finding, ...]:
        """What the plan must not change while a host cannot be read; `applied` is the spec last applied."""
        return tuple(shared_field_findings(self._spec, applied, plan, context.known_outputs))

    def sessions(self, facts: Observation, context: Context) -> Mapping[tuple[str, str], str]:
        """The BGP sessions between hosts, by the keys of both in the order of the hosts, and their states."""
        return session_states(context.known_outputs.hosts, _health_of(facts, context))

    def settle(self, facts: Observation, context: Context, patience_s: float) -> Observation:
        """Read the hosts again, for at most `patience_s` seconds, while something does not pass between them: sessions
        of BGP need some seconds after a change or a boot."""
        deadline = monotonic() + patience_s
        hosts = context.known_outputs.hosts
        while path_findings(hosts, _health_of(facts, context)) and monotonic() < deadline:
            sleep(SETTLE_S)
            facts = self.observe(context)
        return facts

    def apply(self, plan: HostsPlan, context: Context) -> Observation:
        """Converge every host, and read it again. Waits up to `context.wait_s` seconds for SSH.

        The hosts in the plan are read first: raises PlanOutdatedError, before any is changed, if one needs more than
        was planned. A host that needs nothing is not changed. A failure of one never stops the others.
        """
        return asyncio.run(self._look_and_converge(plan, context))

    def prepare(self, plan: HostsPlan, context: Context) -> Observation:
        """Prepare the hosts for AWS's changes from `context.before` to `context.outputs` (a prediction may have UNKNOWN
        in it). Call this before AWS changes anything, and `apply` after it.

        Everything in use stays. New reflectors are up before old ones are removed. A host that a group moves to is
        configured for it, so that its watcher brings up the entries, and announces them, as soon as the interface is
        attached. Only hosts that were read and that stay are changed. The result has the failures, which need not stop
        the run, because `apply` repeats everything. Raises PlanOutdatedError, before any host is changed, if one needs
        more than was planned.
        """
        before = context.before or context.known_outputs
        aims = {key: aim for key, aim, _ in self._hosts_ahead(plan.facts, context) if key in plan.ahead}
        ready = {key: before.hosts[key] for key in aims}
        known = {**context.pins, **plan.facts.pins}
        now = self._over_hosts(replace(before, hosts=ready), known, HostSession.read, wait_s=context.wait_s)
        for key, facts in now.facts.items():
            plan.require(applicable_now(aims[key], facts), key)

        async def make(visit: HostSession) -> None:
            aim, facts = aims[visit.host.key], await visit.read()
            if await confirm_earlier_change(visit, facts):
                facts = await visit.read()
            if operations := applicable_now(aim, facts):
                visit.progress(f"{counted(len(operations), 'change')} ahead of AWS")
                await change(visit, aim, facts, operations, rollback_s=self._rollback_s)

        return self._over_hosts(replace(before, hosts=ready), known, make, wait_s=context.wait_s)

    def destroy(self, facts: Observation, _context: Context) -> HostsPlan:
        """Nothing: a host's configuration is deleted with its instance."""
        return HostsPlan(facts)

    def preflight(self, _facts: Observation | None = None, _context: Context = NO_CONTEXT) -> tuple[Finding, ...]:
        """Check whether a run can log in to hosts, and whether `edgewrap ssh` finds ssh."""
        return (*check_login(self._spec), check_ssh())

    def login_findings(self) -> tuple[Finding, ...]:
        """Check whether a run can log in to hosts: the key and the agent."""
        return check_login(self._spec)

    def check_front_end(self, context: Context) -> tuple[Finding, ...]:
        """Check from every host that answers whether it reaches the front-end by `opennebula.front_end.name`; nothing
        without a name."""
        name = self._spec.opennebula.front_end.name
        if name is None:
            return ()
        answers: dict[str, str] = {}

        async def ask(visit: HostSession) -> None:
            answers[visit.host.key] = (await visit.run_as_root(probe_script(name), PROBE_S)).stdout

        self._over_hosts(context.known_outputs, context.pins, ask, wait_s=0)
        return tuple(
            front_end_findings(name, {key: answers[key] for key in context.known_outputs.hosts if key in answers})
        )

    def _hosts_ahead(self, facts: Observation, context: Context) -> Iterator[tuple[str, DesiredHost, HostFacts]]:
        """The hosts that AWS does not change, with their desired state while AWS changes the others; none if it changes
        nothing that they depend on."""
        if context.before is None or context.before == context.outputs:
            return
        after = context.known_outputs
        desired = desired_hosts(self._spec, after, context.before)
        for key, host in context.before.hosts.items():
            there, known = after.hosts.get(key), facts.facts_of(host)
            if there and known and there.instance_id == host.instance_id and there.state == "running":
                yield key, desired(key), known

    async def _look_and_converge(self, plan: HostsPlan, context: Context) -> Observation:
        """A host that was in the plan is converged over the connection that it was read over, from the facts read."""
        outputs = context.known_outputs
        desired = desired_hosts(self._spec, outputs)
        hosts = [host for host in outputs.hosts.values() if _exists(host)]
        async with host_sessions(hosts, self._spec, context.pins, self._emit) as visits:
            await work_on((one for one in visits if plan.knows(one.host)), HostSession.read, 0, keep=True)
            left, settled = list[HostSession](), list[HostSession]()
            for visit in visits:
                needs = visit.facts is None or self._still_needs(visit, plan, desired)
                (left if needs else settled).append(visit)
            await asyncio.gather(*(visit.connections.aclose() for visit in settled))
            await work_on(left, partial(self._converge, plan=plan, outputs=outputs, desired=desired), context.wait_s)
        return self._observation(visits)

    def _still_needs(self, visit: HostSession, plan: HostsPlan, desired: Callable[[str], DesiredHost]) -> bool:
        """Whether a host that was read again needs a change. Raises PlanOutdatedError if it needs more than planned."""
        key = visit.host.key
        operations = diff(desired(key), visit.facts or HostFacts())
        plan.require(operations, key)
        if key not in self._changed:
            report_skipped(plan.changes_of(key), changes_of(operations), self._emit)
        return bool(operations)

    def _over_hosts(self, outputs: Outputs, pins: Mapping[str, HostPin], work: Work, *, wait_s: float) -> Observation:
        """Do `work` on every existing host, in parallel, and collect the results."""
        hosts = [host for host in outputs.hosts.values() if _exists(host)]
        return self._observation(asyncio.run(run_on_hosts(hosts, self._spec, pins, self._emit, work, wait_s)))

    def _observation(self, visits: Sequence[HostSession]) -> Observation:
        """The results of work on hosts; remembers which were changed."""
        self._changed |= {visit.host.key for visit in visits if visit.changed}
        return Observation(
            facts={visit.host.key: visit.facts for visit in visits if visit.facts},
            failures={visit.host.key: visit.failure for visit in visits if visit.failure},
            pins={visit.host.key: visit.pin for visit in visits if visit.pin},
        )

    async def _converge(
        self, visit: HostSession, plan: HostsPlan, outputs: Outputs, desired: Callable[[str], DesiredHost]
    ) -> None:
        visit.tell(EventKind.STEP_STARTED, f"connected to {visit.host.address}")
        version = outputs.opennebula_version
        files = setup_files(self._spec, version) if version and sets_itself_up(self._spec) else ()
        host = desired(visit.host.key)
        facts = await self._with_interfaces(visit, host, await read_when_set_up(visit, files))
        if await confirm_earlier_change(visit, facts):
            facts = await self._with_interfaces(visit, host, await visit.read())
        operations = diff(host, facts)
        if plan.knows(visit.host):
            try:
                plan.require(operations, visit.host.key)
            except PlanOutdatedError as error:  # of this host only: the others are already being changed
                raise HostError(visit.host.key, error.what, cause=error.cause, advice=error.advice) from error
        first = len(operations)
        for number in range(PASSES):
            if not operations:
                break
            if number:
                await asyncio.sleep(SETTLE_S)
            visit.progress(counted(len(operations), "change"))
            facts = await change(visit, host, facts, operations, rollback_s=self._rollback_s)
            operations = diff(host, facts)
        if operations:
            raise _still_different(host, facts, operations)
        visit.tell(EventKind.STEP_DONE, f"{counted(first, 'change')} made" if first else "nothing to do")

    async def _with_interfaces(self, visit: HostSession, host: DesiredHost, facts: HostFacts) -> HostFacts:
        """The facts, given those just read, once the interfaces that AWS attached to the host have appeared in its
        kernel; after the timeout, without them."""
        begun, told = monotonic(), -float(PROGRESS_S)
        while (missing := missing_interfaces(host, facts)) and (waited := monotonic() - begun) <= INTERFACE_WAIT_S:
            if waited - told >= PROGRESS_S:
                told = waited
                visit.progress(f"waiting for the interface of {_keys(missing)}")
            await asyncio.sleep(SETTLE_S)
            facts = await visit.read()
        return facts


def applicable_now(host: DesiredHost, facts: HostFacts) -> tuple[Operation, ...]:
    """The operations that are possible now: those on a missing interface are not."""
    everything = (*host.groups, *host.incoming_groups)
    here = tuple(group for group in everything if facts.interface_of(group.mac) is not None)
    awaited = tuple(group for group in everything if group not in here)
    return diff(replace(host, groups=here, incoming_groups=awaited), facts)


def _health_of(facts: Observation, context: Context) -> dict[str, HealthFacts]:
    hosts = context.known_outputs.hosts.items()
    return {key: known.health for key, host in hosts if (known := facts.facts_of(host)) is not None}


def _exists(host: HostOutput) -> bool:
    return UNKNOWN not in (host.instance_id, host.address, host.state)


def _keys(groups: tuple[Group, ...]) -> str:
    return ", ".join(group.key for group in groups)


def _still_different(host: DesiredHost, facts: HostFacts, operations: tuple[Operation, ...]) -> HostError:
    if missing := missing_interfaces(host, facts):
        return HostError(
            host.key,
            f"the interface of {_keys(missing)} is missing",
            cause="AWS has not attached it yet, or has attached it to another instance",
            advice="re-run; if it is still missing, check the network interface in EC2",
        )
    return ConvergeError(
        host.key,
        f"still different after {PASSES} passes: {names_of(operations)}",
        cause="another program on the host changes the same settings",
        advice="look for another tool that configures the network (NetworkManager, cloud-init, a script)",
    )
