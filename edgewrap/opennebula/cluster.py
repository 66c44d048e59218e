"""The cluster, named as the spec is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgewrap.change import Action
from edgewrap.opennebula.marks import CLUSTER_KEY, Identity, birth_name
from edgewrap.opennebula.mending import Mending
from edgewrap.opennebula.objects import MARK_ATTRIBUTE, Existing, Kind, common, ids
from edgewrap.opennebula.operation import MERGE, Call, Operation, Ref, change, shown
from edgewrap.opennebula.template import Template

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element


@dataclass(frozen=True, slots=True)
class ClusterFacts(Existing):
    """A cluster, with the ids of what is in it."""

    hosts: tuple[int, ...] = ()
    datastores: tuple[int, ...] = ()
    networks: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class DesiredCluster:
    """The cluster as it should be."""

    name: str
    attributes: Template


def parse(pool: Element) -> tuple[ClusterFacts, ...]:
    """The answer of one.clusterpool.info."""
    return tuple(
        ClusterFacts(
            *common(Kind.CLUSTER, element),
            hosts=ids(element, "HOSTS"),
            datastores=ids(element, "DATASTORES"),
            networks=ids(element, "VNETS"),
        )
        for element in pool.findall("CLUSTER")
    )


def desired(identity: Identity) -> DesiredCluster:
    """The cluster carries nothing but its mark."""
    return DesiredCluster(identity.cluster, {MARK_ATTRIBUTE: identity.mark(CLUSTER_KEY).attributes()})


def diff(existing: ClusterFacts | None, wanted: DesiredCluster, uuid: str) -> list[Operation]:
    """What makes the cluster as it should be."""
    if existing is None:
        made = Ref(CLUSTER_KEY)
        return [
            Operation(
                CLUSTER_KEY,
                change(Kind.CLUSTER.word, wanted.name, Action.CREATE, after=shown(wanted.attributes)),
                (
                    Call("cluster.allocate", (birth_name(uuid, CLUSTER_KEY),)),
                    Call("cluster.update", (made, wanted.attributes, MERGE)),
                    Call("cluster.rename", (made, wanted.name)),
                ),
            )
        ]
    mending = Mending(existing)
    mending.attributes(wanted.attributes)
    mending.name(wanted.name)
    return mending.operation(CLUSTER_KEY, wanted.name)
