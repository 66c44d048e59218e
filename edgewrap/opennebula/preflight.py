"""Preflight checks of the front-end: its version, the user's rights, its drivers, the shared datastores."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from edgewrap.change import PlaneName
from edgewrap.errors import AuthorizationError, OpenNebulaError
from edgewrap.finding import Finding, Verdict
from edgewrap.opennebula.api.client import FrontEnd
from edgewrap.opennebula.facts import ONEADMIN_GROUP, OneFacts, observe
from edgewrap.opennebula.kinds import datastore
from edgewrap.spec.models import Spec

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

OLDEST, NEWEST = (6, 10), (7, 4)
FRONT_END, RIGHTS, DRIVERS = "front-end", "rights on the front-end", "drivers of the front-end"
DATASTORES = "shared datastores"

_OPTION = r"(?:^|\s)-{}\s+(\S+)"


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
        verdict = Verdict.FAILURE if isinstance(error, AuthorizationError) else Verdict.UNKNOWN
        rights = _finding(RIGHTS, verdict, f"{error.what} ({error.cause})", error.advice)
        shared = _finding(DATASTORES, Verdict.UNKNOWN, "the datastores could not be read")
    else:
        rights, shared = _rights(facts), _shared_datastores(spec, facts)
    return (_version(version, front_end.endpoint), rights, _drivers(spec, front_end), shared)


def check_new_cluster(spec: Spec, front_end: FrontEnd, facts: OneFacts) -> tuple[Finding, ...]:
    """The checks before a first apply, with the front-end's facts already read."""
    return (
        _version(facts.version, front_end.endpoint),
        _rights(facts),
        _drivers(spec, front_end),
        _shared_datastores(spec, facts),
    )


def ipam_drivers(front_end: FrontEnd) -> tuple[str, ...]:
    """The IPAM drivers that the front-end may use, as its configuration lists them. Raises OpenNebulaError."""
    return tuple(sorted(_listed(front_end.read("system.config"), "IPAM_MAD", "i")))


def _version(version: str, endpoint: str) -> Finding:
    text = f"OpenNebula {version} at {endpoint}"
    parts = re.match(r"(\d+)\.(\d+)", version)
    known = "edgewrap knows 6.10 to 7.4"
    if parts is None:
        return _finding(
            FRONT_END,
            Verdict.WARNING,
            f"{endpoint} returned no valid version ({version!r}): {known}",
            "check with `oned --version` on the front-end",
        )
    number = (int(parts[1]), int(parts[2]))
    if number < OLDEST:
        return _finding(FRONT_END, Verdict.FAILURE, f"{text}: too old, {known}", "upgrade OpenNebula")
    if number > NEWEST:
        return _finding(
            FRONT_END,
            Verdict.WARNING,
            f"{text}: newer than the versions that edgewrap is tested with, {known}",
            "check for a newer edgewrap",
        )
    return _finding(FRONT_END, Verdict.OK, text)


def _rights(facts: OneFacts) -> Finding:
    name = facts.user.name
    if ONEADMIN_GROUP in facts.user.groups:
        return _finding(RIGHTS, Verdict.OK, f"{name} is in the group oneadmin")
    return _finding(
        RIGHTS,
        Verdict.WARNING,
        f"{name} is not in the group oneadmin: creating clusters, hosts and datastores needs extra rights",
        "use a user of the group oneadmin, or grant CREATE, MANAGE and ADMIN on clusters, hosts, datastores, networks "
        "and templates with `oneacl create`",
    )


def _shared_datastores(spec: Spec, facts: OneFacts) -> Finding:
    found, missing = datastore.find_shared(spec.opennebula.shared_datastores, facts.datastores)
    if missing:
        error = datastore.missing_shared(missing, facts.datastores)
        return _finding(DATASTORES, Verdict.FAILURE, f"{error.what}; {error.cause}", error.advice)
    listed = ", ".join(f"{one.id} ({one.name})" for one in found)
    return _finding(DATASTORES, Verdict.OK, listed or "none")


def _drivers(spec: Spec, front_end: FrontEnd) -> Finding:
    try:
        configuration = front_end.read("system.config")
    except AuthorizationError as error:
        return _finding(DRIVERS, Verdict.WARNING, f"not known: {error.what}", error.advice)
    except OpenNebulaError as error:
        return _finding(DRIVERS, Verdict.UNKNOWN, f"{error.what} ({error.cause})", error.advice)
    missing = list(_missing(spec, configuration))
    if missing:
        return _finding(
            DRIVERS,
            Verdict.FAILURE,
            f"not configured: {', '.join(missing)}",
            "add them to /etc/one/oned.conf on the front-end and restart it",
        )
    return _finding(DRIVERS, Verdict.OK, f"{spec.hosts.hypervisor}, fw, vxlan, ssh and fs are configured")


def _missing(spec: Spec, configuration: Element) -> Iterator[str]:
    """The drivers that our objects use and that are missing; this configuration does not list monitoring drivers."""
    named = (
        ("VM_MAD", spec.hosts.hypervisor, _names(configuration, "VM_MAD")),
        ("VN_MAD_CONF", "fw", _names(configuration, "VN_MAD_CONF")),
        ("VN_MAD_CONF", "vxlan", _names(configuration, "VN_MAD_CONF")),
        ("TM_MAD", "ssh", _listed(configuration, "TM_MAD", "d")),
        ("DATASTORE_MAD", "fs", _listed(configuration, "DATASTORE_MAD", "d")),
    )
    for section, driver, there in named:
        if driver not in there:
            yield f"{driver} ({section})"


def _names(configuration: Element, section: str) -> set[str]:
    return {part.findtext("NAME") or "" for part in configuration.findall(section)}


def _listed(configuration: Element, section: str, option: str) -> set[str]:
    """The names after an option of a driver's arguments: `-t 15 -d dummy,fs`."""
    arguments = (part.findtext("ARGUMENTS") or "" for part in configuration.findall(section))
    found = (re.search(_OPTION.format(option), text) for text in arguments)
    return {name for match in found if match for name in match[1].split(",")}


def _finding(check: str, verdict: Verdict, text: str, advice: str = "") -> Finding:
    return Finding(PlaneName.OPENNEBULA, check, verdict, text, advice)
