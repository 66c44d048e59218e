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
    """One object that has drifted."""

    plane: PlaneName
    kind: str
    """The usual word for the object: `elastic ip`, `route`."""
    key: str
    """Identifies the object: `eip-3`, `host-0/br-edge`."""
    reason: Reason
    """How it has drifted."""
    action: Action | None
    """What `apply` does about it; null if nothing."""
    why: str
    """One short clause for people."""
    advice: str = ""
    before: Mapping[str, str] = field(default_factory=dict)
    """The attributes that differ, as they are now."""
    after: Mapping[str, str] = field(default_factory=dict)
    """The attributes that differ, as `apply` sets them: with what the spec changes, if it changes the object too."""
    diff: tuple[str, ...] = ()
    """The lines of a text that `apply` removes (`- …`) and adds (`+ …`)."""
    spec_changed: bool = False
    """Whether the spec changes the object too."""


@dataclass(frozen=True, slots=True)
class Unread:
    """A plane or a host of which it is not known, or not in full, what has drifted; and why."""

    name: str
    """The plane or the host."""
    what: str
    cause: str
    advice: str


@dataclass(frozen=True, slots=True)
class DriftReport:
    """What has drifted in a cluster."""

    cluster: str
    planes: tuple[PlaneName, ...]
    """The planes that were compared."""
    items: tuple[DriftItem, ...]
    """The objects that have drifted."""
    spec_changes: int
    """How many other changes the plan has, which `apply` makes because of the spec."""
    unread: tuple[Unread, ...] = ()
    """What is not known."""
    not_compared: tuple[str, ...] = ()
    """What is left out of a plane that was compared, because it needs a plane that the run leaves out."""


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
            kind = "interface group" if key.startswith("group-") else "host"
            yield DriftItem(finding.plane, kind, key, reason, None, finding.text, finding.advice)


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
