"""The objects on the front-end, read once per run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from edgewrap.errors import AuthorizationError
from edgewrap.opennebula.api.client import FrontEnd
from edgewrap.opennebula.kinds import KINDS, ownership
from edgewrap.opennebula.kinds.base import Existing, Identity, User, parse_user
from edgewrap.opennebula.kinds.cluster import ClusterFacts
from edgewrap.opennebula.kinds.datastore import DatastoreFacts
from edgewrap.opennebula.kinds.host import HostFacts
from edgewrap.opennebula.kinds.values import parsed
from edgewrap.opennebula.kinds.virtual_network import NetworkFacts
from edgewrap.opennebula.kinds.vn_template import TemplateFacts

ONEADMIN_GROUP = 0
DEFAULT_CLUSTER = 0

F = TypeVar("F", bound=Existing)


@dataclass(frozen=True, slots=True)
class OneFacts:
    """The pools of one front-end, by the class of their objects. `version` is OpenNebula's."""

    version: str
    user: User
    pools: Mapping[type[Existing], tuple[Existing, ...]]

    def of(self, facts: type[F]) -> tuple[F, ...]:
        """The objects of one class."""
        return tuple(existing for existing in self.pools.get(facts, ()) if isinstance(existing, facts))

    @property
    def clusters(self) -> tuple[ClusterFacts, ...]:
        return self.of(ClusterFacts)

    @property
    def hosts(self) -> tuple[HostFacts, ...]:
        return self.of(HostFacts)

    @property
    def datastores(self) -> tuple[DatastoreFacts, ...]:
        return self.of(DatastoreFacts)

    @property
    def networks(self) -> tuple[NetworkFacts, ...]:
        return self.of(NetworkFacts)

    @property
    def templates(self) -> tuple[TemplateFacts, ...]:
        return self.of(TemplateFacts)

    @property
    def everything(self) -> tuple[Existing, ...]:
        """All objects of all pools."""
        return tuple(existing for pool in self.pools.values() for existing in pool)


def observe(front_end: FrontEnd) -> OneFacts:
    """Read the pools. Raises AuthorizationError if the user sees only part of them: a hidden object would look as if
    it did not exist."""
    version = str(front_end.call("system.version"))
    user = parse_user(front_end.read("user.info", -1, root="USER"))  # the user of this run
    classes = dict.fromkeys(kind.facts for kind in KINDS)
    facts = OneFacts(version, user, {of: of.read_pool(front_end) for of in classes})
    hidden = _hidden_words(facts)
    if hidden:
        raise AuthorizationError(
            f"the user {user.name} sees only part of the front-end's {' and '.join(hidden)}",
            cause="the user is not in the group oneadmin, and pools leave out objects without the right USE",
            advice="use a user of the group oneadmin: edgewrap would take hidden objects for missing ones",
        )
    return facts


def identify(facts: OneFacts, name: str, uuid: str) -> Identity:
    """Who owns the cluster `name` with that UUID: the owner in the cluster's mark, in a host's if the cluster does not
    exist, else the user of this run."""
    for existing in (*facts.clusters, *facts.hosts):
        mark = ownership.mark_of(existing)
        owner = parsed(mark.owner_uid) if mark is not None and (mark.cluster, mark.uuid) == (name, uuid) else None
        if owner is not None:
            return Identity(name, uuid, owner, facts.user.id)
    return Identity(name, uuid, facts.user.id, facts.user.id)


def _hidden_words(facts: OneFacts) -> list[str]:
    """The kinds of objects of which the user does not see all: the default cluster always exists, and the members of a
    cluster must be in their pools."""
    if ONEADMIN_GROUP in facts.user.groups:
        return []
    seen = {(existing.api, existing.id) for existing in facts.everything}
    expected = {(ClusterFacts.api, DEFAULT_CLUSTER)} | {
        (api, number) for one in facts.clusters for api, numbers in one.members.items() for number in numbers
    }
    missing = {api for api, _ in expected - seen}
    return [f"{pool.kind}s" for pool in facts.pools if pool.api in missing]
