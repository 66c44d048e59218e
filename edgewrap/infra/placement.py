"""Which host carries which interface group: sticky, so that a group moves only when its host goes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence


def place(groups: Sequence[str], hosts: Sequence[str], previous: Mapping[str, str]) -> dict[str, str]:
    """The entry host of each group, by group key.

    `hosts` are those that may carry groups, in index order; a group stays on its previous host while that is one of
    them. The others go, in order, to the least loaded host, ties to the one that stands first.
    """
    kept = {group: host for group in groups if (host := previous.get(group)) in hosts}
    load = Counter(kept.values())
    placement: dict[str, str] = {}
    for group in groups:
        host = kept.get(group) or min(hosts, key=lambda candidate: load[candidate])
        if group not in kept:
            load[host] += 1
        placement[group] = host
    return placement
