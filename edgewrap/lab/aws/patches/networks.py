"""Subnets, VPCs and internet gateways in use cannot be deleted; VPCs count against the quota. A deleted subnet leaves
its network ACL."""

from __future__ import annotations

from typing import Any, cast

from moto.ec2.exceptions import DependencyViolationError
from moto.ec2.models import EC2Backend
from moto.ec2.models.internet_gateways import InternetGatewayBackend
from moto.ec2.models.subnets import Subnet, SubnetBackend
from moto.ec2.models.vpcs import VPC, VPCBackend

from edgewrap.lab.aws.limits import LIMITS
from edgewrap.lab.aws.patches.errors import RefusedError
from edgewrap.lab.aws.patches.public_addresses import elastic_ips

_delete_subnet = SubnetBackend.delete_subnet
_create_vpc = VPCBackend.create_vpc
_delete_vpc = VPCBackend.delete_vpc
_detach_gateway = InternetGatewayBackend.detach_internet_gateway


class SubnetsInUse(SubnetBackend):
    def delete_subnet(self, subnet_id: str) -> Subnet:
        backend = cast("EC2Backend", self)
        if any(interface.subnet_id == subnet_id for interface in backend.enis.values()):
            raise DependencyViolationError(f"The subnet '{subnet_id}' has dependencies and cannot be deleted.")
        deleted = _delete_subnet(self, subnet_id)
        for acl in backend.network_acls.values():
            for association in [one for one in acl.associations if one.subnet_id == subnet_id]:
                del acl._associations[association.id]  # noqa: SLF001
        return deleted


class VpcsCountedAndInUse(VPCBackend):
    """The default VPC counts in the quota, as on AWS."""

    def create_vpc(self, cidr_block: str, *arguments: Any, **named: Any) -> VPC:
        if not named.get("is_default") and len(self.vpcs) >= LIMITS.quotas.vpcs:
            raise RefusedError("VpcLimitExceeded", "The maximum number of VPCs has been reached.")
        return _create_vpc(self, cidr_block, *arguments, **named)

    def delete_vpc(self, vpc_id: str) -> VPC:
        backend = cast("EC2Backend", self)
        gateway = any(each.vpc and each.vpc.id == vpc_id for each in backend.internet_gateways.values())
        group = any(group.name != "default" for group in backend.groups[vpc_id].values())
        if gateway or group:
            raise DependencyViolationError(f"The vpc '{vpc_id}' has dependencies and cannot be deleted.")
        return _delete_vpc(self, vpc_id)


class GatewaysInUse(InternetGatewayBackend):
    def detach_internet_gateway(self, internet_gateway_id: str, vpc_id: str) -> None:
        backend = cast("EC2Backend", self)
        for interface in backend.enis.values():
            if interface.vpc_id == vpc_id and (interface.public_ip or elastic_ips(interface)):
                raise DependencyViolationError(
                    f"Network {vpc_id} has some mapped public address(es). Please unmap those public address(es) "
                    "before detaching the gateway."
                )
        _detach_gateway(self, internet_gateway_id, vpc_id)
