"""The limits of an instance type that EC2 enforces: vCPUs, interfaces, addresses, zones, capacity."""

from __future__ import annotations

import re

from moto.ec2.models import EC2Backend
from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS, INSTANCE_TYPES
from moto.ec2.models.instances import Instance

from edgewrap.lab.aws.limits import LIMITS
from edgewrap.lab.aws.patches.errors import OutOfCapacityError, RefusedError

_STANDARD_FAMILIES = frozenset({"a", "c", "d", "h", "i", "im", "is", "m", "r", "t", "z"})


def vcpus(instance_type: str) -> int:
    """The vCPUs that the type counts for in the quota of standard instances; 0 for other families."""
    family = re.match(r"[a-z]+", instance_type)
    if family is None or family[0] not in _STANDARD_FAMILIES:
        return 0
    return int(INSTANCE_TYPES[instance_type]["VCpuInfo"]["DefaultVCpus"])


def refuse_too_many_interfaces(instance_type: str, count: int) -> None:
    """`count` interfaces on network card 0, the only one that the lab has."""
    network = INSTANCE_TYPES[instance_type]["NetworkInfo"]
    cards = network.get("NetworkCards") or [network]
    if count > cards[0]["MaximumNetworkInterfaces"]:
        raise RefusedError("AttachmentLimitExceeded", f"Interface count {count} exceeds the limit for {instance_type}")


def refuse_too_many_addresses(instance_type: str, count: int) -> None:
    """`count` private IPv4 addresses, the primary one among them, on one interface."""
    if count > INSTANCE_TYPES[instance_type]["NetworkInfo"]["Ipv4AddressesPerInterface"]:
        raise RefusedError("PrivateIpAddressLimitExceeded", "Number of private addresses will exceed limit.")


def refuse_unoffered(region: str, zone: str, instance_type: str) -> None:
    """A type that the zone does not offer."""
    offerings = INSTANCE_TYPE_OFFERINGS["availability-zone"].get(region, [])
    zones = {offering["Location"] for offering in offerings if offering["InstanceType"] == instance_type}
    if zones and zone not in zones:
        raise RefusedError(
            "Unsupported",
            f"Your requested instance type ({instance_type}) is not supported in your requested Availability Zone "
            f"({zone}). Please retry your request by not specifying an Availability Zone or choosing "
            f"{', '.join(sorted(zones))}.",
        )


def refuse_running_more(backend: EC2Backend, zone: str, instance_type: str, count: int) -> None:
    """`count` additional running instances: checks the vCPU quota and the zone's capacity."""
    running = sum(vcpus(_type_of(instance)) for instance in backend.all_running_instances())
    quota = LIMITS.quotas.standard_vcpus
    if vcpus(instance_type) and running + count * vcpus(instance_type) > quota:
        raise RefusedError(
            "VcpuLimitExceeded",
            f"You have requested more vCPU capacity than your current vCPU limit of {quota} allows for the instance "
            "bucket that the specified instance type belongs to. Please visit "
            "http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit.",
        )
    if LIMITS.capacity.lacks(zone, instance_type):
        raise OutOfCapacityError(
            "InsufficientInstanceCapacity",
            f"We currently do not have sufficient {instance_type} capacity in the Availability Zone you requested "
            f"({zone}). Our system will be working on provisioning additional capacity.",
        )


def _type_of(instance: Instance) -> str:
    return str(instance.instance_type)
