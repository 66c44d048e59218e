"""The current state of the cluster, as AWS, OpenNebula and the hosts report it; changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgewrap.change import PlaneName
from edgewrap.engine.cluster import Cluster
from edgewrap.engine.plan import nothing_applied, observe_hosts, observe_opennebula
from edgewrap.errors import AwsError, EdgewrapError
from edgewrap.events import Event, EventKind
from edgewrap.plane import Context

if TYPE_CHECKING:
    from edgewrap.aws.plane import AwsState
    from edgewrap.hosts.plane import Observation
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
    """One Elastic IP; `vm` is the id of the VM that leases it, empty if none does."""

    key: str
    public_address: str
    private_address: str
    group: str
    entry_host: str
    vm: str


@dataclass(frozen=True, slots=True)
class ClusterStatus:
    """One cluster."""

    name: str
    region: str
    zone: str
    vpc_id: str
    hosts: tuple[HostStatus, ...]
    eips: tuple[EipStatus, ...]


def read_status(cluster: Cluster) -> ClusterStatus:
    """Observe all three planes. What could not be read is `unknown`, with a warning event.

    Raises StateError if nothing is applied yet.
    """
    state = _state(cluster)
    if state is None:
        raise nothing_applied(cluster)
    facts, pins = observe_opennebula(cluster, (PlaneName.AWS, PlaneName.HOSTS))
    return _status(cluster, state, facts, observe_hosts(cluster, state, pins), _vms(cluster, state, facts))


def _state(cluster: Cluster) -> AwsState | None:
    """With the instances as AWS has them now, if it can be reached."""
    try:
        return cluster.aws.observe()
    except AwsError as error:
        text = f"AWS could not be reached ({error.what}): the instances are shown as after the last run"
        cluster.emit(Event(EventKind.WARNING, PlaneName.AWS, "instances", text))
        return cluster.aws.current()


def _status(
    cluster: Cluster, state: AwsState, facts: OneFacts | None, observation: Observation, vms: Mapping[str, str]
) -> ClusterStatus:
    outputs = state.outputs
    hosts = cluster.opennebula.hosts(facts) if facts is not None else {}
    reports = cluster.hosts.reports(observation, Context(outputs))
    return ClusterStatus(
        name=cluster.spec.name,
        region=outputs.region,
        zone=outputs.zone,
        vpc_id=outputs.vpc_id,
        hosts=tuple(
            HostStatus(
                key=key,
                instance_id=host.instance_id,
                public_address=host.public_address,
                private_address=host.private_address,
                instance=host.state,
                opennebula=hosts[key].state_word if key in hosts else "none" if facts is not None else UNKNOWN_STATE,
                network=_network_word(key, reports[key].ready if key in reports else None, observation),
                groups=tuple(group.key for group in outputs.groups.values() if group.host == key),
            )
            for key, host in outputs.hosts.items()
        ),
        eips=tuple(
            EipStatus(
                key=key,
                public_address=eip.public_address,
                private_address=eip.private_address,
                group=eip.group,
                entry_host=outputs.groups[eip.group].host if eip.group in outputs.groups else "",
                vm=vms.get(key, ""),
            )
            for key, eip in outputs.eips.items()
        ),
    )


def _network_word(key: str, ready: bool | None, observation: Observation) -> str:
    if ready is None:
        failure = observation.failures.get(key)
        return failure.what.removeprefix(f"{key}: ") if failure else UNKNOWN_STATE
    return "ready" if ready else "differs"


def _vms(cluster: Cluster, state: AwsState, facts: OneFacts | None) -> Mapping[str, str]:
    if facts is None:
        return {}
    try:
        holders: Mapping[str, str] = cluster.opennebula.leases(facts, state.outputs)
        return holders
    except EdgewrapError as error:
        cluster.emit(Event(EventKind.WARNING, PlaneName.OPENNEBULA, "leases", error.what))
        return {}
