"""What has drifted from the spec last applied, in all planes; changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from edgewrap.change import Action, Change, Origin, PlaneName, Reason
from edgewrap.engine.cluster import Cluster
from edgewrap.engine.plan import RunPlan, make_plan, nothing_applied
from edgewrap.errors import AwsError, EdgewrapError, OpenNebulaError, RefusedChangeError, TerraformError, ToolError

PLANE_OF = {
    OpenNebulaError: PlaneName.OPENNEBULA,
    **dict.fromkeys((AwsError, RefusedChangeError, TerraformError, ToolError), PlaneName.AWS),
}
"""The planes that raise these errors if they cannot be read or planned."""

WITHOUT_HOSTS = "opennebula: what hosts report (their SSH keys, and the interface and MTU of private networks)"


@dataclass(frozen=True, slots=True)
class DriftItem:
    """One object that has drifted. `action` is what `apply` does about it, from `before` (now) to `after`, None if it
    does nothing; `why` and `advice` are for people. If the spec changes the object too (`spec_changed`), `after` has
    that as well."""

    plane: PlaneName
    kind: str
    key: str
    reason: Reason
    action: Action | None
    why: str
    advice: str = ""
    before: Mapping[str, str] = field(default_factory=dict)
    after: Mapping[str, str] = field(default_factory=dict)
    diff: tuple[str, ...] = ()
    spec_changed: bool = False


@dataclass(frozen=True, slots=True)
class Unread:
    """A plane or a host of which it is not known, or not in full, what has drifted; and why."""

    name: str
    what: str
    cause: str
    advice: str


@dataclass(frozen=True, slots=True)
class DriftReport:
    """What has drifted in a cluster. `planes` are those that were compared, `spec_changes` counts the other changes in
    the plan, which `apply` makes because of the spec. `unread`: what is not known. `not_compared`: what is left out of
    a plane that was compared, because it needs a plane that the run leaves out."""

    cluster: str
    planes: tuple[PlaneName, ...]
    items: tuple[DriftItem, ...]
    spec_changes: int
    unread: tuple[Unread, ...] = ()
    not_compared: tuple[str, ...] = ()


def read_drift(cluster: Cluster, planes: Sequence[PlaneName]) -> DriftReport:
    """Observe and plan, and keep what has drifted. A plane that cannot be read is left out, and is in `unread`.

    Raises StateError if nothing is applied yet, and the error of a plane if no other plane is left.
    """
    unread: list[Unread] = []
    while True:
        try:
            return _report(cluster, tuple(planes), make_plan(cluster, tuple(planes), expect_ready=True), unread)
        except EdgewrapError as error:
            failed = next((plane for kind, plane in PLANE_OF.items() if isinstance(error, kind)), None)
            if failed is None or failed not in planes or len(planes) == 1:
                raise
            planes = [plane for plane in planes if plane is not failed]
            unread.append(_unread(failed, error))


def _report(cluster: Cluster, planes: tuple[PlaneName, ...], plan: RunPlan, unread: Sequence[Unread]) -> DriftReport:
    if plan.observed.state is None:
        raise nothing_applied(cluster)
    found = list(unread)
    found += [_unread(error.host, error) for error in plan.failures if error not in plan.observed.disposition.kept]
    if plan.baseline.uncertain:
        text = "what hosts and OpenNebula need is counted as changes of the spec"
        advice = "run `edgewrap plan`, then `edgewrap apply`, which records the spec again"
        found.append(Unread("hosts, opennebula", text, plan.baseline.uncertain, advice))
    return DriftReport(
        cluster.spec.name,
        planes,
        (*drift_items(plan),),
        sum(change.reason is None for change in plan.changes),
        tuple(found),
        (WITHOUT_HOSTS,) if PlaneName.OPENNEBULA in planes and PlaneName.HOSTS not in planes else (),
    )


def drift_items(plan: RunPlan) -> Iterator[DriftItem]:
    """The changes of a plan that are drift, and what does not work and no change repairs."""
    for change in plan.changes:
        if change.reason is not None:
            yield _item(change, change.reason)
    new = (Action.CREATE, Action.REPLACE)
    replaced = {one.key for one in plan.changes if one.plane is PlaneName.AWS and one.action in new and one.reason}
    for finding in dict.fromkeys(plan.health):
        if finding.plane is not None and finding.check not in replaced:
            key, reason = finding.check, Reason.NOT_WORKING
            yield DriftItem(finding.plane, "host", key, reason, None, finding.text, finding.advice)


def _item(change: Change, reason: Reason) -> DriftItem:
    return DriftItem(
        change.plane,
        change.kind,
        change.key,
        reason,
        change.action,
        change.why,
        "",
        change.before,
        change.after,
        change.diff,
        change.origin is Origin.SPEC,
    )


def _unread(name: str, error: EdgewrapError) -> Unread:
    return Unread(str(name), error.what, error.cause, error.advice)
