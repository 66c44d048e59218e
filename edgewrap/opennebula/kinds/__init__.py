"""The kinds of objects that edgewrap makes on the front-end. The cluster is made first, then the others side by side;
they are removed in reverse order.

A new kind is one file with a subclass of `object_kind.ObjectKind`, and one line in `KINDS`.

    cluster.py            Cluster
    datastore.py          ImageDatastore, SystemDatastore; shared datastores
    host.py               Hosts
    virtual_network.py    PublicNetwork
    address_range.py      the address ranges of the public network, one for each Elastic IP
    vn_template.py        PrivateTemplate
    elastic_ip_template.py  ElasticIpTemplate

    base.py               Existing: an object on the front-end; Identity: whose mark ours carry
    object_kind.py        ObjectKind: the interface of a kind
    ownership.py          which objects are ours
    access.py             modes and locks
    template.py           OpenNebula's template text
    values.py             numbers, names and addresses in the front-end's XML, checked
    operation.py          operations: a change for people, and its calls
    update.py             the steps that create and update an object
"""

from __future__ import annotations

from edgewrap.opennebula.kinds.cluster import CLUSTER
from edgewrap.opennebula.kinds.datastore import IMAGE_DATASTORE, SYSTEM_DATASTORE
from edgewrap.opennebula.kinds.elastic_ip_template import ELASTIC_IP_TEMPLATE
from edgewrap.opennebula.kinds.host import HOSTS
from edgewrap.opennebula.kinds.object_kind import AnyKind
from edgewrap.opennebula.kinds.virtual_network import PUBLIC_NETWORK
from edgewrap.opennebula.kinds.vn_template import PRIVATE_TEMPLATE

KINDS: tuple[AnyKind, ...] = (
    CLUSTER,
    IMAGE_DATASTORE,
    SYSTEM_DATASTORE,
    HOSTS,
    PUBLIC_NETWORK,
    PRIVATE_TEMPLATE,
    ELASTIC_IP_TEMPLATE,
)
