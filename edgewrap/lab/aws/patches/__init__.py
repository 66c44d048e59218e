"""Patches of moto where it differs from AWS; each has a test that fails on stock moto.

`docs/lab-aws.md` lists the differences, patched and remaining.

patching.py             how a class of patches is written over a moto class
errors.py               the errors that AWS returns
launch.py               RunInstances
instance_attributes.py  what RunInstances sets on an instance
lifecycle.py            start, stop, reboot, terminate
attachments.py          network interfaces: attach and detach
private_addresses.py    private addresses of an interface
public_addresses.py     public addresses, and when an instance has one
associations.py         Elastic IPs
security_groups.py      security groups of interfaces and instances
networks.py             VPCs, subnets and internet gateways in use
instance_types.py       limits of an instance type, capacity
volumes.py              speed of volumes, and how often they change
quotas.py               Service Quotas and account attributes
image_parameters.py     Canonical's SSM parameters
speed.py                moto's slow look-ups
"""

from __future__ import annotations

from edgewrap.lab.aws.patches import (
    associations,
    attachments,
    image_parameters,
    instance_attributes,
    launch,
    lifecycle,
    networks,
    private_addresses,
    public_addresses,
    quotas,
    security_groups,
    speed,
    volumes,
)
from edgewrap.lab.aws.patches.patching import apply_patch

PATCHES: tuple[type, ...] = (
    associations.AssociatedAddress,
    associations.Associations,
    associations.AssociateWithPrivateAddress,
    attachments.AttachingInstance,
    attachments.AttachedInterface,
    attachments.InterfaceLifecycle,
    image_parameters.CanonicalParameters,
    instance_attributes.LaunchAttributes,
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
    volumes.BlockDevicesWithThroughput,
    volumes.Gp3Volume,
)


def apply() -> None:
    """Patch moto, in this process."""
    apply_patch(PATCHES)
    speed.remember_actions()
