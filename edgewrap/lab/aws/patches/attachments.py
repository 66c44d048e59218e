"""Network interfaces that are attached to an instance and detached from it.

Stock moto shows the instance's security groups on each of its interfaces, never reports `detached` (the provider waits
153 s for it), accepts any device index, deletes interfaces that are in use, and detaches those of an instance that is
stopping or shutting down.
"""

from __future__ import annotations

import copy
import time
from typing import Any

from moto.ec2.exceptions import InvalidNetworkAttachmentIdError, LastEniDetachError
from moto.ec2.models.elastic_network_interfaces import Attachment, NetworkInterface, NetworkInterfaceBackend
from moto.ec2.models.instances import Instance

from edgewrap.lab.aws.patches.errors import RefusedError
from edgewrap.lab.aws.patches.instance_types import refuse_too_many_addresses, refuse_too_many_interfaces
from edgewrap.lab.aws.patches.private_addresses import addresses_of
from edgewrap.lab.aws.patches.public_addresses import association_of, elastic_ips

DETACHED_SHOWN_S = 4.0
"""How long a detached attachment can be found by its id, as `detached`. Later it is not found, as on AWS."""

_attach = Instance.attach_eni
_detach = Instance.detach_eni
_delete = NetworkInterfaceBackend.delete_network_interface
_describe = NetworkInterfaceBackend.get_all_network_interfaces


class Parting:
    """The last attachment of an interface, and until when it is shown (monotonic clock, seconds)."""

    def __init__(self, interface: NetworkInterface) -> None:
        self.attachment = Attachment(interface)
        self.attachment.status = "detached"
        self.until = time.monotonic() + DETACHED_SHOWN_S


class AttachingInstance(Instance):
    """The interfaces by device index are `nics`."""

    def attach_eni(self, eni: NetworkInterface, device_index: int) -> str:
        device_index = int(device_index)
        if eni.instance is not None:
            raise RefusedError("InvalidNetworkInterface.InUse", f"Interface: [{eni.id}] in use.")
        if device_index in self.nics:
            raise RefusedError(
                "InvalidParameterValue",
                f"Instance '{self.id}' already has an interface attached at device index '{device_index}'.",
            )
        if self.state not in ("running", "stopped"):
            raise _wrong_state(self)
        if eni.availability_zone != self.availability_zone:
            raise RefusedError(
                "InvalidParameterCombination",
                "You may not attach a network interface to an instance if they are not in the same availability zone",
            )
        refuse_too_many_interfaces(self.instance_type, len(self.nics) + 1)
        refuse_too_many_addresses(self.instance_type, len(eni.private_ip_addresses))
        return _attach(self, eni, device_index)

    def detach_eni(self, eni: NetworkInterface) -> None:
        eni.__dict__["parting"] = Parting(eni)
        _detach(self, eni)


class AttachedInterface(NetworkInterface):
    """How the attachment is shown, and the filters of an interface."""

    @property
    def attachment(self) -> Attachment | None:
        if self.attachment_id:
            return Attachment(self)
        shown: Attachment | None = self.__dict__.get("shown_attachment")
        return shown

    def get_filter_value(self, filter_name: str, method_name: str | None = None) -> Any:  # noqa: ARG002
        attachment = self.attachment
        associations = [association_of(self, address) for address in addresses_of(self)]
        values: dict[str, Any] = {
            "addresses.association.public-ip": [item["PublicIp"] for item in associations if item],
            "addresses.private-ip-address": addresses_of(self),
            "association.allocation-id": self.association.get("AllocationId"),
            "association.association-id": self.association.get("AssociationId"),
            "association.public-ip": self.association.get("PublicIp"),
            "attachment.attachment-id": attachment and attachment.attachment_id,
            "attachment.device-index": attachment and attachment.device_index,
            "attachment.instance-id": attachment and attachment.instance_id,
            "attachment.instance-owner-id": attachment and attachment.instance_owner_id,
            "attachment.status": attachment and attachment.status,
            "availability-zone": self.availability_zone,
            "description": self.description,
            "group-id": [group.id for group in self.group_set],
            "group-name": [group.name for group in self.group_set],
            "network-interface-id": self.id,
            "private-ip-address": self.private_ip_address,
            "subnet-id": self.subnet_id,
            "vpc-id": self.vpc_id,
        }
        if filter_name in values:
            return values[filter_name]
        return super(NetworkInterface, self).get_filter_value(filter_name, "DescribeNetworkInterfaces")


class InterfaceLifecycle(NetworkInterfaceBackend):
    """DetachNetworkInterface, DeleteNetworkInterface, DescribeNetworkInterfaces."""

    def detach_network_interface(self, attachment_id: str) -> None:
        interface = next((eni for eni in self.enis.values() if eni.attachment_id == attachment_id), None)
        if interface is None or interface.instance is None:
            raise InvalidNetworkAttachmentIdError(attachment_id)
        if interface.device_index == 0:
            raise LastEniDetachError
        if interface.instance.state in ("stopping", "shutting-down"):  # even with Force
            raise _wrong_state(interface.instance)
        interface.instance.detach_eni(interface)

    def delete_network_interface(self, eni_id: str) -> None:
        interface = self.get_network_interface(eni_id)
        if interface.instance is not None:
            raise RefusedError("InvalidParameterValue", f"Network interface '{eni_id}' is currently in use.")
        for elastic in elastic_ips(interface).values():
            elastic.eni = elastic.association_id = None
        _delete(self, eni_id)

    def get_all_network_interfaces(
        self, eni_ids: list[str] | None = None, filters: Any = None
    ) -> list[NetworkInterface]:
        found = _describe(self, eni_ids, filters)
        wanted = (filters or {}).get("attachment.attachment-id", [])
        return found or [_just_detached(interface) for interface in self.enis.values() if _was(interface, wanted)]


def _wrong_state(instance: Instance) -> RefusedError:
    return RefusedError(
        "IncorrectState", f"The instance '{instance.id}' is not in a valid state for this operation ({instance.state})."
    )


def _was(interface: NetworkInterface, attachment_ids: list[str]) -> bool:
    parting: Parting | None = interface.__dict__.get("parting")
    return (
        parting is not None and parting.attachment.attachment_id in attachment_ids and time.monotonic() < parting.until
    )


def _just_detached(interface: NetworkInterface) -> NetworkInterface:
    """A copy that still shows its last attachment."""
    view = copy.copy(interface)
    view.attachment_id = None
    view.__dict__["shown_attachment"] = interface.__dict__["parting"].attachment
    return view
