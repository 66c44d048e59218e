"""The mark that every object of ours carries, `EDGEWRAP = [ CLUSTER, KEY, UUID, OWNER_UID ]`, and whose it is."""

from __future__ import annotations

from dataclasses import dataclass

CLUSTER_KEY = "cluster"


@dataclass(frozen=True, slots=True)
class Mark:
    """The cluster's name, what the object is in it, the UUID of the cluster's Terraform state, and the id of the user
    who owns the cluster."""

    cluster: str
    key: str
    uuid: str
    owner_uid: str

    def attributes(self) -> dict[str, str]:
        """The parts of the vector attribute."""
        return {"CLUSTER": self.cluster, "KEY": self.key, "UUID": self.uuid, "OWNER_UID": self.owner_uid}


@dataclass(frozen=True, slots=True)
class Identity:
    """The cluster that a run is about: its name and UUID, the user who owns it, and the user of this run."""

    cluster: str
    uuid: str
    owner_uid: int
    user_uid: int

    def mark(self, key: str) -> Mark:
        """The mark of our object `key`."""
        return Mark(self.cluster, key, self.uuid, str(self.owner_uid))


def temporary_name(uuid: str, key: str) -> str:
    """The name under which a cluster or host is created, before it is marked and renamed.

    Neither can be created with a mark. Without this name, a run that ends in between would leave an object that looks
    like anybody's.
    """
    return f"edgewrap-{uuid}-{key}"
