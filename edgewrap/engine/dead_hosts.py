"""Hosts that a run does not rely on: dead ones and those that the user names; and how the run treats them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgewrap.errors import HostError, UsageError
from edgewrap.outputs import HostOutput
from edgewrap.spec.addressing import active_indexes
from edgewrap.spec.models import Spec

if TYPE_CHECKING:
    from edgewrap.opennebula.plane import HostFacts

GONE = "terminated"  # Terraform notices this one by itself, and replaces the instance


@dataclass(frozen=True, slots=True)
class HostRequests:
    """What the user asks of one run beyond the spec, by host key: hosts to move all groups off, and hosts whose
    instance must be replaced."""

    move_off: frozenset[str] = frozenset()
    replace: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class HostDisposition:
    """The decision, by host key. `avoid`: no group stays on them. `replaced`: their instance is replaced. `kept`: dead
    ones that `on_failure: replace` would replace, and why they are not."""

    dead: frozenset[str] = frozenset()
    avoid: frozenset[str] = frozenset()
    replaced: frozenset[str] = frozenset()
    kept: tuple[HostError, ...] = ()

    @property
    def tolerated(self) -> frozenset[str]:
        """Hosts that need not answer: this is not a failure of the run."""
        return self.dead | self.avoid | self.replaced


def classify_hosts(
    spec: Spec, hosts: Mapping[str, HostOutput], requests: HostRequests, on_front_end: Mapping[str, HostFacts] | None
) -> HostDisposition:
    """Decide. `hosts` are AWS's hosts now, `on_front_end` is OpenNebula's view of them, None if it could not be read.

    Raises UsageError if a request names an unknown host, or leaves no host for the groups.
    """
    wanted = {f"host-{index}" for index in active_indexes(spec.hosts.count, spec.hosts.retired)}
    dead = frozenset(key for key, host in hosts.items() if host.is_dead)
    there = hosts.keys() & wanted
    if unknown := sorted((requests.move_off | requests.replace) - there):
        raise no_host(unknown[0], sorted(there))
    if requests.move_off and not there - dead - requests.move_off:
        raise UsageError(
            "no host is left for the interface groups",
            cause="every host is dead, or named by --move-off",
            advice="omit --move-off for a working host, or increase hosts.count first",
        )
    replaced, kept = set(requests.replace), []
    stopped = sorted(key for key in (dead & wanted) - requests.replace if hosts[key].state != GONE)
    for key in stopped if spec.hosts.on_failure == "replace" else ():
        if error := _vms_in_the_way(key, hosts[key], on_front_end):
            kept.append(error)
        else:
            replaced.add(key)
    return HostDisposition(dead, requests.move_off, frozenset(replaced), tuple(kept))


def no_host(key: str, hosts: Iterable[str]) -> UsageError:
    """The error for a host that is none of `hosts`."""
    cause = f"the hosts are {', '.join(hosts) or 'none'}"
    return UsageError(f"there is no host {key}", cause=cause, advice="`edgewrap status` shows them")


def _vms_in_the_way(key: str, host: HostOutput, on_front_end: Mapping[str, HostFacts] | None) -> HostError | None:
    """Why the instance is kept: disks of VMs are on the host that they run on, and would be lost with it."""
    if on_front_end is None:
        what, cause = "is not replaced", "OpenNebula could not be asked for the VMs on it"
    elif key in on_front_end and on_front_end[key].vms:
        what = f"is not replaced: the VMs {', '.join(map(str, on_front_end[key].vms))} are on it"
        cause = "their disks are on the instance and would be lost"
    else:
        return None
    return HostError(
        key,
        f"its instance {host.instance_id} is {host.state}, and {what}",
        cause=cause,
        advice="start the instance in EC2, or give up the VMs (`onevm recover --recreate`), and re-run",
    )
