"""Another zone for a cluster without instances, if its own has no capacity for them. Pure.

Only with `zone: auto`, and only while there is no instance: then the subnet can still be replaced.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace

from edgewrap.aws.facts import AwsState
from edgewrap.aws.terraform.resources import INSTANCE
from edgewrap.errors import EdgewrapError, TerraformError
from edgewrap.spec.models import Spec

NO_CAPACITY = re.compile(r"Insufficient(Instance|Host)Capacity")


def only_capacity_is_missing(error: EdgewrapError) -> bool:
    """Whether a terraform failed because a zone has no capacity for the instances, and for no other reason."""
    errors = [one for one in getattr(error, "diagnostics", ()) if one.severity == "error"]
    return (
        isinstance(error, TerraformError)
        and bool(errors)
        and all(NO_CAPACITY.search(f"{one.summary}\n{one.detail}") for one in errors)
    )


def may_change_zone(spec: Spec, state: AwsState | None) -> bool:
    """Whether the zone is edgewrap's choice, and no instance depends on it."""
    chosen = spec.aws.zone == "auto" and spec.aws.network.subnet_id is None
    return chosen and state is not None and not any(one.startswith(INSTANCE.block) for one in state.addresses)


def next_zone(zones: Sequence[str], tried: Collection[str]) -> str:
    """The first of `zones` that was not tried; empty if there is none."""
    return next((zone for zone in zones if zone not in tried), "")


def in_zone(state: AwsState, zone: str) -> AwsState:
    """The state, with the decision for another zone."""
    foundation = state.inputs.foundation.model_copy(update={"zone": zone})
    return replace(state, inputs=state.inputs.model_copy(update={"foundation": foundation}))
