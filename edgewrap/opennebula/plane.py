"""The OpenNebula plane: observe, diff, act. Reads are pools, once each; the rest is pure until it is run."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from edgewrap.change import Change, PlaneName
from edgewrap.events import Emit, Event, EventKind, discard
from edgewrap.finding import Finding
from edgewrap.opennebula import facts, in_use, monitoring, teardown
from edgewrap.opennebula.api import credentials
from edgewrap.opennebula.api.client import FrontEnd
from edgewrap.opennebula.api.errors import NameTakenError
from edgewrap.opennebula.api.transport import HttpWire
from edgewrap.opennebula.diff import Reconciliation, reconcile
from edgewrap.opennebula.executor import Executor, await_network
from edgewrap.opennebula.facts import OneFacts, OwnedObjects
from edgewrap.opennebula.kinds import access, host
from edgewrap.opennebula.kinds.address_range import RangeFacts
from edgewrap.opennebula.kinds.host import HostFacts
from edgewrap.opennebula.kinds.operation import Call, Operation, Settled
from edgewrap.opennebula.kinds.ownership import CLUSTER_KEY, mark_of
from edgewrap.opennebula.kinds.virtual_network import PENDING_STATES
from edgewrap.opennebula.preflight import check_front_end, check_new_cluster
from edgewrap.outputs import HostPin, HostReport, Outputs
from edgewrap.spec.models import Spec

__all__ = ["OneFacts", "OpenNebulaPlane", "connect"]

LOOKS = 3  # how often names are looked at again that somebody took meanwhile
UNVERIFIED = (
    "--insecure: the certificate of {} is not looked at; whoever stands between can read the password and change what "
    "the front-end answers"
)


def connect(spec: Spec, environ: Mapping[str, str], emit: Emit = discard, *, insecure: bool = False) -> FrontEnd:
    """The front-end of the spec's `opennebula.endpoint`, else of ONE_XMLRPC, as the user of ONE_AUTH (a file's path,
    or user:password), else of ~/.one/one_auth. No call is made yet. With `insecure` its certificate is not looked at,
    which `emit` is told.

    Raises FrontEndUnreachableError or AuthenticationError where either is not to be had.
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
        self._warned: set[str] = set()

    @property
    def writes(self) -> int:
        """How many calls have changed something on the front-end so far, or may have."""
        return self._front_end.writes

    def observe(self) -> OneFacts:
        """Read the front-end; nothing is changed. Raises AuthorizationError where the user sees only part of it."""
        return facts.observe(self._front_end)

    def preflight(self) -> tuple[Finding, ...]:
        """Whether the front-end is one that edgewrap can use; nothing is changed, nothing is raised."""
        return check_front_end(self._spec, self._front_end)

    def requirements(self, facts: OneFacts) -> tuple[Finding, ...]:
        """The same for a front-end that was just read, before a first apply."""
        return check_new_cluster(self._spec, self._front_end, facts)

    def pins(self, facts: OneFacts) -> Mapping[str, HostPin]:
        """The pinned SSH host keys, by the host's key. A pin of another instance id is void."""
        return host.pins(self._marked_hosts(facts.hosts))

    def hosts(self, facts: OneFacts) -> Mapping[str, HostFacts]:
        """The cluster's hosts with their states, by key."""
        return self._marked_hosts(facts.hosts)

    def uuids(self, observed: OneFacts) -> frozenset[str]:
        """The UUIDs of the Terraform states that clusters and hosts of this cluster's name were made from."""
        marks = (mark_of(existing) for existing in (*observed.clusters, *observed.hosts))
        return frozenset(mark.uuid for mark in marks if mark is not None and mark.cluster == self._spec.name)

    def leases(self, observed: OneFacts, outputs: Outputs) -> Mapping[str, str]:
        """Who has each Elastic IP, by its key and in words (`VM 3`); those that are free are left out."""
        identity = facts.identify(observed, self._spec.name, outputs.uuid)
        ours = facts.of_identity(observed, identity)
        return in_use.leases_by_eip(self._front_end, ours.network)

    def diff(
        self, facts: OneFacts, outputs: Outputs, reports: Mapping[str, HostReport], replaced: Collection[str] = ()
    ) -> tuple[Change, ...]:
        """What `apply` would change; what it would refuse is a warning. Raises ForeignObjectError where an object of
        others is in the way, and OpenNebulaError where a datastore that the spec shares is not there."""
        plan = reconcile(self._spec, facts, outputs, reports)
        self._warn(plan)
        for reason in self._obstacles(facts, plan, outputs, replaced):
            self._warn_once(self._spec.name, f"`apply` will refuse this plan: {reason}")
        return tuple(operation.change for operation in plan.operations)

    def require_free(
        self,
        facts: OneFacts,
        outputs: Outputs,
        replaced: Collection[str] = (),
        reports: Mapping[str, HostReport] | None = None,
    ) -> None:
        """Look whether `release` and `apply` may begin; nothing is changed.

        Raises InUseError where a VM runs on a host that is removed, an address that is removed is leased, or what has
        to change is locked.
        """
        self._refuse(facts, reconcile(self._spec, facts, outputs, reports or {}), outputs, replaced)

    def release(self, facts: OneFacts, outputs: Outputs, replaced: Collection[str] = ()) -> None:
        """Before AWS takes hosts and Elastic IPs away that are not in `outputs`, and makes the instances of the hosts
        `replaced` (keys) anew: disable the hosts, remove the ranges.

        Raises InUseError as `require_free`, before anything is changed; and afterwards where a VM came to such a host
        in the meantime: it then stays disabled.
        """
        plan = reconcile(self._spec, facts, outputs, {})
        self._refuse(facts, plan, outputs, replaced)
        leaving = teardown.to_remove(plan.ours, outputs, replaced)
        if leaving.ranges:
            self._wait_until_settled(plan.ours)
        self._executor().run(teardown.releases(plan.ours, leaving, self._spec.opennebula.replica, outputs))
        if leaving.hosts:
            self._refuse_late_vms(plan.ours, leaving.hosts)

    def apply(self, facts: OneFacts, outputs: Outputs, reports: Mapping[str, HostReport]) -> None:
        """Make what comes, mend what differs, enable the hosts whose report is ready. Can be run again at any point.

        Raises ForeignObjectError and InUseError before anything is changed, and what the front-end raises.
        """
        for look in range(LOOKS):
            try:
                self._apply(facts if look == 0 else self.observe(), outputs, reports)
                return
            except NameTakenError:
                if look == LOOKS - 1:
                    raise

    def wait_monitored(self, hosts: Collection[str], timeout_s: float) -> None:
        """Wait until each of these hosts (by key) that is enabled is MONITORED (see `monitoring.wait_monitored`)."""
        if hosts:
            monitoring.wait_monitored(self._front_end, self._emit, self._marked_hosts, hosts, timeout_s)

    def destroy_changes(self, facts: OneFacts, *, uuid: str = "") -> tuple[Change, ...]:
        """What `destroy` would take away. With `uuid` (the Terraform state's) a cluster of the same name that belongs
        to another state is left alone; without it, the one that is there is meant.

        Raises InUseError where anything depends on it, ForeignObjectError where two clusters have the name.
        """
        ours = self._departing(facts, uuid)
        return tuple(operation.change for operation in teardown.removals(ours, self._shared(facts, ours)))

    def destroy(self, facts: OneFacts, *, uuid: str = "") -> None:
        """Take the cluster away. Looks again first: `facts` may be as old as the question to the user.

        Raises as `destroy_changes`, before anything is changed, and what the front-end raises; InUseError afterwards,
        too, where a VM came in the meantime: the hosts then stay disabled. Can be run again.
        """
        if not self._departing(facts, uuid).all:
            return
        now = self.observe()
        ours = self._departing(now, uuid)
        self._wait_until_settled(ours)
        executor = self._executor()
        executor.run(teardown.disable_operations(ours))
        if ours.hosts:
            self._refuse_late_departure(ours)
        executor.run(teardown.removals(ours, self._shared(now, ours)))

    def _apply(self, facts: OneFacts, outputs: Outputs, reports: Mapping[str, HostReport]) -> None:
        plan = reconcile(self._spec, facts, outputs, reports)
        self._warn(plan)
        self._refuse(facts, plan, outputs)
        if plan.operations:
            self._wait_until_settled(plan.ours)
        executor = self._executor()
        executor.run(plan.cluster)
        made = executor.made(CLUSTER_KEY)
        if made is not None:
            plan = reconcile(self._spec, facts, outputs, reports, made)
        executor.run(plan.others)

    def _wait_until_settled(self, ours: OwnedObjects) -> None:
        """A network that another run left while it was being made takes no change yet."""
        if ours.network is not None and ours.network.state in PENDING_STATES:
            await_network(self._front_end, ours.network.id, Settled.READY)

    def _refuse(self, facts: OneFacts, plan: Reconciliation, outputs: Outputs, replaced: Collection[str] = ()) -> None:
        reasons = self._obstacles(facts, plan, outputs, replaced)
        if reasons:
            raise teardown.in_use(f"{self._spec.name} cannot be changed as planned", reasons)

    def _obstacles(
        self, facts: OneFacts, plan: Reconciliation, outputs: Outputs, replaced: Collection[str]
    ) -> list[str]:
        """Why nothing of the plan may be begun: VMs on hosts that are removed, leases of ranges that are, locks."""
        ours = plan.ours
        leaving = teardown.to_remove(ours, outputs, replaced)
        removed = {one.id: one for one in (*leaving.ranges, *_ranges_removed(plan))}
        changed = {existing.kind: existing for existing in plan.changed}
        if ours.network is not None and removed:
            changed[ours.network.kind] = ours.network
        return [
            *in_use.vms_on(ours, leaving.hosts),
            *self._leases(facts, ours, removed.values()),
            *access.locks(self._front_end, changed.values()),
        ]

    def _refuse_late_vms(self, ours: OwnedObjects, keys: Collection[str]) -> None:
        """A VM may have come between the look and the disabling: AWS must not take its host away."""
        now = {one.id: one for one in host.parse(self._front_end.read("hostpool.info"))}
        late = [
            f"{key} ({ours.hosts[key].name}) has got the VMs {', '.join(map(str, now[ours.hosts[key].id].vms))}"
            for key in keys
            if ours.hosts[key].id in now and now[ours.hosts[key].id].vms
        ]
        if late:
            raise teardown.in_use(
                f"{self._spec.name} cannot be changed as planned", [*late, "the hosts named are disabled now"]
            )

    def _refuse_late_departure(self, ours: OwnedObjects) -> None:
        """The same for the whole cluster: a VM without a NIC has no lease that would stop what goes next."""
        hosts = host.parse(self._front_end.read("hostpool.info"))
        late = in_use.vms_in(ours, in_use.read_vms(self._front_end), hosts)
        if late:
            raise teardown.in_use(f"{self._spec.name} cannot be destroyed", [*late, "the hosts are disabled now"])

    def _departing(self, observed: OneFacts, uuid: str) -> OwnedObjects:
        """What is ours and may go. Raises InUseError with every reason why it may not."""
        found = uuid or teardown.uuid_of(observed, self._spec.name)
        identity = facts.identify(observed, self._spec.name, found)
        ours = facts.of_identity(observed, identity)
        if not ours.all:
            return ours
        tenants = in_use.tenants_networks(observed, ours)
        ranges = ours.network.ranges if ours.network else ()
        lockable = [existing for existing in (ours.network, ours.template) if existing is not None]
        reasons = [
            *in_use.vms_in(ours, in_use.read_vms(self._front_end), observed.hosts),
            *self._leases(observed, ours, ranges),
            *in_use.images_in(ours),
            *in_use.tenants_in_words(tenants),
            *in_use.foreign_objects(observed, ours, tenants, self._shared(observed, ours)),
            *in_use.foreign_ranges(ours),
            *access.locks(self._front_end, lockable),
        ]
        if reasons:
            raise teardown.in_use(f"{self._spec.name} cannot be destroyed", reasons)
        return ours

    def _leases(self, facts: OneFacts, ours: OwnedObjects, ranges: Collection[RangeFacts]) -> list[str]:
        return in_use.leases(self._front_end, ours.network, ranges, facts.networks)

    def _shared(self, facts: OneFacts, ours: OwnedObjects) -> tuple[int, ...]:
        return in_use.shared_datastores(facts, ours, self._spec.opennebula.shared_datastores)

    def _marked_hosts(self, hosts: Collection[HostFacts]) -> dict[str, HostFacts]:
        marks = ((mark_of(one), one) for one in sorted(hosts, key=lambda one: one.id))
        return {mark.key: one for mark, one in marks if mark is not None and mark.cluster == self._spec.name}

    def _executor(self) -> Executor:
        return Executor(self._front_end, self._emit)

    def _warn(self, plan: Reconciliation) -> None:
        for notice in plan.warnings:
            self._warn_once(notice.subject, notice.text)

    def _warn_once(self, subject: str, text: str) -> None:
        if text not in self._warned:
            self._warned.add(text)
            self._emit(Event(EventKind.WARNING, PlaneName.OPENNEBULA, subject, text))


def _ranges_removed(plan: Reconciliation) -> list[RangeFacts]:
    if plan.ours.network is None:
        return []
    removed = {call for operation in plan.others for call in _removed_ranges(operation)}
    return [existing for existing in plan.ours.network.ranges if existing.id in removed]


def _removed_ranges(operation: Operation) -> list[int]:
    calls = (step for step in operation.steps if isinstance(step, Call))
    return [int(str(call.arguments[1])) for call in calls if call.method == "vn.rm_ar"]
