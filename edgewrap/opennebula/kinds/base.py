"""What all kinds of objects on the front-end have in common."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from edgewrap.opennebula.kinds import access
from edgewrap.opennebula.kinds.access import NO_ACCESS, Access
from edgewrap.opennebula.kinds.template import Template, read

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MARK_ATTRIBUTE = "EDGEWRAP"


class Kind(Enum):
    """A kind of object: the word for people, and the name of its methods in the API."""

    CLUSTER = ("cluster", "cluster")
    HOST = ("host", "host")
    DATASTORE = ("datastore", "datastore")
    NETWORK = ("virtual network", "vn")
    TEMPLATE = ("virtual network template", "vntemplate")

    @property
    def word(self) -> str:
        """The field's word."""
        return self.value[0]

    @property
    def api(self) -> str:
        """As in `one.<api>.update`."""
        return self.value[1]

    @property
    def command(self) -> str:
        """The command-line tool."""
        return "onevnet" if self is Kind.NETWORK else f"one{self.api}"


@dataclass(frozen=True, slots=True)
class Existing:
    """An object on the front-end. Clusters and hosts have no owner: their `uid` is None. `clusters` are the ids of
    the clusters that it is in."""

    kind: Kind
    id: int
    name: str
    uid: int | None
    owner: str
    template: Template
    clusters: tuple[int, ...] = ()
    access: Access = NO_ACCESS

    def __str__(self) -> str:
        return f"{self.kind.word} {self.name} (id {self.id})"

    @property
    def derived(self) -> bool:
        """Made from another object, whose mark it may have inherited: never ours."""
        return False


@dataclass(frozen=True, slots=True)
class User:
    """Who we are on the front-end. Only members of the group `oneadmin` (id 0) see every object."""

    id: int
    name: str
    groups: tuple[int, ...]


def common(kind: Kind, element: Element) -> tuple[Kind, int, str, int | None, str, Template, tuple[int, ...], Access]:
    """The part of an object's XML that all kinds share: the fields of `Existing`, in order."""
    uid = element.findtext("UID")
    cluster = element.findtext("CLUSTER_ID")  # a host is in one cluster, other objects may be in several
    return (
        kind,
        number(element, "ID"),
        element.findtext("NAME") or "",
        int(uid) if uid else None,
        element.findtext("UNAME") or "",
        read(element.find("TEMPLATE")),
        (int(cluster),) if cluster else ids(element, "CLUSTERS"),
        access.parse(element),
    )


def number(element: Element, path: str) -> int:
    """A number in an object's XML; 0 where it is missing or empty."""
    return int(element.findtext(path) or 0)


def ids(element: Element, path: str) -> tuple[int, ...]:
    """The ids listed below `path`."""
    return tuple(int(child.text or -1) for child in element.findall(f"{path}/ID"))


def parse_user(element: Element) -> User:
    """The answer of one.user.info."""
    return User(
        number(element, "ID"), element.findtext("NAME") or "", (number(element, "GID"), *ids(element, "GROUPS"))
    )
