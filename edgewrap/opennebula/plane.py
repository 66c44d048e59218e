"""The OpenNebula plane: observe, plan, apply. Reads are pools, once each; planning is pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import takewhile

from edgewrap.change import Action, Change, PlaneName, changes_of
from edgewrap.events import Emit, Event, EventKind, discard
from edgewrap.finding import Finding
from edgewrap.opennebula import facts, in_use, monitoring, teardown
from edgewrap.opennebula.api import credentials
from edgewrap.opennebula.api.client import FrontEnd
from edgewrap.opennebula.api.errors import NameTakenError
from edgewrap.opennebula.api.transport import HttpWire
from edgewrap.opennebula.destroy import Destroyer
from edgewrap.opennebula.diff import OpenNebulaPlan, Reconciliation, reconcile
from edgewrap.opennebula.executor import Executor, await_settled
from edgewrap.opennebula.facts import ONEADMIN_GROUP, OneFacts
from edgewrap.opennebula.kinds import access, host, ownership
from edgewrap.opennebula.kinds.address_range import RangeFacts
from edgewrap.opennebula.kinds.base import CLUSTER_KEY
from edgewrap.opennebula.kinds.host import HOSTS, HostFacts
from edgewrap.opennebula.kinds.operation import Call, Operation
from edgewrap.opennebula.kinds.ownership import mark_of, marked_hosts
from edgewrap.opennebula.kinds.virtual_network import BRIDGE, PUBLIC_NETWORK, NetworkFacts
from edgewrap.opennebula.preflight import check_front_end, check_new_cluster, ipam_drivers
from edgewrap.outputs import HostPin, Outputs
from edgewrap.plane import NO_CONTEXT, Context, report_skipped, require_planned
from edgewrap.spec.models import Spec

__all__ = ["HostFacts", "OneFacts", "OpenNebulaPlan", "OpenNebulaPlane", "connect", "ipam_drivers"]

ATTEMPTS = 3  # if someone else takes a name during the run
UNVERIFIED = (
    "--insecure: the TLS certificate of {} is not verified; anyone on the network path can read the password and "
    "change the front-end's answers"
)


def connect(spec: Spec, environ: Mapping[str, str], emit: Emit = discard, *, insecure: bool = False) -> FrontEnd:
    """The front-end at the spec's `opennebula.endpoint`, otherwise ONE_XMLRPC, as the user of ONE_AUTH (a file's path,
    or user:password), otherwise ~/.one/one_auth. No call is made yet. With `insecure` its certificate is not verified,
    and `emit` gets a warning.

    Raises FrontEndUnreachableError or AuthenticationError if either is missing.
    """
    endpoint = credentials.endpoint(spec, environ)
    authorities = spec.local_path(spec.opennebula.ca_file) if spec.opennebula.ca_file else None
    if insecure and endpoint.startswith("https:"):
        emit(Event(EventKind.WARNING, PlaneName.OPENNEBULA, "front-end", UNVERIFIED.format(endpoint)))
    wire = HttpWire(endpoint, ca_file=authorities, insecure=insecure)
    return FrontEnd(endpoint, credentials.session(environ), wire=wire, emit=emit)


class OpenNebulaPlane:
    """One cluster on one front-end."""

    def __init__(self, spec: Spec, front_end: FrontEnd, emit: Emit) -> None:
        self._spec = spec
        self._front_end = front_end
        self._emit = emit
        self._destroyer = Destroyer(spec, front_end, emit)
        self._warned: set[str] = set()
        self._looked_again: OpenNebulaPlan | None = None  # the plan of which the skipped operations are reported

    @property
    def writes(self) -> int:
        """How many calls have, or may have, changed something on the front-end so far."""
        return self._front_end.writes

    def observe(self, _context: Context = NO_CONTEXT) -> OneFacts:
        """Read the front-end; changes nothing. Raises AuthorizationError if the user sees only part of it."""
        return facts.observe(self._front_end)

    def preflight(self, facts: OneFacts | None = None, _context: Context = NO_CONTEXT) -> tuple[Finding, ...]:
        """Check whether edgewrap can use the front-end; changes nothing, raises nothing. With the `facts` that a run
        has just read, only what they do not show."""
        if facts is None:
            return check_front_end(self._spec, self._front_end)
        return check_new_cluster(self._spec, self._front_end, facts)

    def pins(self, facts: OneFacts) -> Mapping[str, HostPin]:
        """The pinned SSH host keys, by the host's key. A pin of another instance id is void."""
        return {key: one.pin for key, one in self.hosts(facts).items() if one.pin is not None}

    def hosts(self, facts: OneFacts) -> Mapping[str, HostFacts]:
        """The cluster's hosts with their states, by key."""
        return marked_hosts(self._spec.name, facts.hosts)

    def uuids(self, observed: OneFacts) -> frozenset[str]:
        """The UUIDs of the Terraform states that clusters and hosts of this cluster's name were created from."""
        marks = (mark_of(existing) for existing in (*observed.clusters, *observed.hosts))
        return frozenset(mark.uuid for mark in marks if mark is not None and mark.cluster == self._spec.name)

    def leases(self, observed: OneFacts, outputs: Outputs) -> Mapping[str, str]:
        """Who leases each Elastic IP, by its key, as text (`VM 3`); free ones are left out."""
        identity = facts.identify(observed, self._spec.name, outputs.uuid)
        public = ownership.ours(identity, observed.everything).one(PUBLIC_NETWORK)
        eips = {eip.private_address: eip.key for eip in outputs.eips.values()}
        on_bridge = [one for one in observed.networks if one.bridge == BRIDGE and eips.keys() & _used(one)]
        networks = {one.id: one for one in (public, *on_bridge) if one is not None}
        return in_use.leases_by_eip(self._front_end, networks.values(), eips)

    def vms(self, facts: OneFacts) -> tuple[tuple[in_use.Vm, str], ...]:
        """All VMs that are not done, each with the key of the cluster's host that it is on; empty if it is on none."""
        keys = {one.id: key for key, one in self.hosts(facts).items()}
        return tuple((vm, keys.get(vm.host, "")) for vm in in_use.read_vms(self._front_end))

    def used_addresses(self, facts: OneFacts) -> frozenset[str] | None:
        """The addresses of ranges that may be the cluster's, whoever they belong to: those of the IPAM driver, and
        those on its bridge. None if the user does not see every network."""
        if ONEADMIN_GROUP not in facts.user.groups:
            return None
        return frozenset[str]().union(*map(_used, facts.networks))

    def plan(self, facts: OneFacts, context: Context) -> OpenNebulaPlan:
        """The operations that lead to what the spec asks for. What `apply` would refuse is a warning.

        Raises ForeignObjectError if a needed name belongs to another object, InUseError if the hypervisor of a host
        with VMs would change, and OpenNebulaError if a shared datastore of the spec is missing.
        """
        plan, reconciliation = self._plan(facts, context)
        self._warn(reconciliation.warnings)
        self._warn((self._spec.name, f"`apply` will refuse this plan: {reason}") for reason in plan.obstacles)
        return plan

    def changes_for(self, spec: Spec, facts: OneFacts, context: Context) -> tuple[Change, ...]:
        """The changes that another spec of this cluster would need; makes no calls. Raises what `plan` raises."""
        return self._steps(spec, facts, context)[0].changes

    def require_possible(self, plan: OpenNebulaPlan) -> None:
        """Raises InUseError if a VM, a lease or a lock blocks the plan."""
        in_use.refuse(self._spec.name, plan.obstacles)

    def prepare(self, plan: OpenNebulaPlan, context: Context) -> None:
        """Before AWS removes or replaces hosts and Elastic IPs: disable the hosts, remove the ranges.

        Raises InUseError if a VM, a lease or a lock blocks the plan, and PlanOutdatedError if more is needed than was
        planned, before anything is changed; and InUseError afterwards if a VM was started on such a host by then: the
        host stays disabled.
        """
        self.require_possible(plan)
        if not plan.ahead:
            return
        facts = self.observe()
        fresh, reconciliation = self._plan(facts, context)
        require_planned(changes_of(fresh.ahead), plan.changes)
        in_use.refuse(self._spec.name, fresh.obstacles)
        if fresh.ranges_removed:
            await_settled(self._front_end, reconciliation.ours)
        Executor(self._front_end, self._emit).run(fresh.ahead)
        if fresh.hosts_left:
            hosts = reconciliation.ours.of(HOSTS)
            self._refuse_late_vms({key: hosts[key] for key in fresh.hosts_left})

    def begin(self, plan: OpenNebulaPlan, context: Context) -> None:
        """While the hosts converge: create what is planned, does not exist yet, and needs no report of the hosts. New
        hosts stay offline; existing objects are left to `apply`. `context.reports` are those of the plan.

        Raises what `apply` raises.
        """
        if any(operation.change.action is Action.CREATE for operation in plan.operations):
            self._with_retries(plan, context, only_new=True)

    def interrupt(self) -> None:
        """End what other threads do here: no more calls are sent."""
        self._front_end.stop()

    def apply(self, plan: OpenNebulaPlan, context: Context) -> None:
        """Do what is planned and still needed: create, update, enable the hosts whose report is ready. Can be repeated
        at any point.

        Raises ForeignObjectError, InUseError and PlanOutdatedError before it changes anything (`begin` may have created
        objects), and errors of the front-end.
        """
        if plan.destroy:
            self._destroyer.apply(plan, context)
        else:
            self._with_retries(plan, context)

    def wait_monitored(self, hosts: Collection[str], timeout_s: float) -> None:
        """Wait until each of these hosts (by key) that is enabled is MONITORED (see `monitoring.wait_monitored`)."""
        if hosts:
            monitoring.wait_monitored(self._front_end, self._emit, self._spec.name, hosts, timeout_s)

    def destroy(self, facts: OneFacts, context: Context) -> OpenNebulaPlan:
        """The plan that removes the cluster. With the outputs in `context`, a cluster of the same name that belongs to
        another Terraform state is kept; without them, the existing one is removed.

        Raises InUseError if anything depends on it, ForeignObjectError if two clusters have the name.
        """
        return self._destroyer.plan(facts, context)

    def _plan(self, facts: OneFacts, context: Context) -> tuple[OpenNebulaPlan, Reconciliation]:
        """The plan and its comparison. Pure, except for leases and locks, which pools do not show."""
        plan, now, ranges = self._steps(self._spec, facts, context)
        removed = {one.id: one for one in (*ranges, *_ranges_removed(now))}
        changed = {existing.kind: existing for existing in now.changed}
        network = now.ours.one(PUBLIC_NETWORK)
        if network is not None and removed:
            changed[network.kind] = network
        obstacles = (
            *host.vms_on(now.ours.of(HOSTS), plan.hosts_left),
            *in_use.leases(self._front_end, network, removed.values(), facts.networks),
            *access.locks(self._front_end, changed.values()),
        )
        return replace(plan, obstacles=obstacles), now

    def _steps(
        self, spec: Spec, facts: OneFacts, context: Context
    ) -> tuple[OpenNebulaPlan, Reconciliation, Collection[RangeFacts]]:
        """What leads to what `spec` asks for, and the ranges that are removed while the cluster stays. Pure."""
        outputs = context.known_outputs
        now = left = reconcile(spec, facts, outputs, context.reports)
        hosts, ranges = teardown.to_remove(now.ours, outputs, context.replaced)
        ahead = teardown.releases(now.ours, hosts, ranges, spec.opennebula.replica, outputs)
        if hosts:
            left = reconcile(spec, teardown.with_disabled(facts, now.ours, hosts), outputs, context.reports)
        done = {(operation.change.kind, operation.change.key): _effect(operation) for operation in ahead}
        rest = tuple(
            operation
            for operation in left.operations
            if _effect(operation) != done.get((operation.change.kind, operation.change.key))
        )
        return OpenNebulaPlan(ahead, rest, hosts_left=hosts, ranges_removed=bool(ranges)), now, ranges

    def _with_retries(self, plan: OpenNebulaPlan, context: Context, *, only_new: bool = False) -> None:
        for _ in range(ATTEMPTS - 1):
            with suppress(NameTakenError):
                self._apply(plan, context, only_new=only_new)
                return
        self._apply(plan, context, only_new=only_new)

    def _apply(self, plan: OpenNebulaPlan, context: Context, *, only_new: bool) -> None:
        facts = self.observe()
        fresh, reconciliation = self._plan(facts, context)
        require_planned(fresh.changes, plan.changes)
        self._warn(reconciliation.warnings)
        in_use.refuse(self._spec.name, fresh.obstacles)
        if self._looked_again is not plan:  # a second look no longer needs what followed the first one
            self._looked_again = plan
            report_skipped(changes_of(plan.operations), fresh.changes, self._emit)
        if fresh.operations:
            await_settled(self._front_end, reconciliation.ours)
        executor = Executor(self._front_end, self._emit)
        chosen: Callable[[Sequence[Operation]], tuple[Operation, ...]] = _creations if only_new else tuple
        executor.run(chosen(reconciliation.cluster))
        made = executor.made(CLUSTER_KEY)
        if made is not None:  # references to the new cluster get its id
            reconciliation = reconcile(self._spec, facts, context.known_outputs, context.reports, made)
        executor.run(*map(chosen, reconciliation.chains), defer=only_new)

    def _refuse_late_vms(self, disabled: Mapping[str, HostFacts]) -> None:
        """Check again after disabling: a VM may have been started before, and AWS must not delete its host."""
        vms = {one.id: one.vms for one in HostFacts.read_pool(self._front_end)}
        late = [
            f"{key} ({one.name}) has got the VMs {', '.join(map(str, vms[one.id]))}"
            for key, one in disabled.items()
            if vms.get(one.id)
        ]
        in_use.refuse(self._spec.name, late and [*late, "these hosts are disabled now"])

    def _warn(self, warnings: Iterable[tuple[str, str]]) -> None:
        """An event for each warning, once in a run."""
        for subject, text in warnings:
            if text not in self._warned:
                self._warned.add(text)
                self._emit(Event(EventKind.WARNING, PlaneName.OPENNEBULA, subject, text))


def _ranges_removed(plan: Reconciliation) -> list[RangeFacts]:
    """The ranges of our network that an operation removes, alone or to replace them."""
    calls = (step for operation in plan.operations for step in operation.steps if isinstance(step, Call))
    removed = {call.arguments[1] for call in calls if call.method == "vn.rm_ar"}
    network = plan.ours.one(PUBLIC_NETWORK)
    return [existing for existing in network.ranges if existing.id in removed] if network else []


def _creations(chain: Sequence[Operation]) -> tuple[Operation, ...]:
    """The operations at the beginning of a chain that only create."""
    return tuple(takewhile(lambda operation: operation.only_creates, chain))


def _effect(operation: Operation) -> Change:
    """The result of an operation, without its reason."""
    return replace(operation.change, before={}, why="")


def _used(network: NetworkFacts) -> frozenset[str]:
    """The addresses of ranges on our bridge and of the IPAM driver's ranges."""
    ranges = (one for one in network.ranges if one.by_driver or network.bridge == BRIDGE)
    return frozenset[str]().union(*(one.addresses for one in ranges))
