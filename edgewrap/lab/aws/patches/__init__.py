"""Where moto differs from AWS: one file an idea, each mend with a test that fails on stock moto.

`docs/lab-aws.md` lists the differences, those mended and those left.
"""

from __future__ import annotations

from edgewrap.lab.aws.patches import (
    associations,
    attachments,
    image_parameters,
    launch,
    lifecycle,
    networks,
    private_addresses,
    public_addresses,
    quotas,
    security_groups,
    speed,
)
from edgewrap.lab.aws.patches.patching import apply_patch

MENDS: tuple[type, ...] = (
    associations.AssociatedAddress,
    associations.Associations,
    associations.AssociateWithPrivateAddress,
    attachments.AttachingInstance,
    attachments.AttachedInterface,
    attachments.InterfaceLifecycle,
    image_parameters.CanonicalParameters,
    launch.Launch,
    lifecycle.InstanceLifecycle,
    lifecycle.TerminateOnly,
    networks.GatewaysInUse,
    networks.SubnetsInUse,
    networks.VpcsCountedAndInUse,
    private_addresses.AssignWithReassignment,
    private_addresses.InterfaceAddresses,
    private_addresses.SubnetByInterfaces,
    public_addresses.PublicAddress,
    quotas.AttributesByQuota,
    quotas.EnforcedQuotas,
    quotas.ListedQuotas,
    security_groups.GroupsInUse,
    security_groups.GroupsOfInstance,
    security_groups.GroupsOfInterface,
    security_groups.RulesForAllProtocols,
    speed.RememberedBackends,
    speed.TagsById,
)


def apply() -> None:
    """Mends moto, in this process."""
    apply_patch(MENDS)
    speed.remember_actions()
