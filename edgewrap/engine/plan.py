"""One plan over three planes: observe them side by side, and put their differences into one list."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from edgewrap.change import Change, PlaneName
from edgewrap.engine.cluster import Cluster
from edgewrap.engine.dead_hosts import HostDisposition, HostRequests, classify_hosts
from edgewrap.engine.parallel import side_by_side
from edgewrap.engine.preflight import check_new_resources, report_findings
from edgewrap.engine.state_ownership import require_own_state
from edgewrap.errors import EdgewrapError, HostError, HostKeysUnreadableError, StateError, UsageError
from edgewrap.events import Event, EventKind
from edgewrap.finding import Finding
from edgewrap.first_boot.files import follows_front_end
from edgewrap.outputs import UNKNOWN, HostPin, HostReport, Outputs

if TYPE_CHECKING:
    from edgewrap.aws.facts import AwsState
    from edgewrap.aws.plan import AwsPlan
    from edgewrap.hosts.plane import Observation
    from edgewrap.opennebula.kinds.host import HostFacts
    from edgewrap.opennebula.plane import OneFacts

NO_REQUESTS = HostRequests()


@dataclass(frozen=True, slots=True)
class Observed:
    """What the planes are now. What belongs to a plane that the run is not about is None. `findings` tell whether
    AWS has what the run is about to make."""

    state: AwsState | None
    aws: AwsPlan | None
    facts: OneFacts | None
    pins: Mapping[str, HostPin]
    hosts: Observation | None
    disposition: HostDisposition
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What a run would do. `outputs` are those that AWS will have after it, with UNKNOWN in them; `failures` are
    hosts that should be there and could not be observed, or not be replaced; `findings` what was looked at of what the
    run needs and does not make; `reports` what the hosts plane will report after it."""

    planes: tuple[PlaneName, ...]
    observed: Observed
    outputs: Outputs
    changes: tuple[Change, ...]
    failures: tuple[HostError, ...]
    findings: tuple[Finding, ...] = ()
    reports: Mapping[str, HostReport] = field(default_factory=dict)

    @property
    def nothing_to_do(self) -> bool:
        """No plane differs, nothing hidden waits for terraform, and every host could be observed."""
        pending = self.observed.aws is not None and self.observed.aws.pending
        return not (self.changes or self.failures or pending)

    def tolerated(self, outputs: Outputs) -> frozenset[str]:
        """The hosts whose silence is no failure, where AWS has `outputs`: dead, or named by the user, and still the
        same instance."""
        stood = self.observed.state.outputs.hosts if self.observed.state else {}
        return frozenset(
            key
            for key in self.observed.disposition.tolerated & stood.keys() & outputs.hosts.keys()
            if outputs.hosts[key].instance_id == stood[key].instance_id
        )


def make_plan(
    cluster: Cluster, planes: tuple[PlaneName, ...], requests: HostRequests = NO_REQUESTS, *, to_apply: bool = False
) -> RunPlan:
    """Observe the planes and compare them with the spec; nothing is changed anywhere. Dead hosts are warned of.

    Raises StateError where the AWS plane is left out and nothing is applied yet to stand on, and whatever a plane
    raises that cannot be observed. A plan that is `to_apply` needs the pinned host keys if it is about hosts: raises
    HostKeysUnreadableError, before any host is contacted, if they cannot be read.
    """
    observed = observe(cluster, planes, requests, to_apply=to_apply)
    if observed.aws is not None:
        outputs = observed.aws.predicted
    elif observed.state is not None:
        outputs = observed.state.outputs
    else:
        raise nothing_applied(cluster)
    changes: list[Change] = list(observed.aws.changes) if observed.aws else []
    reports: Mapping[str, HostReport] = {}
    disposition = observed.disposition
    failures: tuple[HostError, ...] = disposition.kept
    if observed.hosts is not None:
        changes += cluster.hosts.diff(outputs, observed.hosts)
        failures += tuple(
            error
            for key, error in observed.hosts.failures.items()
            if _stays(outputs, key) and key not in disposition.tolerated
        )
        reports = _after_converge(cluster, outputs, observed.hosts)
    if observed.facts is not None:
        changes += cluster.opennebula.diff(observed.facts, outputs, reports, disposition.replaced)
    _warn_of_dead_hosts(cluster, outputs)
    findings = (*observed.findings, *check_new_resources(cluster, changes, outputs, observed.facts))
    report_findings(cluster, findings)
    return RunPlan(planes, observed, outputs, tuple(changes), failures, findings, reports)


def observe(
    cluster: Cluster, planes: tuple[PlaneName, ...], requests: HostRequests = NO_REQUESTS, *, to_apply: bool = False
) -> Observed:
    """Observe the planes side by side: terraform's plan takes seconds, the others fit beside it."""
    with side_by_side(cluster, len(PlaneName) + 1) as pool:  # one for what AWS has to have
        one = pool.submit(observe_opennebula, cluster, planes, to_apply=to_apply)
        return _observe(cluster, planes, requests, pool, one)


def _observe(
    cluster: Cluster,
    planes: tuple[PlaneName, ...],
    requests: HostRequests,
    pool: ThreadPoolExecutor,
    one: Future[tuple[OneFacts | None, Mapping[str, HostPin]]],
) -> Observed:
    about_aws = PlaneName.AWS in planes
    if not about_aws and requests != NO_REQUESTS:
        raise UsageError(
            "interface groups move in AWS only",
            cause="the run leaves the AWS plane out",
            advice="run it with that plane",
        )
    state = cluster.aws.observe() if about_aws else cluster.aws.current()
    if state is None and not about_aws:
        raise nothing_applied(cluster)
    require_own_state(cluster, state, one.result()[0], about_aws=about_aws)
    disposition = HostDisposition()
    aws = account = None
    if about_aws:

        def on_front_end() -> Mapping[str, HostFacts] | None:
            known, _ = one.result()
            return cluster.opennebula.hosts(known) if known is not None else None

        disposition = classify_hosts(cluster.spec, state.outputs.hosts if state else {}, requests, on_front_end)
        aws = pool.submit(_plan_aws, cluster, state, disposition, one)
        account = pool.submit(_look_at_account, cluster, state, disposition, aws)
    facts, pins = one.result()
    hosts = pool.submit(observe_hosts, cluster, state, pins) if PlaneName.HOSTS in planes else None
    return Observed(
        state,
        aws.result() if aws else None,
        facts if PlaneName.OPENNEBULA in planes else None,
        pins,
        hosts.result() if hosts else None,
        disposition,
        account.result() if account else (),
    )


def _plan_aws(
    cluster: Cluster,
    state: AwsState | None,
    disposition: HostDisposition,
    one: Future[tuple[OneFacts | None, Mapping[str, HostPin]]],
) -> AwsPlan:
    """Beside the look at the front-end, unless new hosts follow its version."""
    facts = one.result()[0] if follows_front_end(cluster.spec) else None
    version = facts.version if facts is not None else ""
    return cluster.aws.plan(state, avoid=disposition.avoid, replaced=disposition.replaced, front_end_version=version)


def _look_at_account(
    cluster: Cluster, state: AwsState | None, disposition: HostDisposition, plan: Future[AwsPlan]
) -> tuple[Finding, ...]:
    """Whether AWS has what is about to be made: asked beside Terraform's plan where the state tells of it, after it
    where the plan makes what somebody took away, and not at all where nothing is made."""
    from edgewrap.aws.preflight.checks import expected_topics, planned_topics, replaced_hosts

    expected = expected_topics(cluster.spec, state, disposition.replaced)
    findings = cluster.aws.requirements(state, expected, disposition.replaced)
    changes = plan.result().changes
    return findings + cluster.aws.requirements(state, planned_topics(changes) - expected, replaced_hosts(changes))


def nothing_applied(cluster: Cluster) -> StateError:
    """The error of a command that needs an applied cluster."""
    return StateError(
        f"nothing of {cluster.spec.name} is applied yet",
        cause=f"there is no Terraform state in {cluster.state_place}",
        advice="run `edgewrap apply` with the AWS plane first, or name where the state is: terraform.backend, or "
        "EDGEWRAP_DIR for a local one",
    )


def observe_opennebula(
    cluster: Cluster, planes: Collection[PlaneName], *, to_apply: bool = False
) -> tuple[OneFacts | None, Mapping[str, HostPin]]:
    """The front-end, and the host keys that are pinned there. Both are read even if the run is not about that plane:
    the marks tell whether the state is the cluster's own.

    If the front-end cannot be read, a run that is about it raises what it raised. A run that would change hosts
    (`to_apply`) raises HostKeysUnreadableError. Any other run gets no facts and no pins, and a warning.
    """
    try:
        facts = cluster.opennebula.observe()
    except EdgewrapError as error:
        if PlaneName.OPENNEBULA in planes:
            raise
        if PlaneName.HOSTS in planes and to_apply:
            raise _pins_unreadable(error) from error
        plane, key, text = PlaneName.OPENNEBULA, "marks", "whether this is the cluster's own state is not checked"
        if PlaneName.HOSTS in planes:
            plane, key = PlaneName.HOSTS, "host keys"
            text = "the pinned host keys are not checked, so anyone may answer as a host; `apply` needs the keys"
        cluster.emit(Event(EventKind.WARNING, plane, key, f"the front-end could not be read ({error.what}): {text}"))
        return None, {}
    return facts, cluster.opennebula.pins(facts)


def _pins_unreadable(error: EdgewrapError) -> HostKeysUnreadableError:
    return HostKeysUnreadableError(
        f"the pinned host keys cannot be read: {error.what}",
        cause=f"{error.cause}; without the keys, a host cannot be told from someone who intercepts the connection",
        advice=f"{error.advice}; no host was contacted and nothing was changed; a run that leaves the hosts out "
        "(`--skip hosts`) does not need the keys",
    )


def observe_hosts(cluster: Cluster, state: AwsState | None, pins: Mapping[str, HostPin]) -> Observation:
    from edgewrap.hosts.plane import Observation

    return cluster.hosts.observe(state.outputs, pins) if state else Observation()


def _stays(outputs: Outputs, key: str) -> bool:
    """Whether the host is there now and will be after the run: only then is not reaching it a failure."""
    host = outputs.hosts.get(key)
    return host is not None and host.instance_id != UNKNOWN


def _warn_of_dead_hosts(cluster: Cluster, outputs: Outputs) -> None:
    for key, host in outputs.hosts.items():
        if not host.is_dead:
            continue
        groups = [group.key for group in outputs.groups.values() if group.host == key]
        stranded = f", and {', '.join(groups)} can go to no other host" if groups else ""
        text = (
            f"its instance {host.instance_id} is {host.state}{stranded}: start it in EC2, retire it "
            f"(`retired: [{host.index}]`), or replace it (`edgewrap replace {key}`)"
        )
        cluster.emit(Event(EventKind.WARNING, PlaneName.AWS, key, text))


def _after_converge(cluster: Cluster, outputs: Outputs, observed: Observation) -> Mapping[str, HostReport]:
    """The reports that the hosts plane will give once it has converged every host."""
    now = cluster.hosts.reports(outputs, observed)
    return {
        key: replace(now[key], ready=True)
        if key in now
        else HostReport(key, ready=True, pin=None, phydev=UNKNOWN, mtu=0)
        for key in outputs.hosts
        if key not in observed.failures or not _stays(outputs, key)
    }
