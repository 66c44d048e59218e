"""The front-end itself: its version and its configuration."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from functools import cache

from edgewrap.lab.opennebula import xml
from edgewrap.lab.opennebula.calls import Calls
from edgewrap.lab.opennebula.frontend import FrontEnd
from edgewrap.lab.opennebula.records import User
from edgewrap.lab.opennebula.release import Release

calls = Calls()
_IPAM_ARGUMENTS = re.compile(r"<IPAM_MAD><ARGUMENTS>.*?</ARGUMENTS>")


@calls.method("one.system.version")
def version(one: FrontEnd, _user: User) -> str:
    """The played release."""
    return one.release.version


@calls.method("one.system.config")
def config(one: FrontEnd, _user: User) -> str:
    """An excerpt of the configuration; any user may read it."""
    if one.ipam is None:
        return one.release.config
    arguments = f"<IPAM_MAD>{xml.cdata('ARGUMENTS', one.ipam.arguments)}"
    return _IPAM_ARGUMENTS.sub(lambda _: arguments, one.release.config)


@dataclass(frozen=True, slots=True)
class Drivers:
    """The drivers in the configuration."""

    transfer: tuple[str, ...]
    datastore: tuple[str, ...]
    ipam: tuple[str, ...]
    bridge_types: dict[str, str]  # by virtual network driver
    first_vlan: int


@cache
def drivers(release: Release) -> Drivers:
    """The drivers of a release's configuration."""
    root = ElementTree.fromstring(release.config)  # noqa: S314  our own file
    return Drivers(
        transfer=_listed(root, "TM_MAD", "-d"),
        datastore=_listed(root, "DATASTORE_MAD", "-d"),
        ipam=_listed(root, "IPAM_MAD", "-i"),
        bridge_types={
            found.findtext("NAME", ""): found.findtext("BRIDGE_TYPE", "").partition(",")[0]
            for found in root.iter("VN_MAD_CONF")
        },
        first_vlan=int(root.findtext("VXLAN_IDS/START", "2")),
    )


def _listed(root: ElementTree.Element, driver: str, option: str) -> tuple[str, ...]:
    found = re.search(rf"{option} (\S+)", root.findtext(f"{driver}/ARGUMENTS", ""))
    return tuple(found.group(1).split(",")) if found else ()
