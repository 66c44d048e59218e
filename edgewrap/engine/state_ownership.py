"""Whether the Terraform state belongs to this cluster, checked before anything is planned: with a lost state, or
another cluster's, a run would create a second cluster beside the first, or destroy the wrong one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgewrap.engine.cluster import Cluster
from edgewrap.errors import StateError

if TYPE_CHECKING:
    from edgewrap.aws.plane import AwsState
    from edgewrap.opennebula.plane import OneFacts

LOST = "it was lost, or this run looks in the wrong place"
OTHER = "two states are in use for one name, or this run looks in the wrong place"
FIND_IT = (
    "nothing was changed; set the place of the right state (terraform.backend, or EDGEWRAP_DIR for a local one), or "
    "restore it from a backup"
)


def require_own_state(
    cluster: Cluster, state: AwsState | None, facts: OneFacts | None, *, about_aws: bool, destroy: bool = False
) -> None:
    """Compare the state's UUID with the marks on the front-end (`facts`, None if it was not read), and, without a
    state, with the tags in AWS. A destroy may remove what is left on the front-end only.

    Raises StateError if they differ, AwsError if AWS cannot be reached.
    """
    name = cluster.spec.name
    marks = cluster.opennebula.uuids(facts) if facts is not None else frozenset()
    states = " and ".join(sorted(marks))
    if state is not None:
        if marks and state.outputs.uuid not in marks:
            raise StateError(
                f"the Terraform state in {cluster.state_place} has the UUID {state.outputs.uuid}, but the cluster "
                f"{name} on the front-end was created from the state {states}",
                cause=OTHER,
                advice=f"{FIND_IT}; if they are two clusters, give one of them another name",
            )
        return
    if marks and not destroy:
        raise StateError(
            f"there is no Terraform state in {cluster.state_place}, but the cluster {name} is on the front-end, "
            f"created from the state {states}",
            cause=LOST,
            advice=f"{FIND_IT}; if AWS's part was destroyed, remove the rest: `edgewrap destroy --only opennebula`",
        )
    if about_aws and (vpcs := cluster.aws.clusters_named()):
        listed = ", ".join(f"{vpc} (state {uuid})" for vpc, uuid in vpcs.items())
        raise StateError(
            f"there is no Terraform state in {cluster.state_place}, but AWS has a cluster {name} in "
            f"{cluster.spec.aws.region}: {listed}",
            cause=f"{LOST}; or Terraform itself was killed before it had saved one",
            advice=f"{FIND_IT}; if it is another cluster, give this one another name; if nothing needs it any more, "
            "delete everything with the tag edgewrap:uuid",
        )
