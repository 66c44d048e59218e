"""Clusters, and adding objects to them and removing them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

from edgewrap.lab.opennebula import datastores, hosts, networks, xml
from edgewrap.lab.opennebula.auth import require, require_create
from edgewrap.lab.opennebula.calls import Calls, Code, Refusal, allocating
from edgewrap.lab.opennebula.common import Kind, common_calls, pool_calls
from edgewrap.lab.opennebula.frontend import FrontEnd
from edgewrap.lab.opennebula.records import DEFAULT_CLUSTER, Cluster, Datastore, Host, Network, User
from edgewrap.lab.opennebula.template import Template

FIRST_ID = 100
_RESERVED = Template.of([("RESERVED_CPU", ""), ("RESERVED_MEM", "")])


def render(one: FrontEnd, clusters: Sequence[Cluster], _full: bool) -> list[str]:
    """Clusters as XML."""
    of_hosts, of_datastores, of_networks = members(one)
    return [
        f"<CLUSTER><ID>{cluster.id}</ID>{xml.plain('NAME', cluster.name)}{xml.ids('HOSTS', of_hosts[cluster.id])}"
        f"{xml.ids('DATASTORES', of_datastores[cluster.id])}{xml.ids('VNETS', of_networks[cluster.id])}"
        f"{cluster.template.xml()}</CLUSTER>"
        for cluster in clusters
    ]


def members(one: FrontEnd) -> tuple[defaultdict[int, list[int]], ...]:
    """Ids of hosts, datastores and networks by cluster id."""
    of_hosts, of_datastores, of_networks = (defaultdict[int, list[int]](list) for _ in range(3))
    for host in one.store.all(Host):
        of_hosts[host.cluster_id].append(host.id)
    for datastore in one.store.all(Datastore):
        for cluster_id in datastore.clusters:
            of_datastores[cluster_id].append(datastore.id)
    for network in one.store.all(Network):
        for cluster_id in network.clusters:
            of_networks[cluster_id].append(network.id)
    return of_hosts, of_datastores, of_networks


KIND = Kind(Cluster, "cluster", "cluster", "CLUSTER", "CLUSTER_POOL", render)
calls = Calls(common_calls(KIND) | pool_calls(KIND, "clusterpool", filtered=False))


@calls.method("one.cluster.allocate")
def allocate(one: FrontEnd, user: User, name: str) -> int:
    """A new, empty cluster."""
    require_create(user, "CLUSTER")
    with allocating(one, "cluster"):
        KIND.check_name(one, name)
    number = one.store.next_id(Cluster, FIRST_ID)
    return one.store.put(Cluster(id=number, name=name, template=_RESERVED)).id


@calls.method("one.cluster.delete")
def delete(one: FrontEnd, user: User, number: int) -> int:
    """Delete an empty cluster."""
    cluster = KIND.owned(one, user, number, "ADMIN")
    if number < FIRST_ID:
        raise Refusal(Code.ACTION, f"Cannot delete cluster. System Clusters (ID < {FIRST_ID}) cannot be deleted.")
    for word, found in zip(("hosts", "datastores", "vnets"), members(one), strict=True):
        count = len(found[number])
        if word == "vnets" and not count and one.clock() < one.still_counted.get(number, 0):
            count = 1
        if count:
            what = f"Cluster {number} is not empty, it contains {count} {word}."
            raise Refusal(Code.ACTION, f"Cannot delete cluster. {what}")
    one.store.drop(cluster)
    return number


@calls.method("one.cluster.addhost")
def add_host(one: FrontEnd, user: User, number: int, host_id: int) -> int:
    """Move a host into the cluster."""
    return _move_host(one, user, number, host_id, number)


@calls.method("one.cluster.delhost")
def del_host(one: FrontEnd, user: User, number: int, host_id: int) -> int:
    """Move a host back to the default cluster."""
    return _move_host(one, user, number, host_id, DEFAULT_CLUSTER)


def _move_host(one: FrontEnd, user: User, number: int, host_id: int, into: int) -> int:
    KIND.owned(one, user, number, "ADMIN")
    host = hosts.KIND.owned(one, user, host_id, "ADMIN")
    one.store.put(host.model_copy(update={"cluster_id": into}))
    return number


def _membership(kind: Kind[Datastore] | Kind[Network], *, into: bool) -> Callable[[FrontEnd, User, int, int], int]:
    def change(one: FrontEnd, user: User, number: int, member_id: int) -> int:
        KIND.owned(one, user, number, "ADMIN")
        record = kind.find(one, member_id)
        require(user, "ADMIN", kind.label, record)
        clusters = (set(record.clusters) | {number}) if into else (set(record.clusters) - {number})
        one.store.put(record.model_copy(update={"clusters": tuple(sorted(clusters))}))
        return number

    return change


calls.add(_membership(datastores.KIND, into=True), "one.cluster.adddatastore")
calls.add(_membership(datastores.KIND, into=False), "one.cluster.deldatastore")
calls.add(_membership(networks.KIND, into=True), "one.cluster.addvnet")
calls.add(_membership(networks.KIND, into=False), "one.cluster.delvnet")


def bootstrap(one: FrontEnd) -> None:
    """The cluster that every new front-end has."""
    if one.store.get(Cluster, DEFAULT_CLUSTER) is None:
        one.store.put(Cluster(id=DEFAULT_CLUSTER, name="default", template=_RESERVED))
