"""Preflight checks of the front-end: its version, the user's rights, its drivers, the shared datastores."""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element

from edgewrap.change import PlaneName
from edgewrap.errors import OpenNebulaError
from edgewrap.finding import Finding, Verdict
from edgewrap.opennebula.api.client import FrontEnd
from edgewrap.opennebula.facts import ONEADMIN_GROUP, OneFacts, observe
from edgewrap.opennebula.kinds import datastore
from edgewrap.spec.models import Spec

OLDEST, NEWEST = (6, 10), (7, 4)
FRONT_END, RIGHTS, DRIVERS = "front-end", "rights on the front-end", "drivers of the front-end"
DATASTORES = "shared datastores"

_DRIVER_LISTS = {"TM_MAD": "d", "DATASTORE_MAD": "d", "IPAM_MAD": "i"}
"""Sections with the drivers' names in their arguments, after this option: `-t 15 -d dummy,fs`."""


def check_front_end(spec: Spec, front_end: FrontEnd) -> tuple[Finding, ...]:
    """All checks; read-only."""
    try:
        version = str(front_end.call("system.version"))
    except OpenNebulaError as error:
        reached = _finding(FRONT_END, Verdict.FAILURE, f"{error.what} ({error.cause})", error.advice)
        checks = (RIGHTS, DRIVERS, DATASTORES)
        return (reached, *(_finding(check, Verdict.UNKNOWN, "no answer from the front-end") for check in checks))
    try:
        facts = observe(front_end)
    except OpenNebulaError as error:
        rights = _finding(RIGHTS, Verdict.FAILURE, f"{error.what} ({error.cause})", error.advice)
        shared = _finding(DATASTORES, Verdict.UNKNOWN, "the datastores could not be read")
        return (_version(version, front_end.endpoint), rights, _drivers(spec, front_end), shared)
    return check_new_cluster(spec, front_end, facts)


def check_new_cluster(spec: Spec, front_end: FrontEnd, facts: OneFacts) -> tuple[Finding, ...]:
    """The checks before a first apply, with the front-end's facts already read."""
    version = _version(facts.version, front_end.endpoint)
    return (version, _rights(facts), _drivers(spec, front_end, facts), _shared_datastores(spec, facts))


def ipam_drivers(front_end: FrontEnd) -> tuple[str, ...]:
    """The IPAM drivers that the front-end may use, as its configuration lists them. Raises OpenNebulaError."""
    return tuple(sorted(_configured(front_end.read("system.config", root="OPENNEBULA_CONFIGURATION"), "IPAM_MAD")))


def _version(version: str, endpoint: str) -> Finding:
    text, known = f"OpenNebula {version} at {endpoint}", "edgewrap knows 6.10 to 7.4"
    parts = re.match(r"([0-9]{1,4})\.([0-9]{1,4})", version)
    if parts is None:
        text = f"{endpoint} returned no valid version ({version!r}): {known}"
        return _finding(FRONT_END, Verdict.WARNING, text, "check with `oned --version` on the front-end")
    number = (int(parts[1]), int(parts[2]))
    if number < OLDEST:
        return _finding(FRONT_END, Verdict.FAILURE, f"{text}: too old, {known}", "upgrade OpenNebula")
    if number > NEWEST:
        text += f": newer than the versions that edgewrap is tested with, {known}"
        return _finding(FRONT_END, Verdict.WARNING, text, "check for a newer edgewrap")
    return _finding(FRONT_END, Verdict.OK, text)


def _rights(facts: OneFacts) -> Finding:
    if ONEADMIN_GROUP in facts.user.groups:
        return _finding(RIGHTS, Verdict.OK, f"{facts.user.name} is in the group oneadmin")
    return _finding(
        RIGHTS,
        Verdict.WARNING,
        f"{facts.user.name} is not in the group oneadmin: creating clusters, hosts and datastores needs extra rights",
        "use a user of the group oneadmin, or grant CREATE, MANAGE and ADMIN on clusters, hosts, datastores, networks "
        "and templates with `oneacl create`",
    )


def _shared_datastores(spec: Spec, facts: OneFacts) -> Finding:
    try:
        found = datastore.shared(spec.opennebula.shared_datastores, facts.datastores)
    except OpenNebulaError as error:
        return _finding(DATASTORES, Verdict.FAILURE, f"{error.what}; {error.cause}", error.advice)
    listed = ", ".join(f"{one.id} ({one.name})" for one in found)
    return _finding(DATASTORES, Verdict.OK, listed or "none")


def _drivers(spec: Spec, front_end: FrontEnd, facts: OneFacts | None = None) -> Finding:
    """The drivers that our objects use, the IPAM driver among them if ranges or tenants need it. The configuration
    does not list monitoring drivers."""
    ranges = (one for network in (facts.networks if facts else ()) for one in network.ranges)
    ipam = spec.public_network.self_service or any(one.by_driver for one in ranges)
    try:
        configuration = front_end.read("system.config", root="OPENNEBULA_CONFIGURATION")
    except OpenNebulaError as error:
        return _finding(DRIVERS, Verdict.UNKNOWN, f"{error.what} ({error.cause})", error.advice)
    networks = (("VN_MAD_CONF", "fw"), ("VN_MAD_CONF", "vxlan"))
    needed = [("VM_MAD", spec.hosts.hypervisor), *networks, ("TM_MAD", "ssh"), ("DATASTORE_MAD", "fs")]
    if ipam:
        needed.append(("IPAM_MAD", "edgewrap"))
    missing = [f"{name} ({section})" for section, name in needed if name not in _configured(configuration, section)]
    if missing:
        advice = "add them to /etc/one/oned.conf on the front-end and restart it"
        if ipam:
            advice += "; docs/ipam.md says how the IPAM driver is set up"
        return _finding(DRIVERS, Verdict.FAILURE, f"not configured: {', '.join(missing)}", advice)
    names = [name for _, name in needed]
    return _finding(DRIVERS, Verdict.OK, f"{', '.join(names[:-1])} and {names[-1]} are configured")


def _configured(configuration: Element, section: str) -> set[str]:
    """The names of the drivers in a section."""
    parts = configuration.findall(section)
    if section not in _DRIVER_LISTS:
        return {part.findtext("NAME") or "" for part in parts}
    option = rf"(?:^|\s)-{_DRIVER_LISTS[section]}\s+(\S+)"
    found = (re.search(option, part.findtext("ARGUMENTS") or "") for part in parts)
    return {name for match in found if match for name in match[1].split(",")}


def _finding(check: str, verdict: Verdict, text: str, advice: str = "") -> Finding:
    return Finding(PlaneName.OPENNEBULA, check, verdict, text, advice)
