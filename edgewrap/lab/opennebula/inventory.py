"""What a monitored host reports.

`--monitor none` plays OpenNebula's dummy driver, whose hosts report the devices and NUMA nodes of the recordings.
`--monitor ssh` plays a real, small host: the same figures, no devices.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from edgewrap.lab.opennebula.records import Capacity
from edgewrap.lab.opennebula.release import Release
from edgewrap.lab.opennebula.template import Template, attribute_xml

MEMORY_KIB = 16777216
CPU = 800  # hundredths of a CPU
_DISK_MIB = 20480
_DISK_USED_MIB = 9720


@dataclass(frozen=True, slots=True)
class Inventory:
    """Of the dummy host: elements of HOST_SHARE, monitored attributes, elements of MONITORING."""

    devices: str
    attributes: Template
    figures: str


@cache
def dummy(path: Path) -> Inventory:
    """Read a release's dummy host."""
    text = path.read_text(encoding="utf-8").replace("\n", "")
    root = ElementTree.fromstring(text)  # noqa: S314  our own file
    attributes = root.find("TEMPLATE")
    assert attributes is not None, path  # noqa: S101
    return Inventory(
        devices=text.partition("<DUMMY_HOST>")[2].partition("<TEMPLATE>")[0],
        attributes=Template.of((child.tag, child.text or "") for child in attributes),
        figures=text.partition("<MONITORING>")[2].partition("</MONITORING>")[0],
    )


def capacity(*, as_dummy: bool) -> Capacity:
    """The capacity that the lab's hosts report."""
    free = _DISK_MIB if as_dummy else _DISK_MIB - _DISK_USED_MIB
    return Capacity(
        memory=MEMORY_KIB, cpu=CPU, disk_free=free, disk_total=_DISK_MIB, disk_used=_DISK_USED_MIB, dummy=as_dummy
    )


def attributes(release: Release, hostname: str, hypervisor: str, *, as_dummy: bool) -> Template:
    """The attributes that monitoring writes into the host's template."""
    if as_dummy:
        name = hostname.partition(" ")[0]  # the driver gets it as one of several words
        return dummy(release.inventory_file).attributes.with_({"HOSTNAME": name})
    return Template.of(
        [
            ("ARCH", "x86_64"),
            ("HOSTNAME", hostname),
            ("HYPERVISOR", hypervisor),
            ("TOTALCPU", str(CPU)),
            ("TOTALMEMORY", str(MEMORY_KIB)),
        ]
    )


def figures(release: Release, found: Capacity) -> str:
    """The elements of MONITORING behind its time and id."""
    if found.dummy:
        return dummy(release.inventory_file).figures
    return attribute_xml(
        "CAPACITY",
        {"FREE_CPU": str(found.cpu), "FREE_MEMORY": str(found.memory), "USED_CPU": "0", "USED_MEMORY": "0"},
    ) + attribute_xml("SYSTEM", {"NETRX": "0", "NETTX": "0"})
