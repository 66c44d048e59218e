"""The current state of the cluster, as AWS, OpenNebula and the hosts report it; changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgewrap.change import PlaneName
from edgewrap.engine.cluster import Cluster
from edgewrap.engine.health import health, observe_hosts
from edgewrap.engine.plan import applied_state, observe_opennebula
from edgewrap.engine.preflight import report_findings
from edgewrap.errors import AwsError, EdgewrapError
from edgewrap.events import Event, EventKind
from edgewrap.finding import Finding
from edgewrap.plane import Context

if TYPE_CHECKING:
    from edgewrap.aws.plane import AwsState
    from edgewrap.opennebula.plane import OneFacts

UNKNOWN_STATE = "unknown"


@dataclass(frozen=True, slots=True)
class HostStatus:
    """One host. `opennebula` is the front-end's state of it, `network` compares its configuration with the spec
    (`ready`, `differs`, or why it could not be read), `groups` are the interface groups that it is the entry host
    of."""

    key: str
    instance_id: str
    public_address: str
    private_address: str
    instance: str
    opennebula: str
    network: str
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EipStatus:
    """One Elastic IP; `vm` is the id of the VM that leases it, empty if none does; `made_by` is `spec` or `driver`."""

    key: str
    public_address: str
    private_address: str
    group: str
    entry_host: str
    vm: str
    made_by: str


@dataclass(frozen=True, slots=True)
class ClusterStatus:
    """One cluster; `warnings` are about what is configured right and does not work."""

    name: str
    region: str
    zone: str
    vpc_id: str
    hosts: tuple[HostStatus, ...]
    eips: tuple[EipStatus, ...]
    warnings: tuple[Finding, ...] = ()


def read_status(cluster: Cluster) -> ClusterStatus:
    """Observe all three planes. What could not be read is `unknown`, with a warning event.

    Raises StateError if nothing is applied yet.
    """
    state = _state(cluster)
    facts, pins = observe_opennebula(cluster, (PlaneName.AWS, PlaneName.HOSTS))
    observation = observe_hosts(cluster, state, pins)
    report_findings(cluster, cluster.hosts.check_front_end(Context(state.outputs, pins=pins)))
    vms, outputs = _vms(cluster, state, facts), state.outputs
    in_one = cluster.opennebula.hosts(facts) if facts is not None else {}
    absent = UNKNOWN_STATE if facts is None else "none"
    reports = cluster.hosts.reports(observation, Context(outputs))
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
        eips.append(EipStatus(key, *addresses, eip.group, entry_host, vms.get(key, ""), made_by))
    warnings = health(cluster, state, outputs, observation)
    where = (outputs.region, outputs.zone, outputs.vpc_id)
    return ClusterStatus(cluster.spec.name, *where, tuple(hosts), tuple(eips), warnings)


def _state(cluster: Cluster) -> AwsState:
    """With the instances as AWS has them now, if it can be reached."""
    state = None
    try:
        state = cluster.aws.observe()
    except AwsError as error:
        text = f"AWS could not be reached ({error.what}): the instances are shown as after the last run"
        cluster.emit(Event(EventKind.WARNING, PlaneName.AWS, "instances", text))
    return state if state is not None else applied_state(cluster)


def _vms(cluster: Cluster, state: AwsState, facts: OneFacts | None) -> Mapping[str, str]:
    if facts is None:
        return {}
    try:
        return cluster.opennebula.leases(facts, state.outputs)
    except EdgewrapError as error:
        cluster.emit(Event(EventKind.WARNING, PlaneName.OPENNEBULA, "leases", error.what))
        return {}
