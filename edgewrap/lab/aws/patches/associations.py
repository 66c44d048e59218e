"""An Elastic IP is associated with one private address of one interface.

Stock moto knows only the interface: it reports the primary address and overwrites the interface's public address.
"""

from __future__ import annotations

from typing import Any, cast

from moto.core.responses import ActionResult
from moto.ec2.models import EC2Backend
from moto.ec2.models.elastic_ip_addresses import ElasticAddress, ElasticAddressBackend
from moto.ec2.models.elastic_network_interfaces import NetworkInterface
from moto.ec2.models.instances import Instance
from moto.ec2.responses.elastic_ip_addresses import ElasticIPAddresses
from moto.ec2.utils import random_eip_association_id

from edgewrap.lab.aws.limits import LIMITS
from edgewrap.lab.aws.patches.errors import RefusedError
from edgewrap.lab.aws.patches.private_addresses import addresses_of
from edgewrap.lab.aws.patches.public_addresses import ELASTIC, elastic_ips, public_addresses_in_use

_allocate = ElasticAddressBackend.allocate_address
_release = ElasticAddressBackend.release_address


class AssociatedAddress(ElasticAddress):
    """The association is `eni` and the private address; the instance is the one that the interface is attached to."""

    @property
    def instance(self) -> Any:
        return self.eni.instance if self.eni else None

    @instance.setter
    def instance(self, _instance: Any) -> None:
        """Moto sets it in addition to `eni`; here it is derived from `eni`."""

    @property
    def private_ip_address(self) -> str | None:
        return self.__dict__.get("associated_private_address") if self.eni else None

    def get_filter_value(self, filter_name: str, method_name: str | None = None) -> Any:  # noqa: ARG002
        values = {
            "allocation-id": self.allocation_id,
            "association-id": self.association_id,
            "domain": self.domain,
            "instance-id": self.instance_id or None,
            "network-interface-id": self.network_interface_id or None,
            "network-interface-owner-id": self.network_interface_owner_id,
            "private-ip-address": self.private_ip_address,
            "public-ip": self.public_ip,
        }
        if filter_name in values:
            return values[filter_name]
        return super(ElasticAddress, self).get_filter_value(filter_name, "DescribeAddresses")


class Associations(ElasticAddressBackend):
    """AllocateAddress, AssociateAddress, DisassociateAddress, ReleaseAddress."""

    def allocate_address(
        self,
        domain: str,  # noqa: ARG002 (EC2-Classic was removed: always `vpc`)
        address: str | None = None,
        tags: dict[str, str] | None = None,
    ) -> ElasticAddress:
        if len(self.addresses) >= LIMITS.quotas.elastic_ips:
            raise RefusedError("AddressLimitExceeded", "The maximum number of addresses has been reached.")
        in_use = public_addresses_in_use()
        if address and (address not in ELASTIC or address in in_use):
            raise RefusedError("AuthFailure", f"The address '{address}' does not belong to you.")
        return _allocate(self, "vpc", address or ELASTIC.take(in_use), tags)

    def associate_address(
        self,
        instance: Any = None,
        eni: Any = None,
        address: str | None = None,
        allocation_id: str | None = None,
        reassociate: bool = True,
        private_ip_address: str | None = None,
    ) -> ElasticAddress:
        elastic = self._one(address, allocation_id)
        interface: NetworkInterface = eni or _only_interface(instance)
        private_address = private_ip_address or interface.private_ip_address
        if private_address not in addresses_of(interface):
            raise RefusedError(
                "InvalidParameterValue", f"Address {private_address} is not assigned to interface {interface.id}."
            )
        self._refuse_without_gateway(interface)
        holder = elastic_ips(interface).get(private_address or "")
        if holder is elastic:
            return elastic
        if not reassociate and (holder or elastic.eni):
            raise RefusedError("Resource.AlreadyAssociated", f"resource {interface.id} is already associated")
        for former in (holder, elastic):
            if former and former.association_id:
                self.disassociate_address(association_id=former.association_id)
        if private_address == interface.private_ip_address:
            interface.public_ip = None  # the Elastic IP takes the place of the one given at launch
        elastic.eni = interface  # type: ignore[assignment] # moto declares it by its first value, None
        elastic.__dict__["associated_private_address"] = private_address
        elastic.association_id = random_eip_association_id()
        return elastic

    def disassociate_address(self, address: str | None = None, association_id: str | None = None) -> None:
        elastic = self._one(address) if address else self.address_by_association([association_id or ""])[0]
        interface: NetworkInterface | None = elastic.eni
        elastic.eni = None
        elastic.association_id = None
        if interface and interface.instance and interface.instance.is_running():
            interface.start()

    def release_address(self, address: str | None = None, allocation_id: str | None = None) -> None:
        elastic = self._one(address, allocation_id)
        if elastic.eni:
            raise RefusedError("InvalidIPAddress.InUse", f"Address {elastic.public_ip} is in use.")
        _release(self, address=elastic.public_ip)

    def _one(self, address: str | None = None, allocation_id: str | None = None) -> ElasticAddress:
        if address:
            return self.address_by_ip([address])[0]
        return self.address_by_allocation([allocation_id or ""])[0]

    def _refuse_without_gateway(self, interface: NetworkInterface) -> None:
        gateways = cast("EC2Backend", self).internet_gateways.values()
        if not any(gateway.vpc and gateway.vpc.id == interface.vpc_id for gateway in gateways):
            raise RefusedError(
                "Gateway.NotAttached", f"Network {interface.vpc_id} is not attached to any internet gateway"
            )


def _only_interface(instance: Instance) -> NetworkInterface:
    if len(instance.nics) != 1:
        raise RefusedError(
            "InvalidInstanceID",
            f"There are multiple interfaces attached to instance '{instance.id}'. Please specify an interface ID for "
            "the operation instead.",
        )
    return instance.nics[0]


class AssociateWithPrivateAddress(ElasticIPAddresses):
    """Moto never reads PrivateIpAddress; on AWS, reassociation is allowed by default."""

    def associate_address(self) -> ActionResult:
        named = self._get_params()
        if not named.get("AllocationId") and not named.get("PublicIp"):
            raise RefusedError("MissingParameter", "The request must contain the parameter AllocationId or PublicIp")
        if not named.get("NetworkInterfaceId") and not named.get("InstanceId"):
            raise RefusedError("MissingParameter", "Either 'InstanceId' or 'NetworkInterfaceId' must be specified")
        self.error_on_dryrun()
        interface_id, instance_id = named.get("NetworkInterfaceId"), named.get("InstanceId")
        elastic = self.ec2_backend.associate_address(
            instance=None if interface_id else self.ec2_backend.get_instance(instance_id),
            eni=self.ec2_backend.get_network_interface(interface_id) if interface_id else None,
            address=named.get("PublicIp"),
            allocation_id=named.get("AllocationId"),
            reassociate=self._get_bool_param("AllowReassociation", True),
            private_ip_address=named.get("PrivateIpAddress"),
        )
        return ActionResult({"AssociationId": elastic.association_id})
