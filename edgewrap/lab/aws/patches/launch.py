"""RunInstances: creates all that was requested, and refuses what AWS would refuse before anything is created.

Stock moto drops secondary addresses, keeps the interface when its instance is terminated, and accepts any key pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from moto.core.types import Base64EncodedString
from moto.ec2.exceptions import InvalidInstanceTypeError, InvalidKeyPairNameError
from moto.ec2.models import EC2Backend
from moto.ec2.models.instance_types import INSTANCE_TYPES
from moto.ec2.models.instances import Instance, InstanceBackend, Reservation
from moto.ec2.models.subnets import Subnet

from edgewrap.lab.aws.patches.instance_types import (
    refuse_running_more,
    refuse_too_many_addresses,
    refuse_too_many_interfaces,
    refuse_unoffered,
)
from edgewrap.lab.aws.patches.private_addresses import free_addresses, refuse_unfit, split_addresses
from edgewrap.lab.aws.patches.volumes import give_speed_asked_for

_run = InstanceBackend.run_instances


class Launch(InstanceBackend):
    def run_instances(
        self,
        image_id: str,
        count: int,
        user_data: Base64EncodedString | None,
        security_group_names: list[str],
        **kwargs: Any,
    ) -> Reservation:
        backend = cast("EC2Backend", self)
        _refuse_wrong(backend, count, kwargs)
        try:
            reservation = _run(self, image_id, count, user_data, security_group_names, **kwargs)
        finally:
            self.reservations = {key: kept for key, kept in self.reservations.items() if kept.instances}
        for instance in reservation.instances:
            _give_what_was_asked_for(instance, kwargs["nics"])
            give_speed_asked_for(instance, kwargs.get("block_device_mappings") or ())
            _note_for_the_fabric(backend, instance)
        return reservation


def _refuse_wrong(backend: EC2Backend, count: int, request: dict[str, Any]) -> None:
    instance_type, key_name = str(request["instance_type"]), request.get("key_name")
    if instance_type not in INSTANCE_TYPES:
        raise InvalidInstanceTypeError(instance_type)
    if key_name and key_name not in backend.key_pairs:
        raise InvalidKeyPairNameError(key_name)
    nics: Sequence[Any] = request["nics"]
    refuse_too_many_interfaces(instance_type, max(len(nics), 1))
    for nic in nics:
        if nic.get("SubnetId"):
            primary, secondary = split_addresses(nic.get("PrivateIpAddress") or "", nic.get("PrivateIpAddresses") or [])
            refuse_unfit(backend.get_subnet(nic["SubnetId"]), ([primary] if primary else []) + secondary)
            more = int(nic.get("SecondaryPrivateIpAddressCount") or 0)
            refuse_too_many_addresses(instance_type, 1 + len(secondary) + more)
    subnet = _subnet(backend, request)
    zone = subnet.availability_zone if subnet else str(request.get("placement") or f"{backend.region_name}a")
    refuse_unoffered(backend.region_name, zone, instance_type)
    refuse_running_more(backend, zone, instance_type, count)


def _subnet(backend: EC2Backend, request: dict[str, Any]) -> Subnet | None:
    named = [request.get("subnet_id"), *(nic.get("SubnetId") for nic in request["nics"])]
    subnet_id = next((subnet_id for subnet_id in named if subnet_id), None)
    return backend.get_subnet(subnet_id) if subnet_id else None


def _give_what_was_asked_for(instance: Instance, asked: Sequence[Any]) -> None:
    """Secondary addresses; interfaces that are deleted with the instance; no public address with two interfaces."""
    by_index = {int(nic["DeviceIndex"]): nic for nic in asked}
    for index, interface in instance.nics.items():
        nic = by_index.get(index, {})
        if not nic.get("NetworkInterfaceId"):
            interface.delete_on_termination = nic.get("DeleteOnTermination") is not False
            _primary, secondary = split_addresses(
                interface.private_ip_address or "", nic.get("PrivateIpAddresses") or []
            )
            more = int(nic.get("SecondaryPrivateIpAddressCount") or 0)
            secondary += free_addresses(interface.subnet, more, secondary) if more else []
            interface.private_ip_addresses += [{"Primary": False, "PrivateIpAddress": address} for address in secondary]
        if len(instance.nics) > 1:
            interface.stop()


def _note_for_the_fabric(backend: EC2Backend, instance: Instance) -> None:
    """What the snapshot needs and moto does not store."""
    key_pair = backend.key_pairs.get(instance.key_name or "")
    instance.__dict__.update(public_key=key_pair.public_key if key_pair else "", generation=1, boots=0)
    for interface in instance.nics.values():
        secondary = (item["PrivateIpAddress"] for item in interface.private_ip_addresses if not item["Primary"])
        interface.__dict__["secondary_at_launch"] = tuple(secondary)
