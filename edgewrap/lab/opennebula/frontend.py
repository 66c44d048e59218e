"""What every call works on: the objects, the release that is played, and the clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from edgewrap.lab.opennebula.records import Cluster, User
from edgewrap.lab.opennebula.release import Release
from edgewrap.lab.opennebula.store import Store

GROUPS = {0: "oneadmin", 1: "users"}


@dataclass(slots=True)
class FrontEnd:
    """One front-end. `settle` and `interval` are seconds: how long a lock, a deployment or the creation of an image
    takes, and how often hosts are looked at. `monitored` is when each host was last seen well, by id. A cluster counts
    a network for `linger` seconds after it is gone; `still_counted` is until when, by the cluster's id."""

    store: Store
    release: Release
    monitor: Literal["ssh", "none"] = "none"
    settle: float = 0.2
    interval: float = 2.0
    linger: float = 0.04
    clock: Callable[[], float] = time.time
    monitored: dict[int, float] = field(default_factory=dict)
    still_counted: dict[int, float] = field(default_factory=dict)
    requests: int = 0

    @property
    def now(self) -> int:
        """The time in whole seconds, as the XML has it."""
        return int(self.clock())

    def soon(self) -> float:
        """When a change of state that was begun now is over."""
        return self.clock() + self.settle

    def passed(self, due: float) -> bool:
        """Whether something was due and is so no longer."""
        return 0 < due <= self.clock()

    def user_name(self, uid: int) -> str:
        """The user's name; empty where there is no such user any more."""
        user = self.store.get(User, uid)
        return user.name if user else ""

    def cluster_name(self, cluster_id: int) -> str:
        """The cluster's name; empty where there is no such cluster."""
        cluster = self.store.get(Cluster, cluster_id)
        return cluster.name if cluster else ""
