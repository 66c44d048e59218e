"""Which host carries which interface group: sticky, so that a group moves only when its host is removed or dead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence


def place(
    groups: Sequence[str], hosts: Sequence[str], previous: Mapping[str, str], new_hosts: Collection[str] = ()
) -> dict[str, str]:
    """The entry host of each group, by group key.

    `hosts` are those that may carry groups, in index order; a group stays on its previous host while that is one of
    them. The others move, in order, to the least loaded host, or the first of several. `new_hosts` are those of `hosts`
    that AWS has yet to create: a metal host takes many minutes, so a group moves to one only if there is no other.
    """
    takers = [host for host in hosts if host not in new_hosts] or hosts
    kept = {group: host for group in groups if (host := previous.get(group)) in hosts}
    load = Counter(kept.values())
    placement: dict[str, str] = {}
    for group in groups:
        host = kept.get(group) or min(takers, key=lambda candidate: load[candidate])
        if group not in kept:
            load[host] += 1
        placement[group] = host
    return placement
