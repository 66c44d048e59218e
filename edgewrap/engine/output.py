"""The outputs of the applied cluster, whole or one of them by a dotted name."""

from __future__ import annotations

from dataclasses import asdict
from difflib import get_close_matches

from edgewrap.engine.cluster import Cluster
from edgewrap.engine.plan import nothing_applied
from edgewrap.errors import UsageError


def read_output(cluster: Cluster, name: str = "") -> object:
    """All outputs, or the one that the dotted `name` leads to, as JSON values.

    Raises StateError if nothing is applied yet, UsageError if there is no such output.
    """
    state = cluster.aws.current()
    if state is None:
        raise nothing_applied(cluster)
    value: object = asdict(state.outputs)
    for word in name.split(".") if name else ():
        known = list(value) if isinstance(value, dict) else []
        if not isinstance(value, dict) or word not in value:
            near = get_close_matches(word, known, n=1)
            raise UsageError(
                f"there is no output {name}",
                cause=f"{word} is none of {', '.join(known) or 'anything: that is a single value'}",
                advice=f"did you mean {near[0]}?" if near else "`edgewrap output` prints all of them",
            )
        value = value[word]
    return value
