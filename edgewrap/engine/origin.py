"""Whether a change is from the spec or from drift. For AWS, Terraform's plan says so (`aws/terraform/plan_json.py`).

Changes of hosts and OpenNebula are compared with the baseline: what these planes would need if the spec were still the
one last applied, and AWS changed only what has drifted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from edgewrap.change import DRIFTED, Action, Change, Origin, PlaneName, drifted
from edgewrap.engine.cluster import Cluster
from edgewrap.errors import EdgewrapError
from edgewrap.outputs import BY_DRIVER, Outputs
from edgewrap.plane import Context
from edgewrap.spec.load import load_spec, public_document

if TYPE_CHECKING:
    from edgewrap.aws.plane import AwsState
    from edgewrap.hosts.plane import Observation
    from edgewrap.opennebula.plane import OneFacts

Keyed = TypeVar("Keyed")


@dataclass(frozen=True, slots=True)
class Baseline:
    """The changes that the spec last applied would need. `uncertain`: why they are not known, empty if they are."""

    changes: tuple[Change, ...] = ()
    uncertain: str = ""


NO_BASELINE = Baseline()


def with_origins(changes: Iterable[Change], baseline: Iterable[Change]) -> tuple[Change, ...]:
    """The changes with their origins. A change that the baseline has too is drift. If only some of its attributes are
    the same there, or one has another value, its origin is the spec, with the reason of the drift."""
    known: dict[tuple[PlaneName, str, str], list[Change]] = {}
    for one in baseline:
        known.setdefault((one.plane, one.kind, one.key), []).append(one)
    return tuple(_with_origin(change, known.get((change.plane, change.kind, change.key), [])) for change in changes)


def _with_origin(change: Change, found: Sequence[Change]) -> Change:
    updates, sets = (Action.UPDATE, Action.REPLACE), change.after.items()
    same = next((one for one in found if one.action is change.action), found[0] if found else None)
    if same is None or change.key.rpartition("/")[2].startswith(BY_DRIVER):
        return change
    all_same = sets == same.after.items() if change.action is Action.CREATE else sets <= same.after.items()
    if change.action is same.action and all_same:
        return drifted(change)
    both = change.action is same.action is Action.CREATE or (
        change.action in updates and same.action in updates and change.after.keys() & same.after.keys()
    )
    return replace(change, reason=DRIFTED[same.action]) if both else change


def outputs_without_spec(before: Outputs, after: Outputs, changes: Collection[Change]) -> Outputs:
    """AWS's outputs if a run made only those of its `changes` there that are drift: `before` the run, with what is
    restored as it is `after` it."""
    from_spec = {change.key for change in changes if change.origin is Origin.SPEC}
    return replace(
        before,
        hosts=_restored(before.hosts, after.hosts, from_spec),
        groups=_restored(before.groups, after.groups, from_spec),
        eips=_restored(before.eips, after.eips, from_spec),
    )


def _restored(before: Mapping[str, Keyed], after: Mapping[str, Keyed], kept: Collection[str]) -> dict[str, Keyed]:
    return {key: one if key in kept else after.get(key, one) for key, one in before.items()}


def baseline_context(context: Context, of_aws: Collection[Change]) -> Context:
    """The context for the baseline: without what is asked of this run only."""
    before = context.before or context.known_outputs
    outputs = outputs_without_spec(before, context.known_outputs, of_aws)
    return replace(context, outputs=outputs, avoid=frozenset(), replaced=frozenset())


def make_baseline(
    cluster: Cluster, state: AwsState, hosts: Observation | None, facts: OneFacts | None, context: Context
) -> Baseline:
    """What hosts and OpenNebula would need for the spec last applied; no calls are made. Empty if none is applied."""
    if not state.applied:
        return NO_BASELINE
    try:
        spec = cluster.spec
        if state.applied != public_document(spec):
            spec = load_spec(spec.local_path("spec last applied"), cluster.environ, state.applied)
        changes = cluster.hosts.changes_for(spec, hosts, context) if hosts is not None else ()
        if facts is not None:
            changes += cluster.opennebula.changes_for(spec, facts, context)
    except EdgewrapError as error:
        return Baseline(uncertain=f"the spec last applied cannot be used: {error.what}")
    return Baseline(changes)
