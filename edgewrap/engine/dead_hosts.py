"""Hosts that a run does not count on: dead ones, and those that the user names; and what becomes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgewrap.errors import HostError, UsageError
from edgewrap.outputs import HostOutput
from edgewrap.spec.addressing import active_indexes
from edgewrap.spec.models import Spec

if TYPE_CHECKING:
    from edgewrap.opennebula.plane import HostFacts

GONE = "terminated"  # Terraform sees this one by itself, and makes the instance anew


@dataclass(frozen=True, slots=True)
class HostRequests:
    """What the user asks of one run beyond the spec, by host key: hosts that shall be entry hosts no longer, and hosts
    whose instance shall be made anew."""

    move_off: frozenset[str] = frozenset()
    replace: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class HostDisposition:
    """What follows from it, by host key. `avoid`: no group stays on them. `replaced`: their instance is made anew.
    `kept`: dead ones that `on_failure: replace` would replace, and why that cannot be."""

    dead: frozenset[str] = frozenset()
    avoid: frozenset[str] = frozenset()
    replaced: frozenset[str] = frozenset()
    kept: tuple[HostError, ...] = ()

    @property
    def tolerated(self) -> frozenset[str]:
        """Hosts whose silence is no failure of the run."""
        return self.dead | self.avoid | self.replaced


def classify_hosts(
    spec: Spec,
    hosts: Mapping[str, HostOutput],
    requests: HostRequests,
    on_front_end: Callable[[], Mapping[str, HostFacts] | None],
) -> HostDisposition:
    """Decide. `hosts` are those of AWS now; `on_front_end` gives OpenNebula's view of them, None where it could not be
    asked, and is called only where it counts.

    Raises UsageError where a wish names a host that is not there, or leaves the groups no host to go to.
    """
    wanted = {f"host-{index}" for index in active_indexes(spec.hosts.count, spec.hosts.retired)}
    dead = frozenset(key for key, host in hosts.items() if host.is_dead)
    _require_hosts(requests.move_off | requests.replace, hosts.keys() & wanted)
    if requests.move_off and not (hosts.keys() & wanted) - dead - requests.move_off:
        raise UsageError(
            "no host is left for the interface groups to go to",
            cause="every host is dead, or named by --move-off",
            advice="leave out --move-off for one that works, or raise hosts.count first",
        )
    replaced, kept = set(requests.replace), []
    stopped = sorted((dead & wanted) - requests.replace)
    for key in stopped if spec.hosts.on_failure == "replace" else ():
        if hosts[key].state == GONE:
            continue
        error = _vms_in_the_way(key, hosts[key], on_front_end())
        if error is None:
            replaced.add(key)
        else:
            kept.append(error)
    return HostDisposition(dead, requests.move_off, frozenset(replaced), tuple(kept))


def _require_hosts(named: frozenset[str], there: set[str]) -> None:
    if unknown := sorted(named - there):
        raise UsageError(
            f"there is no host {unknown[0]}",
            cause=f"the hosts are {', '.join(sorted(there)) or 'none'}",
            advice="`edgewrap status` shows them",
        )


def _vms_in_the_way(key: str, host: HostOutput, on_front_end: Mapping[str, HostFacts] | None) -> HostError | None:
    """Disks of VMs are on the host they run on: they would be lost with the instance."""
    if on_front_end is None:
        what, cause = "is not replaced", "OpenNebula could not be asked which VMs are on it"
    elif key in on_front_end and on_front_end[key].vms:
        what = f"is not replaced: the VMs {', '.join(map(str, on_front_end[key].vms))} are on it"
        cause = "their disks are on the instance, and would be lost with it"
    else:
        return None
    return HostError(
        key,
        f"its instance {host.instance_id} is {host.state}, and {what}",
        cause=cause,
        advice="start the instance in EC2, or give the VMs up (`onevm recover --recreate`), and run it again",
    )
