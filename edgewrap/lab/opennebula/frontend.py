"""What every call works on: the objects, the played release, and the clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from edgewrap.lab.opennebula.driver_calls import Reply, Request
from edgewrap.lab.opennebula.ipam import Drivers
from edgewrap.lab.opennebula.records import Cluster, User
from edgewrap.lab.opennebula.release import Release
from edgewrap.lab.opennebula.store import Store

GROUPS = {0: "oneadmin", 1: "users"}
RETRY_S = 190.0  # real front-ends took 184 to 196 s
FULL_REPORT_S = 600.0  # how often an agent reports all that makes a host MONITORED; its beacons prevent a retry


@dataclass(frozen=True, slots=True)
class Attempt:
    """One login to a host. `name` and `driver` are the host's when the front-end decided to log in: a rename or a new
    driver since then has no effect. `is_check`: the host was MONITORED then."""

    host_id: int
    name: str
    driver: str
    is_check: bool = False


@dataclass(slots=True)
class FrontEnd:
    """One front-end. `settle`, `interval`, `retry` and `linger` are seconds: how long a lock, a deployment or the
    creation of an image takes, how often hosts are monitored, how long a host in ERROR waits for the next attempt, and
    how long a cluster counts a deleted network. `starts` are the attempts that calls have requested and that have not
    started (with SSH only). `monitored` is when each host was last seen well, by id; `still_counted` is until when a
    cluster counts such a network, by the cluster's id.

    `ipam` runs the IPAM drivers; without it, there are none. `replies` are those that the current call has got so far.
    `reserved` are the networks of calls that wait for a driver: other calls that change them wait for `unreserved`.
    `queued` is how many driver calls were ahead when a network was created, by its id."""

    store: Store
    release: Release
    monitor: Literal["ssh", "none"] = "none"
    settle: float = 0.2
    interval: float = 2.0
    retry: float = RETRY_S
    linger: float = 0.04
    clock: Callable[[], float] = time.time
    starts: list[Attempt] = field(default_factory=list)
    monitored: dict[int, float] = field(default_factory=dict)
    still_counted: dict[int, float] = field(default_factory=dict)
    requests: int = 0
    ipam: Drivers | None = None
    replies: list[tuple[Request, Reply]] = field(default_factory=list)
    reserved: dict[int, object] = field(default_factory=dict)
    queued: dict[int, int] = field(default_factory=dict)
    unreserved: threading.Condition = field(init=False)

    def __post_init__(self) -> None:
        self.unreserved = threading.Condition(self.store.lock)

    @property
    def now(self) -> int:
        """The time in whole seconds, as the XML has it."""
        return int(self.clock())

    def soon(self) -> float:
        """When a change of state that starts now is complete."""
        return self.clock() + self.settle

    def passed(self, due: float) -> bool:
        """Whether something was due; it no longer is."""
        return 0 < due <= self.clock()

    def user_name(self, uid: int) -> str:
        """The user's name; empty if the user was deleted."""
        user = self.store.get(User, uid)
        return user.name if user else ""

    def cluster_name(self, cluster_id: int) -> str:
        """The cluster's name; empty if there is no such cluster."""
        cluster = self.store.get(Cluster, cluster_id)
        return cluster.name if cluster else ""
