"""Everything of the front-end that a run looks at, as one frozen picture."""

from __future__ import annotations

from dataclasses import dataclass

from edgewrap.errors import AuthorizationError
from edgewrap.opennebula.api.client import FrontEnd
from edgewrap.opennebula.kinds import cluster, datastore, host, virtual_network, vn_template
from edgewrap.opennebula.kinds.base import Existing, Kind, User, parse_user
from edgewrap.opennebula.kinds.cluster import ClusterFacts
from edgewrap.opennebula.kinds.datastore import DatastoreFacts
from edgewrap.opennebula.kinds.host import HostFacts
from edgewrap.opennebula.kinds.ownership import (
    CLUSTER_KEY,
    IMAGE_KEY,
    NETWORK_KEY,
    SYSTEM_KEY,
    TEMPLATE_KEY,
    Identity,
    mark_of,
    ours,
)
from edgewrap.opennebula.kinds.virtual_network import NetworkFacts
from edgewrap.opennebula.kinds.vn_template import TemplateFacts

EVERYBODYS, ALL, ALL_TO_THE_END = -2, -1, -1  # whose objects, from which id, to which
MYSELF = -1
ONEADMIN_GROUP = 0
DEFAULT_CLUSTER = 0


@dataclass(frozen=True, slots=True)
class OneFacts:
    """The pools of one front-end, read once each. `version` is OpenNebula's."""

    version: str
    user: User
    clusters: tuple[ClusterFacts, ...]
    hosts: tuple[HostFacts, ...]
    datastores: tuple[DatastoreFacts, ...]
    networks: tuple[NetworkFacts, ...]
    templates: tuple[TemplateFacts, ...]

    @property
    def everything(self) -> tuple[Existing, ...]:
        """All objects of all kinds."""
        return (*self.clusters, *self.hosts, *self.datastores, *self.networks, *self.templates)


@dataclass(frozen=True, slots=True)
class OwnedObjects:
    """What of the facts is ours. `hosts` are by key."""

    cluster: ClusterFacts | None
    hosts: dict[str, HostFacts]
    image: DatastoreFacts | None
    system: DatastoreFacts | None
    network: NetworkFacts | None
    template: TemplateFacts | None

    @property
    def all(self) -> tuple[Existing, ...]:
        """All that there is, in no particular order."""
        objects = (self.cluster, *self.hosts.values(), self.image, self.system, self.network, self.template)
        return tuple(existing for existing in objects if existing is not None)


def observe(front_end: FrontEnd) -> OneFacts:
    """Read the pools. Raises AuthorizationError where the user sees only part of them: what he does not see would
    look as if it were not there."""
    facts = OneFacts(
        version=str(front_end.call("system.version")),
        user=parse_user(front_end.read("user.info", MYSELF)),
        clusters=cluster.parse(front_end.read("clusterpool.info")),
        hosts=host.parse(front_end.read("hostpool.info")),
        datastores=datastore.parse(front_end.read("datastorepool.info")),
        networks=virtual_network.parse(front_end.read("vnpool.info", EVERYBODYS, ALL, ALL_TO_THE_END)),
        templates=vn_template.parse(front_end.read("vntemplatepool.info", EVERYBODYS, ALL, ALL_TO_THE_END)),
    )
    hidden = _hidden_kinds(facts)
    if hidden:
        words = " and ".join(f"{kind.word}s" for kind in hidden)
        raise AuthorizationError(
            f"the user {facts.user.name} sees only part of the front-end's {words}",
            cause="the user is not in the group oneadmin, and pools leave out what he has not the right USE on",
            advice="use a user of the group oneadmin: what is not seen would look as if it were not there",
        )
    return facts


def of_identity(facts: OneFacts, identity: Identity) -> OwnedObjects:
    """What is ours."""
    datastores = ours(identity, facts.datastores)
    hosts = ours(identity, facts.hosts)
    return OwnedObjects(
        ours(identity, facts.clusters).get(CLUSTER_KEY),
        dict(sorted(hosts.items(), key=lambda item: int(item[0].removeprefix("host-")))),
        datastores.get(IMAGE_KEY),
        datastores.get(SYSTEM_KEY),
        ours(identity, facts.networks).get(NETWORK_KEY),
        ours(identity, facts.templates).get(TEMPLATE_KEY),
    )


def identify(facts: OneFacts, name: str, uuid: str) -> Identity:
    """Who the cluster `name` with that UUID belongs to: the owner in the cluster's mark, in a host's where the
    cluster is gone, else whoever runs."""
    for existing in (*facts.clusters, *facts.hosts):
        mark = mark_of(existing)
        if mark is not None and (mark.cluster, mark.uuid) == (name, uuid) and mark.owner_uid.isdecimal():
            return Identity(name, uuid, int(mark.owner_uid), facts.user.id)
    return Identity(name, uuid, facts.user.id, facts.user.id)


def _hidden_kinds(facts: OneFacts) -> list[Kind]:
    """Of what the user does not see everything: the default cluster is always there, and what a cluster lists must be
    in its pool."""
    if ONEADMIN_GROUP in facts.user.groups:
        return []
    seen = {(existing.kind, existing.id) for existing in facts.everything}
    expected = {(Kind.CLUSTER, DEFAULT_CLUSTER)} | {
        (kind, number)
        for one in facts.clusters
        for kind, numbers in (
            (Kind.HOST, one.hosts),
            (Kind.DATASTORE, one.datastores),
            (Kind.NETWORK, one.networks),
        )
        for number in numbers
    }
    missing = {kind for kind, _ in expected - seen}
    return [kind for kind in Kind if kind in missing]
