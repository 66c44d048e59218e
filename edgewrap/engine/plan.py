"""One plan over three planes: observe them in parallel, and collect their changes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from edgewrap.change import Change, PlaneName
from edgewrap.engine.cluster import Cluster
from edgewrap.engine.dead_hosts import HostDisposition, HostRequests, classify_hosts
from edgewrap.engine.health import dead_hosts, explained, health, observe_hosts
from edgewrap.engine.origin import NO_BASELINE, Baseline, baseline_context, make_baseline, with_origins
from edgewrap.engine.parallel import side_by_side
from edgewrap.engine.preflight import check_new_resources, report_findings
from edgewrap.engine.state_ownership import require_own_state
from edgewrap.errors import (
    EdgewrapError,
    HostError,
    HostKeysUnreadableError,
    HostUnreachableError,
    StateError,
    UsageError,
)
from edgewrap.events import Event, EventKind
from edgewrap.finding import Finding
from edgewrap.first_boot.files import follows_front_end
from edgewrap.outputs import UNKNOWN, HostPin, HostReport, Outputs
from edgewrap.plane import Context
from edgewrap.spec.load import public_document

if TYPE_CHECKING:
    from edgewrap.aws.plane import AwsPlan, AwsState
    from edgewrap.hosts.plane import HostsPlan, Observation
    from edgewrap.opennebula.plane import OneFacts, OpenNebulaPlan

NO_REQUESTS = HostRequests()


@dataclass(frozen=True, slots=True)
class Observed:
    """The facts of the planes, and AWS's plan, which is made in parallel. Values of a plane that the run leaves out are
    None. `findings`: whether AWS has what the run is about to create."""

    state: AwsState | None
    aws: AwsPlan | None
    facts: OneFacts | None
    hosts: Observation | None
    disposition: HostDisposition
    context: Context
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What a run does: the plans of its planes, None for a plane that it leaves out. `context` has AWS's outputs after
    it, with UNKNOWN in them, and what the hosts plane will report after it. `failures` are hosts that could not be read
    or not be replaced; `findings` are the results of the preflight checks, and `health` what does not work. The changes
    of hosts and OpenNebula that `baseline` has are drift."""

    observed: Observed
    context: Context
    aws: AwsPlan | None = None
    hosts: HostsPlan | None = None
    opennebula: OpenNebulaPlan | None = None
    failures: tuple[HostError, ...] = ()
    findings: tuple[Finding, ...] = ()
    health: tuple[Finding, ...] = ()
    baseline: Baseline = NO_BASELINE

    @property
    def changes(self) -> tuple[Change, ...]:
        """The changes of all planes, with their origins: what is shown, and what apply may do."""
        others = (change for plan in (self.hosts, self.opennebula) if plan is not None for change in plan.changes)
        return (*(self.aws.changes if self.aws else ()), *with_origins(others, self.baseline.changes))

    @property
    def outputs(self) -> Outputs:
        """AWS's outputs after the run."""
        return self.context.known_outputs

    @property
    def unread_hosts(self) -> tuple[str, ...]:
        """The keys of hosts that exist now and after the run, and were not read: what they need is not known."""
        failures = self.observed.hosts.failures if self.observed.hosts is not None else ()
        return tuple(key for key in failures if _stays(self.outputs, key))

    @property
    def nothing_to_do(self) -> bool:
        """No plane has changes, Terraform has nothing hidden to apply, and every host could be read."""
        return not (self.changes or self.failures or (self.aws is not None and self.aws.pending))

    @property
    def unanswered(self) -> tuple[str, ...]:
        """The hosts that must answer, and did not."""
        return tuple(error.host for error in self.failures if isinstance(error, HostUnreachableError))

    @property
    def ended_first(self) -> tuple[str, ...]:
        """The hosts whose instance is replaced by request: it is terminated before AWS has one in its place."""
        return self.aws.replaced if self.aws is not None else ()

    def tolerated(self, outputs: Outputs) -> frozenset[str]:
        """The hosts that need not answer, if AWS has `outputs`: dead, or named by the user, and still the same
        instance."""
        before = self.observed.state.outputs.hosts if self.observed.state else {}
        return frozenset(
            key
            for key in self.observed.disposition.tolerated & before.keys() & outputs.hosts.keys()
            if outputs.hosts[key].instance_id == before[key].instance_id
        )


def make_plan(
    cluster: Cluster,
    planes: tuple[PlaneName, ...],
    requests: HostRequests = NO_REQUESTS,
    *,
    to_apply: bool = False,
    decided_inputs: str = "",
    expect_ready: bool = False,
) -> RunPlan:
    """Observe the planes and compare them with the spec; nothing is changed anywhere. Dead hosts are warned of.

    Raises StateError if the AWS plane is left out and nothing is applied yet, and whatever a plane raises that cannot
    be observed. A plan that is `to_apply` needs the pinned host keys if it is about hosts: raises
    HostKeysUnreadableError, before any host is contacted, if they cannot be read. `decided_inputs`: of a saved plan.
    `expect_ready`: for OpenNebula, a running host that was not read counts as one that is as the spec says.
    """
    observed = observe(cluster, planes, requests, to_apply=to_apply, decided_inputs=decided_inputs)
    context, outputs, state = observed.context, observed.context.known_outputs, observed.state
    tolerated = observed.disposition.tolerated
    expect = partial(with_reports, cluster, observed.hosts, expect_ready=expect_ready, tolerated=tolerated)
    observed_health = health(cluster, state, state.outputs, observed.hosts) if state else ()
    dead = tuple(dead_hosts(outputs))
    plan = RunPlan(observed, context, observed.aws, failures=observed.disposition.kept)
    if observed.hosts is not None:
        staying = (key for key in observed.hosts.failures if _stays(outputs, key))
        failed = [observed.hosts.failures[key] for key in staying if key not in tolerated]
        failures = (*plan.failures, *explained(failed, observed_health))
        plan = replace(plan, hosts=cluster.hosts.plan(observed.hosts, context), failures=failures)
    context = expect(context)
    plan = replace(plan, context=context)
    if observed.facts is not None:
        plan = replace(plan, opennebula=cluster.opennebula.plan(observed.facts, context))
    plan = replace(plan, baseline=_baseline(cluster, plan, expect), health=(*dead, *observed_health))
    report_findings(cluster, dead)
    new = check_new_resources(cluster, plan.changes, outputs, observed.facts)
    shared = cluster.hosts.shared_field_findings(plan.hosts, state.applied, context) if plan.hosts and state else ()
    findings = (*observed.findings, *new, *shared, *observed_health)
    report_findings(cluster, findings)
    return replace(plan, findings=findings)


def observe(
    cluster: Cluster,
    planes: tuple[PlaneName, ...],
    requests: HostRequests = NO_REQUESTS,
    *,
    to_apply: bool = False,
    decided_inputs: str = "",
) -> Observed:
    """Observe the planes in parallel: Terraform's plan takes seconds, the others less."""
    about_aws = PlaneName.AWS in planes
    if not about_aws and requests != NO_REQUESTS:
        raise UsageError(
            "interface groups move in AWS only",
            cause="the run leaves the AWS plane out",
            advice="re-run with that plane",
        )
    with side_by_side(cluster) as pool:
        ahead: Future[None] | None = None
        if about_aws:  # first of all: nothing takes longer
            cluster.aws.warm_up()
            read = pool.submit(cluster.aws.current).result
            if requests == NO_REQUESTS:
                ahead = pool.submit(cluster.aws.plan_ahead, read)
        one = pool.submit(observe_opennebula, cluster, planes, to_apply=to_apply)
        state = cluster.aws.look(read) if about_aws else applied_state(cluster)
        facts, pins = one.result()
        require_own_state(cluster, state, facts, about_aws=about_aws)
        hosts = pool.submit(observe_hosts, cluster, state, pins) if PlaneName.HOSTS in planes else None
        disposition = HostDisposition()
        before = state.outputs if state else None
        context = Context(before=before, pins=pins, decided_inputs=decided_inputs)
        aws: Future[AwsPlan] | None = None
        account = None
        if about_aws:
            on_front_end = cluster.opennebula.hosts(facts) if facts is not None else None
            disposition = classify_hosts(cluster.spec, state.outputs.hosts if state else {}, requests, on_front_end)
            version = facts.version if facts is not None and follows_front_end(cluster.spec) else ""
            avoid, replaced = disposition.avoid, disposition.replaced
            named = cluster.opennebula.used_addresses(facts) if facts is not None else None
            context = replace(context, avoid=avoid, replaced=replaced, front_end_version=version, used_addresses=named)
            aws = planning = pool.submit(_plan_aws, cluster, state, context, ahead)
            account = pool.submit(cluster.aws.requirements, state, context, lambda: planning.result().changes)
        planned = aws.result() if aws else None
        return Observed(
            state,
            planned,
            facts if PlaneName.OPENNEBULA in planes else None,
            hosts.result() if hosts else None,
            disposition,
            replace(context, outputs=planned.predicted if planned else context.before),
            account.result() if account else (),
        )


def _plan_aws(cluster: Cluster, state: AwsState | None, context: Context, ahead: Future[None] | None) -> AwsPlan:
    """AWS's plan, once the one that Terraform has planned `ahead` is known: one Terraform at a time."""
    if ahead is not None:
        ahead.result()
    return cluster.aws.plan(state, context)


def nothing_applied(cluster: Cluster) -> StateError:
    """The error of a command that needs an applied cluster."""
    return StateError(
        f"nothing of {cluster.spec.name} is applied yet",
        cause=f"there is no Terraform state in {cluster.state_place}",
        advice="run `edgewrap apply` with the AWS plane first, or set where the state is: terraform.backend, or "
        "EDGEWRAP_DIR for a local one",
    )


def applied_state(cluster: Cluster) -> AwsState:
    """AWS as the last run left it. Raises StateError if nothing is applied yet."""
    state = cluster.aws.current()
    if state is None:
        raise nothing_applied(cluster)
    return state


def observe_opennebula(
    cluster: Cluster, planes: Collection[PlaneName], *, to_apply: bool = False
) -> tuple[OneFacts | None, Mapping[str, HostPin]]:
    """The front-end, and the host keys that are pinned there. Both are read even if the run leaves out that plane: the
    marks show whether the state is the cluster's own.

    If the front-end cannot be read, a run of that plane raises the error. A run that would change hosts
    (`to_apply`) raises HostKeysUnreadableError. Any other run gets no facts and no pins, and a warning.
    """
    try:
        facts = cluster.opennebula.observe()
    except EdgewrapError as error:
        if PlaneName.OPENNEBULA in planes:
            raise
        if PlaneName.HOSTS in planes and to_apply:
            raise HostKeysUnreadableError(
                f"the pinned host keys cannot be read: {error.what}",
                cause=f"{error.cause}; without the keys, anyone who intercepts the connection can pose as a host",
                advice=f"{error.advice}; no host was contacted and nothing was changed; a run that leaves the hosts "
                "out (`--skip hosts`) does not need the keys",
            ) from error
        plane, key, text = PlaneName.OPENNEBULA, "marks", "whether this is the cluster's own state is not checked"
        if PlaneName.HOSTS in planes:
            plane, key = PlaneName.HOSTS, "host keys"
            text = "the pinned host keys are not checked, so anyone may answer as a host; `apply` needs the keys"
        cluster.emit(Event(EventKind.WARNING, plane, key, f"the front-end could not be read ({error.what}): {text}"))
        return None, {}
    return facts, cluster.opennebula.pins(facts)


def _stays(outputs: Outputs, key: str) -> bool:
    """Whether the host exists now and after the run: only then it is a failure if it cannot be reached."""
    host = outputs.hosts.get(key)
    return host is not None and host.instance_id != UNKNOWN


def _baseline(cluster: Cluster, plan: RunPlan, expect: Callable[[Context], Context]) -> Baseline:
    """What separates drift from changes of the spec on hosts and in OpenNebula; not needed if nothing changes there. If
    the spec is the one last applied, and AWS asks for nothing else, it is what is planned. `expect` adds the reports of
    the hosts to a context."""
    observed = plan.observed
    planned = tuple(one for of in (plan.hosts, plan.opennebula) if of is not None for one in of.changes)
    if observed.state is None or not planned:
        return NO_BASELINE
    context = baseline_context(plan.context, plan.aws.changes if plan.aws else ())
    if observed.state.applied == public_document(cluster.spec) and context == plan.context:
        return Baseline(planned)
    return make_baseline(cluster, observed.state, observed.hosts, observed.facts, expect(context))


def with_reports(
    cluster: Cluster,
    observed: Observation | None,
    context: Context,
    *,
    expect_ready: bool = False,
    tolerated: Collection[str] = (),
) -> Context:
    """The context with what the hosts plane will report once it has changed every host; `observed` is None if the run
    leaves it out. A host that does not answer may be booting: a run that is about the hosts waits for it, unless it is
    among those `tolerated`. With `expect_ready` every running host without a report counts as ready."""
    outputs, reports = context.known_outputs, dict[str, HostReport]()
    now = cluster.hosts.reports(observed, context, converged=True) if observed is not None else {}
    for key, host in outputs.hosts.items():
        failure = observed.failures.get(key) if observed is not None and _stays(outputs, key) else None
        may_boot = failure is None or (isinstance(failure, HostUnreachableError) and key not in tolerated)
        if failure is None and key in now:
            reports[key] = now[key]
        elif expect_ready and (failure is not None or observed is None):
            if not host.is_dead:
                reports[key] = HostReport(key, ready=True, pin=None, phydev=UNKNOWN, mtu=0)
        elif observed is not None and may_boot:
            known = context.pins.get(key)
            pin = known if known and known.instance_id == host.instance_id else HostPin(host.instance_id, UNKNOWN)
            reports[key] = HostReport(key, ready=True, pin=pin, phydev=UNKNOWN, mtu=0)
    return replace(context, reports=reports)
