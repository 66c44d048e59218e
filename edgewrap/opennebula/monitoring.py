"""Waits until hosts are MONITORED. Restarts the monitoring of a host in ERROR, once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress

from edgewrap import poll
from edgewrap.change import PlaneName
from edgewrap.errors import OpenNebulaError
from edgewrap.events import Emit, Event, EventKind
from edgewrap.opennebula.api.client import FrontEnd
from edgewrap.opennebula.api.errors import NoSuchObjectError
from edgewrap.opennebula.kinds.host import ENABLE, ERROR, INIT, MONITORED, OFFLINE, HostFacts
from edgewrap.opennebula.kinds.ownership import marked_hosts
from edgewrap.opennebula.kinds.template import text_of

MONITOR_PAUSE_S = 1.0
INIT_S = 130.0  # a login that gets no answer has failed by then (127 s with Linux's defaults)


def wait_monitored(front_end: FrontEnd, emit: Emit, cluster: str, keys: Collection[str], timeout_s: float) -> None:
    """Wait until each of these hosts of a cluster that is enabled is MONITORED, at most `timeout_s` seconds. Hosts
    under maintenance are left out.

    A host in ERROR, or for long in INIT, is set OFFLINE and enabled again, once: a front-end then logs in at once,
    otherwise only after 190 to 600 s. (Enabling alone shows INIT and starts nothing.)

    Raises OpenNebulaError with the hosts that are not MONITORED, and the likely cause.
    """
    missing: dict[str, HostFacts | None] = {}
    reported = ""
    restarted: set[str] = set()

    def look(waited_s: float) -> bool | None:
        nonlocal missing, reported
        found = marked_hosts(cluster, HostFacts.read_pool(front_end))
        missing = {key: found.get(key) for key in sorted(keys) if _is_missing(found.get(key))}
        if not missing:
            return True
        if waited_s >= timeout_s:
            return None
        states = ", ".join(f"{key} {one.state_word if one else 'missing'}" for key, one in missing.items())
        if states != reported:
            emit(Event(EventKind.STEP_PROGRESS, PlaneName.OPENNEBULA, "monitoring", states, waited_s))
            reported = states
        for key, one in missing.items():
            stuck = one is not None and (one.state == ERROR or (one.state == INIT and waited_s >= INIT_S))
            if one is not None and stuck and key not in restarted:
                restarted.add(key)
                _restart(front_end, emit, key, one)
        return None

    if poll.until(look, timeout_s, pause_s=MONITOR_PAUSE_S, sleep=front_end.pause) is None:
        raise _not_monitored(missing, timeout_s)


def _is_missing(found: HostFacts | None) -> bool:
    return found is None or (found.status == "enabled" and found.state != MONITORED and not found.under_maintenance)


def _restart(front_end: FrontEnd, emit: Emit, key: str, found: HostFacts) -> None:
    error = text_of(found.template, "ERROR")
    state = found.state_word.upper()
    text = f"{found.name} is in {state}{f' ({error})' if error else ''}: OFFLINE, then ENABLE, to monitor it again now"
    emit(Event(EventKind.INFO, PlaneName.OPENNEBULA, key, text))
    with suppress(NoSuchObjectError):  # deleted by someone else: the next look shows that
        front_end.call("host.status", found.id, OFFLINE)
        front_end.call("host.status", found.id, ENABLE)


def _not_monitored(missing: Mapping[str, HostFacts | None], timeout_s: float) -> OpenNebulaError:
    listed = []
    for key, found in missing.items():
        error = text_of(found.template, "ERROR") if found else ""
        state = f"({found.name}) is {found.state_word}" if found else "is missing"
        listed.append(f"{key} {state}{f': {error}' if error else ''}")
    return OpenNebulaError(
        f"not MONITORED after {timeout_s:.0f} s: {'; '.join(listed)}",
        cause=(
            "the front-end cannot log in over SSH (a replaced host has a new key: its old one is still in the "
            "front-end's known_hosts), or the host's monitoring does not reach the front-end's port 4124, TCP "
            "and UDP (behind NAT, MONITOR_ADDRESS in monitord.conf must be an address that hosts reach)"
        ),
        advice=(
            "on the front-end, as oneadmin: `ssh HOST true`, `ssh-keygen -R HOST` for a replaced host, open port 4124 "
            "to the hosts; then re-run"
        ),
    )
