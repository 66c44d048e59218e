"""Front-ends that report less, or more, than the recorded ones: other releases than 6.10.0.1, 7.0.2 and 7.4.0.

What edgewrap reads is said by name: whatever else an answer has or has not makes no difference, and nothing that is
missing ends in a traceback.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any
from xml.etree.ElementTree import Element, SubElement

import pytest

from edgewrap.opennebula import in_use
from edgewrap.opennebula.kinds import virtual_network
from edgewrap.opennebula.kinds.base import parse_user
from edgewrap.opennebula.kinds.cluster import ClusterFacts
from edgewrap.opennebula.kinds.datastore import DatastoreFacts
from edgewrap.opennebula.kinds.host import HostFacts
from edgewrap.opennebula.kinds.virtual_network import NetworkFacts
from edgewrap.opennebula.kinds.vn_template import TemplateFacts
from tests.support.recordings import Recording

Parse = Callable[[Element], Any]

POOLS: dict[str, Parse] = {
    "full clusterpool": ClusterFacts.parse,
    "full hostpool": HostFacts.parse,
    "full datastorepool": DatastoreFacts.parse,
    "full vnpool": NetworkFacts.parse,
    "vn template pool": TemplateFacts.parse,
    "vm pool": in_use.parse_vms,
}
# The parts of an object that are read; TEMPLATE and AR are read as a whole.
READ = {
    "CLUSTER": "ID NAME HOSTS DATASTORES VNETS TEMPLATE",
    "HOST": "ID NAME STATE CLUSTER_ID VMS TEMPLATE",
    "DATASTORE": "ID UID UNAME GNAME NAME LOCK PERMISSIONS CLUSTERS IMAGES TEMPLATE",
    "VNET": "ID UID UNAME GNAME NAME LOCK PERMISSIONS CLUSTERS STATE PARENT_NETWORK_ID TEMPLATE_ID USED_LEASES "
    "OUTDATED_VMS UPDATING_VMS ERROR_VMS TEMPLATE AR_POOL",
    "VNTEMPLATE": "ID UID UNAME GNAME NAME LOCK PERMISSIONS TEMPLATE",
    "VM": "STATE LCM_STATE ID NAME HISTORY_RECORDS",
}
NEEDED = ("ID", "NAME")


@pytest.mark.parametrize("step", POOLS)
def test_only_the_listed_elements_are_read(recording: Recording, step: str) -> None:
    pool = recording.xml(step)
    stripped = deepcopy(pool)
    for element in stripped:
        for child in [child for child in element if child.tag not in READ[element.tag].split()]:
            element.remove(child)
        SubElement(element, "NEW_IN_SOME_RELEASE").text = "x"
    assert POOLS[step](stripped) == POOLS[step](pool)


@pytest.mark.parametrize("step", POOLS)
def test_a_missing_element_gives_no_traceback(recording: Recording, step: str) -> None:
    pool = recording.xml(step)
    names = [(one.id, one.name) for one in POOLS[step](pool)]
    cases = list(_without_one(pool))
    assert cases
    for case in cases:
        assert [(one.id, one.name) for one in POOLS[step](case)] == names


def test_a_network_without_a_state_is_ready(recording: Recording) -> None:
    pool = recording.xml("full vnpool")
    for element in pool:
        for state in element.findall("STATE"):
            element.remove(state)
    assert {one.state for one in NetworkFacts.parse(pool)} == {virtual_network.READY}


def test_a_user_of_one_group_only() -> None:
    user = Element("USER")
    for tag, text in (("ID", "2"), ("GID", "1"), ("NAME", "operator")):
        SubElement(user, tag).text = text
    assert parse_user(user).groups == (1,)


def _without_one(pool: Element) -> Iterator[Element]:
    """The pool without the elements of one path, for each path in it."""
    paths = sorted({path for element in pool for path in _paths(element, "")})
    for path in paths:
        if path in NEEDED:
            continue
        case = deepcopy(pool)
        parent, _, tag = path.rpartition("/")
        for element in case:
            for holder in element.findall(parent) if parent else [element]:
                for child in holder.findall(tag):
                    holder.remove(child)
        yield case


def _paths(element: Element, above: str) -> Iterator[str]:
    for child in element:
        path = f"{above}/{child.tag}" if above else child.tag
        yield path
        yield from _paths(child, path)
