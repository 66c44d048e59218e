"""What all objects on the front-end have in common, and our mark: `EDGEWRAP = [ CLUSTER, KEY, UUID, OWNER_UID, ID ]`.

Only templates have an ID in it, their own: they are the objects that users can copy, mark included.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self
from xml.etree.ElementTree import Element

from edgewrap.opennebula.kinds import access
from edgewrap.opennebula.kinds.access import NO_ACCESS, Access
from edgewrap.opennebula.kinds.template import Template, read
from edgewrap.opennebula.kinds.values import ids, integer, natural, text, wrong_answer

if TYPE_CHECKING:
    from edgewrap.opennebula.api.client import FrontEnd

MARK_ATTRIBUTE = "EDGEWRAP"
CLUSTER_KEY = "cluster"
EVERY_OBJECT = (-2, -1, -1)  # arguments of one.vnpool.info and its like: of all users, from the first id to the last


@dataclass(frozen=True, slots=True)
class Existing:
    """An object on the front-end. Clusters and hosts have no owner: their `uid` is None. `clusters` are the ids of
    the clusters that it is in.

    Each pool of the front-end has a subclass. `kind` is the word for people, `api` the name in calls
    (`one.<api>.update`), `tag` the XML element of one object. `one.<api>pool.info` with `pool_arguments` reads them
    all. `join` and `leave` are the calls that add an object to a cluster and remove it from one; `leave` is empty if an
    object is in one cluster at a time. `lockable`: users can lock it.
    """

    kind: ClassVar[str]
    api: ClassVar[str]
    tag: ClassVar[str]
    pool_arguments: ClassVar[tuple[int, ...]] = ()
    join: ClassVar[str] = ""
    leave: ClassVar[str] = ""
    lockable: ClassVar[bool] = False

    id: int
    name: str
    uid: int | None
    owner: str
    template: Template
    clusters: tuple[int, ...] = ()
    access: Access = NO_ACCESS

    @classmethod
    def read_pool(cls, front_end: FrontEnd) -> tuple[Self, ...]:
        """All objects of the pool that the user may see."""
        return cls.parse(front_end.read(f"{cls.api}pool.info", *cls.pool_arguments, root=f"{cls.tag}_POOL"))

    @classmethod
    def parse(cls, pool: Element) -> tuple[Self, ...]:
        """The answer of the call that reads the pool. Raises OpenNebulaError for one that cannot be used."""
        for other in (element.tag for element in pool if element.tag != cls.tag):
            raise wrong_answer(pool.tag, other, f"only elements {cls.tag} were expected")
        found = tuple(cls.from_element(element) for element in pool)
        numbers = {existing.id for existing in found}
        if len(numbers) != len(found):
            raise wrong_answer(pool.tag, sorted(existing.id for existing in found), "each id was expected once")
        return found

    @classmethod
    def from_element(cls, element: Element) -> Self:
        """One object of the pool. A subclass with fields of its own reads them here."""
        return cls(*common(element))

    def __str__(self) -> str:
        return f"{self.kind} {self.name} (id {self.id})"

    @property
    def command(self) -> str:
        """The command-line tool for such objects: `onevnet`."""
        return f"one{self.tag.lower()}"

    @property
    def derived(self) -> bool:
        """Made from another object, whose mark it may have inherited: never ours."""
        return False

    def advice_if_in_the_way(self, cluster: str) -> str:
        """What to do if this object of others has a name that the cluster needs."""
        return f"rename or delete it if it is not needed, or give this cluster another name than {cluster}"


@dataclass(frozen=True, slots=True)
class Identity:
    """The cluster that a run is about: its name, the UUID of its Terraform state, the user who owns it, and the user of
    this run."""

    cluster: str
    uuid: str
    owner_uid: int
    user_uid: int

    def mark(self, key: str, number: int | None = None) -> dict[str, str]:
        """The parts of the mark of our object `key`. `number`: its own id, if the mark has one."""
        parts = {"CLUSTER": self.cluster, "KEY": key, "UUID": self.uuid, "OWNER_UID": str(self.owner_uid)}
        return parts if number is None else {**parts, "ID": str(number)}

    def temporary_name(self, key: str) -> str:
        """The name under which a cluster or host is created, before it is marked and renamed.

        Neither can be created with a mark. Without this name, a run that ends in between would leave an object that
        looks like anybody's.
        """
        return f"edgewrap-{self.uuid}-{key}"


@dataclass(frozen=True, slots=True)
class User:
    """The user of this run on the front-end. Only members of the group `oneadmin` (id 0) see every object."""

    id: int
    name: str
    groups: tuple[int, ...]


def common(element: Element) -> tuple[int, str, int | None, str, Template, tuple[int, ...], Access]:
    """The part of an object's XML that all pools share: the fields of `Existing`, in order."""
    cluster = element.findtext("CLUSTER_ID")  # a host is in one cluster, other objects may be in several
    return (
        natural(element, "ID"),
        text(element, "NAME"),
        natural(element, "UID") if element.findtext("UID") else None,
        element.findtext("UNAME") or "",
        read(element.find("TEMPLATE")),
        (integer(element, "CLUSTER_ID"),) if cluster else ids(element, "CLUSTERS"),
        access.parse(element),
    )


def parse_user(element: Element) -> User:
    """The answer of one.user.info."""
    groups = (natural(element, "GID"), *ids(element, "GROUPS"))
    return User(natural(element, "ID"), text(element, "NAME"), groups)
