"""The current state of the cluster, as AWS, OpenNebula and the hosts report it; changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgewrap.change import PlaneName
from edgewrap.engine.cluster import Cluster
from edgewrap.engine.health import SETTLE_S, health, observe_hosts
from edgewrap.engine.plan import applied_state, observe_opennebula
from edgewrap.engine.preflight import report_findings
from edgewrap.errors import AwsError, EdgewrapError
from edgewrap.events import Event, EventKind
from edgewrap.finding import Finding
from edgewrap.plane import Context

if TYPE_CHECKING:
    from edgewrap.aws.plane import AwsState
    from edgewrap.hosts.plane import Observation
    from edgewrap.opennebula.plane import OneFacts

UNKNOWN_STATE = "unknown"


@dataclass(frozen=True, slots=True)
class HostStatus:
    """One host."""

    key: str
    instance_id: str
    public_address: str
    private_address: str
    instance: str
    """The state of its instance in EC2."""
    opennebula: str
    """Its state in OpenNebula; `none` if the front-end has no such host."""
    network: str
    """Whether its configuration is that of the spec: `ready`, `differs`, or why it could not be read."""
    groups: tuple[str, ...]
    """The interface groups that it is the entry host of."""


@dataclass(frozen=True, slots=True)
class EipStatus:
    """One Elastic IP."""

    key: str
    public_address: str
    private_address: str
    group: str
    entry_host: str
    vm: str
    """The id of the VM that leases it, empty if none does."""
    made_by: str
    """Who requested it: `spec` or `driver`."""


@dataclass(frozen=True, slots=True)
class GroupStatus:
    """One interface group."""

    key: str
    entry_host: str
    interface_id: str
    block: str


@dataclass(frozen=True, slots=True)
class VmStatus:
    """One VM that is on a host of the cluster, or leases one of its Elastic IPs."""

    id: int
    """Its id in OpenNebula."""
    name: str
    """Its name in OpenNebula."""
    state: str
    """OpenNebula's word: `running`, `poweroff`, `boot failure`."""
    host: str
    """The key of its host, empty if it is on no host of the cluster."""
    eips: tuple[str, ...]
    """The keys of the Elastic IPs that it leases."""


@dataclass(frozen=True, slots=True)
class SessionStatus:
    """One BGP session between two hosts."""

    hosts: tuple[str, str]
    """The keys of the two hosts."""
    state: str
    """BGP's word. It works if this is `Established`."""


@dataclass(frozen=True, slots=True)
class ClusterStatus:
    """One cluster."""

    name: str
    """The cluster's name."""
    region: str
    zone: str
    vpc_id: str
    hosts: tuple[HostStatus, ...]
    """Its hosts."""
    eips: tuple[EipStatus, ...]
    """Its Elastic IPs."""
    warnings: tuple[Finding, ...] = ()
    """What is configured correctly and does not work."""
    groups: tuple[GroupStatus, ...] = ()
    """Its interface groups."""
    vms: tuple[VmStatus, ...] = ()
    """The VMs on its hosts, and those that lease its Elastic IPs."""
    sessions: tuple[SessionStatus, ...] = ()
    """The BGP sessions between its hosts."""
    front_end: str = UNKNOWN_STATE
    """OpenNebula's version, `unknown` if the front-end could not be read."""


def read_status(cluster: Cluster, settle_s: float = SETTLE_S) -> ClusterStatus:
    """Observe all three planes. What could not be read is `unknown`, with a warning event.

    Raises StateError if nothing is applied yet.
    """
    state = _state(cluster)
    facts, pins = observe_opennebula(cluster, (PlaneName.AWS, PlaneName.HOSTS))
    observation = observe_hosts(cluster, state, pins, settle_s)
    report_findings(cluster, cluster.hosts.check_front_end(Context(state.outputs, pins=pins)))
    return status_of(cluster, state, facts, observation)


def status_of(cluster: Cluster, state: AwsState, facts: OneFacts | None, observation: Observation) -> ClusterStatus:
    """The status by what was observed; reads only who leases the Elastic IPs, and the VMs."""
    leases, outputs, context = _leases(cluster, state, facts), state.outputs, Context(state.outputs)
    in_one = cluster.opennebula.hosts(facts) if facts is not None else {}
    absent = UNKNOWN_STATE if facts is None else "none"
    reports = cluster.hosts.reports(observation, context)
    hosts = []
    for key, host in outputs.hosts.items():
        one = in_one[key].state_word if key in in_one else absent
        if key in reports:
            network = "ready" if reports[key].ready else "differs"
        else:
            failure = observation.failures.get(key)
            network = failure.what.removeprefix(f"{key}: ") if failure else UNKNOWN_STATE
        groups = tuple(group.key for group in outputs.groups.values() if group.host == key)
        addresses = (host.public_address, host.private_address)
        hosts.append(HostStatus(key, host.instance_id, *addresses, host.state, one, network, groups))
    eips = []
    for key, eip in outputs.eips.items():
        entry_host = outputs.groups[eip.group].host if eip.group in outputs.groups else ""
        made_by = "driver" if eip.by_driver else "spec"
        addresses = (eip.public_address, eip.private_address)
        eips.append(EipStatus(key, *addresses, eip.group, entry_host, leases.get(key, ""), made_by))
    return ClusterStatus(
        cluster.spec.name,
        outputs.region,
        outputs.zone,
        outputs.vpc_id,
        tuple(hosts),
        tuple(eips),
        health(cluster, state, outputs, observation),
        tuple(GroupStatus(one.key, one.host, one.interface_id, one.block) for one in outputs.groups.values()),
        _vms(cluster, facts, leases),
        tuple(SessionStatus(pair, word) for pair, word in cluster.hosts.sessions(observation, context).items()),
        UNKNOWN_STATE if facts is None else facts.version,
    )


def _state(cluster: Cluster) -> AwsState:
    """With the instances as AWS has them now, if it can be reached."""
    state = None
    try:
        state = cluster.aws.observe()
    except AwsError as error:
        text = f"AWS could not be reached ({error.what}): the instances are shown as after the last run"
        cluster.emit(Event(EventKind.WARNING, PlaneName.AWS, "instances", text))
    return state if state is not None else applied_state(cluster)


def _leases(cluster: Cluster, state: AwsState, facts: OneFacts | None) -> Mapping[str, str]:
    if facts is None:
        return {}
    try:
        return cluster.opennebula.leases(facts, state.outputs)
    except EdgewrapError as error:
        cluster.emit(Event(EventKind.WARNING, PlaneName.OPENNEBULA, "leases", error.what))
        return {}


def _vms(cluster: Cluster, facts: OneFacts | None, leases: Mapping[str, str]) -> tuple[VmStatus, ...]:
    """The VMs of the cluster. The pool, which has those of all clusters, is read only if there are any."""
    if facts is None or not (leases or any(host.vms for host in cluster.opennebula.hosts(facts).values())):
        return ()
    try:
        found = cluster.opennebula.vms(facts)
    except EdgewrapError as error:
        cluster.emit(Event(EventKind.WARNING, PlaneName.OPENNEBULA, "VMs", error.what))
        return ()
    holders = {key: text.split(", ") for key, text in leases.items()}
    vms = (
        VmStatus(vm.id, vm.name, vm.state, host, tuple(key for key in holders if f"VM {vm.id}" in holders[key]))
        for vm, host in found
    )
    return tuple(vm for vm in vms if vm.host or vm.eips)
