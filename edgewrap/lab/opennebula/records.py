"""The front-end's objects as immutable data. Times are seconds since 1970; 0 means never.

`due` is when the object changes its state by itself; 0 if no change is due.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from edgewrap.lab.opennebula.template import Template

ONEADMIN = 0
ADMIN_GROUP = 0
USERS_GROUP = 1
DEFAULT_CLUSTER = 0


class Part(BaseModel):
    """The base of every record and of its parts."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Record(Part):
    """What every object has."""

    id: int
    name: str
    template: Template = Template()


class Lock(Part):
    """Who locked an object, when, in which request, and the level: 1 use, 2 manage, 3 admin."""

    level: int
    owner: int
    time: int
    request: int


class Owned(Record):
    """An object with an owner, a group and the nine permission bits (see `xml.permissions`)."""

    uid: int
    gid: int
    permissions: str = "110000000"
    lock: Lock | None = None


class User(Record):
    """`password` is the SHA-256 of the password, in hex."""

    password: str
    gid: int

    @property
    def is_admin(self) -> bool:
        """Members of the group oneadmin may do everything."""
        return self.gid == ADMIN_GROUP


class Cluster(Record):
    """A cluster; hosts, datastores and networks store which ones they are in."""


class HostState:
    """The lasting states of a host."""

    INIT = 0
    MONITORED = 2
    ERROR = 3
    DISABLED = 4
    OFFLINE = 8


class Capacity(Part):
    """The results of monitoring: KiB of memory, hundredths of a CPU, MiB of disk; `dummy` has the recorded devices
    too."""

    memory: int
    cpu: int
    disk_free: int
    disk_total: int
    disk_used: int
    dummy: bool


class Host(Record):
    """A hypervisor host; its name is the address that the front-end logs in to. `agent` is the driver whose agent
    runs on the host, and `agent_at` the name by which it was started; both are empty before the first login."""

    im_mad: str
    vm_mad: str
    cluster_id: int
    state: int = HostState.INIT
    capacity: Capacity | None = None
    agent: str = ""
    agent_at: str = ""
    due: float = 0.0


class Datastore(Owned):
    """A datastore; its type and drivers are in its template."""

    clusters: tuple[int, ...] = ()


class NetworkState:
    """The states of a virtual network, by number."""

    READY = 1
    LOCK_CREATE = 2
    LOCK_DELETE = 3
    DONE = 4
    ERROR = 5
    UPDATE_FAILURE = 6
    NAMES = ("INIT", "READY", "LOCK_CREATE", "LOCK_DELETE", "DONE", "ERROR", "UPDATE_FAILURE")


class Lease(Part):
    """One address in use, at `index` of its range. The holder is a VM or a network (a reservation); VM -1 holds it."""

    index: int
    holder: str = "VM"
    holder_id: int = -1


class AddressRange(Part):
    """An address range; `attributes` has everything that it shows except for the counters."""

    id: int
    attributes: dict[str, str]
    leases: tuple[Lease, ...] = ()
    touched: bool = False  # it has had leases, or was updated: from then on pools show ALLOCATED
    cursor: int = 0  # where 7.4.0 starts to search for a free address

    @property
    def size(self) -> int:
        """How many addresses there are."""
        return int(self.attributes["SIZE"])


class Network(Owned):
    """A virtual network. `vlan_id` is the automatic or the given one; empty: none."""

    clusters: tuple[int, ...] = ()
    state: int = NetworkState.LOCK_CREATE
    bridge: str
    bridge_type: str
    vn_mad: str
    phydev: str = ""
    vlan_id: str = ""
    vlan_id_automatic: bool = False
    outer_vlan_id: str = ""
    outer_vlan_id_automatic: bool = False
    parent_id: int | None = None
    template_id: int | None = None
    failed_vms: tuple[int, ...] = ()  # in UPDATE_FAILURE: those whose update failed
    ranges: tuple[AddressRange, ...] = ()
    next_range_id: int = 0
    due: float = 0.0


class NetworkTemplate(Owned):
    """A virtual network template; `registered` is when it was created."""

    registered: int


class Image(Owned):
    """An image. It is LOCKED until `due`, then READY."""

    datastore_id: int
    type: int
    size: int
    source: str
    path: str
    format: str
    fs: str
    persistent: bool
    registered: int
    state: int = 4
    due: float = 0.0


class SecurityGroup(Owned):
    """A security group; its rules are the RULE vectors of its template."""


class History(Part):
    """One stay of a VM on a host. Times as in the XML: whole seconds."""

    host_id: int
    hostname: str
    cluster_id: int
    datastore_id: int
    vm_mad: str
    tm_mad: str
    start: int
    end: int = 0
    prolog_start: int = 0
    prolog_end: int = 0
    running_start: int = 0
    running_end: int = 0
    epilog_start: int = 0
    epilog_end: int = 0
    action: int = 0
    uid: int = -1
    gid: int = -1
    request_id: int = -1


class Machine(Owned):
    """A VM. `state` and `lcm_state` are OpenNebula's numbers; `next_state` is its state at `due`."""

    state: int
    lcm_state: int = 0
    next_state: tuple[int, int] | None = None
    due: float = 0.0
    started: int
    ended: int = 0
    deploy_id: str = ""
    user_template: Template = Template()
    history: tuple[History, ...] = ()


KINDS: dict[str, type[Record]] = {
    kind.__name__: kind
    for kind in (User, Cluster, Host, Datastore, Network, NetworkTemplate, Image, SecurityGroup, Machine)
}
