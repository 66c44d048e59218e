"""The snapshot of the lab's AWS that the fabric follows, taken from moto's backends.

One snapshot has all accounts and regions in use. A default VPC, which moto creates in every region, is left out as long
as it has no network interfaces.
"""

from __future__ import annotations

import base64
import binascii
import threading
from collections.abc import Iterable, Iterator
from typing import Any

from moto.ec2.models import EC2Backend
from moto.ec2.models.elastic_network_interfaces import NetworkInterface
from moto.ec2.models.instance_types import INSTANCE_TYPES
from moto.ec2.models.instances import Instance
from moto.ec2.models.internet_gateways import InternetGateway
from moto.ec2.models.security_groups import SecurityGroup, SecurityGroupRule
from moto.ec2.models.subnets import Subnet

from edgewrap.lab.aws.backends import used_backends
from edgewrap.lab.aws.patches.public_addresses import dns_name_of, has_dns_hostnames
from edgewrap.lab.cloud import (
    Cloud,
    CloudAddress,
    CloudDisk,
    CloudInstance,
    CloudInterface,
    CloudRule,
    CloudSubnet,
)

ROOT_DEVICES = ("/dev/sda1", "/dev/xvda")
INSTANCE_STORE_GB = 8
_PROTOCOLS = {"-1": "all", "tcp": "tcp", "udp": "udp", "icmp": "icmp"}


class SnapshotFeed:
    """The current snapshot; a follower waits for a higher serial."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._cloud = draw(serial=1)

    def refresh(self) -> None:
        """Read moto's backends again; the serial is incremented only if something differs."""
        with self._changed:
            cloud = draw(serial=self._cloud.serial)
            if cloud != self._cloud:
                self._cloud = cloud.model_copy(update={"serial": self._cloud.serial + 1})
                self._changed.notify_all()

    def wait(self, after: int, timeout_s: float) -> Cloud:
        """The snapshot, as soon as its serial is higher than `after`, at the latest after the timeout."""
        with self._changed:
            self._changed.wait_for(lambda: self._cloud.serial > after, timeout_s)
            return self._cloud


def draw(serial: int) -> Cloud:
    """The whole snapshot, with this serial."""
    backends = used_backends()
    shown = {vpc.id for backend in backends for vpc in _vpcs(backend)}
    return Cloud(
        serial=serial,
        vpc_cidrs={vpc.id: vpc.cidr_block for backend in backends for vpc in _vpcs(backend)},
        subnets=tuple(
            _subnet(backend, subnet) for backend in backends for subnet in _subnets(backend) if subnet.vpc_id in shown
        ),
        instances=tuple(_instance(instance) for backend in backends for instance in backend.all_instances()),
        interfaces=tuple(_interface(interface) for backend in backends for interface in backend.enis.values()),
        addresses=tuple(address for backend in backends for address in _addresses(backend)),
        rules=tuple(
            rule
            for backend in backends
            for vpc_id, groups in backend.groups.items()
            if vpc_id in shown
            for group in groups.values()
            for rule in _rules(group)
        ),
    )


def _vpcs(backend: EC2Backend) -> Iterator[Any]:
    used = {interface.vpc_id for interface in backend.enis.values()}
    return (vpc for vpc in backend.vpcs.values() if vpc.id in used or not vpc.is_default)


def _subnets(backend: EC2Backend) -> Iterator[Subnet]:
    return (subnet for by_zone in backend.subnets.values() for subnet in by_zone.values())


def _subnet(backend: EC2Backend, subnet: Subnet) -> CloudSubnet:
    return CloudSubnet(
        id=subnet.id,
        vpc_id=subnet.vpc_id,
        cidr=subnet.cidr_block,
        internet_gateway=_leads_outside(backend, subnet),
    )


def _leads_outside(backend: EC2Backend, subnet: Subnet) -> bool:
    """Whether the subnet's route table, or else the VPC's main one, has a default route to an attached gateway."""
    tables = [table for table in backend.route_tables.values() if table.vpc_id == subnet.vpc_id]
    own = [table for table in tables if subnet.id in table._associations.values()]  # noqa: SLF001
    main = [table for table in tables if table.main_association_id]
    return any(
        route.destination_cidr_block == "0.0.0.0/0"
        and isinstance(route.gateway, InternetGateway)
        and route.gateway.id in backend.internet_gateways
        and route.gateway.vpc is not None
        and route.gateway.vpc.id == subnet.vpc_id
        for table in own or main
        for route in table.routes
    )


def _instance(instance: Instance) -> CloudInstance:
    return CloudInstance(
        id=instance.id,
        state=instance.state,
        generation=getattr(instance, "generation", 1),
        boots=getattr(instance, "boots", 0),
        key_name=instance.key_name or "",
        public_key=getattr(instance, "public_key", ""),
        user_data=_text(instance.user_data),
        tags={tag["key"]: tag["value"] for tag in instance.get_tags()},
        region=instance.region_name,
        disks=tuple(_disks(instance)),
    )


def _disks(instance: Instance) -> Iterator[CloudDisk]:
    """Its EBS volumes, and one disk for its instance store, whatever number and size the type has."""
    if INSTANCE_TYPES.get(instance.instance_type, {}).get("InstanceStorageInfo"):
        start = getattr(instance, "generation", 1)
        yield CloudDisk(id=f"{instance.id.removeprefix('i-')}{start}", gb=INSTANCE_STORE_GB, instance_store=True)
    for device, attached in instance.get_block_device_mapping:
        if device not in ROOT_DEVICES:
            volume = instance.ec2_backend.get_volume(attached.volume_id)
            yield CloudDisk(id=volume.id, gb=int(volume.size))


def _text(user_data: object) -> str:
    """User data as the instance sees it; binary data stays base64."""
    encoded = str(user_data or "")
    try:
        return base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return encoded


def _interface(interface: NetworkInterface) -> CloudInterface:
    primary = interface.private_ip_address or ""
    private: Iterable[str] = (str(item["PrivateIpAddress"]) for item in interface.private_ip_addresses)
    return CloudInterface(
        id=interface.id,
        mac=interface.mac_address,
        subnet_id=interface.subnet_id,
        primary_address=primary,
        secondary_addresses=tuple(address for address in private if address != primary),
        instance_id=interface.instance.id if interface.instance else "",
        device_index=interface.device_index or 0,
        security_groups=tuple(group.id for group in interface.group_set),
        source_dest_check=interface.source_dest_check,
        secondary_at_launch=getattr(interface, "secondary_at_launch", ()),
        private_dns_name=_private_dns_name(interface),
    )


def _private_dns_name(interface: NetworkInterface) -> str:
    if interface.instance is None or interface.device_index != 0 or not has_dns_hostnames(interface):
        return ""
    return interface.instance.private_dns_name


def _addresses(backend: EC2Backend) -> Iterator[CloudAddress]:
    elastic = {address.public_ip for address in backend.addresses}
    for address in backend.addresses:
        yield CloudAddress(
            public_address=address.public_ip,
            allocation_id=address.allocation_id or "",
            interface_id=address.network_interface_id,
            private_address=address.private_ip_address or "",
            dns_name=_dns_name(backend, address.network_interface_id, address.public_ip),
        )
    for interface in backend.enis.values():
        if interface.public_ip and interface.public_ip not in elastic:
            yield CloudAddress(
                public_address=interface.public_ip,
                allocation_id="",
                interface_id=interface.id,
                private_address=interface.private_ip_address or "",
                dns_name=dns_name_of(interface, interface.public_ip),
            )


def _dns_name(backend: EC2Backend, interface_id: str, address: str) -> str:
    interface = backend.enis.get(interface_id)
    return dns_name_of(interface, address) if interface else ""


def _rules(group: SecurityGroup) -> Iterator[CloudRule]:
    for direction, rules in (("ingress", group.ingress_rules), ("egress", group.egress_rules)):
        for rule in rules:
            protocol = _PROTOCOLS.get(rule.ip_protocol or "")
            cidr, peer = rule.cidr_ipv4 or "", rule.source_group.get("GroupId", "")
            if protocol and (cidr or peer):  # the fabric has IPv4, TCP, UDP and ICMP only
                yield _rule(group, direction, protocol, rule, cidr, peer)


def _rule(
    group: SecurityGroup, direction: str, protocol: str, rule: SecurityGroupRule, cidr: str, peer: str
) -> CloudRule:
    has_ports = protocol in ("tcp", "udp")
    return CloudRule(
        group_id=group.id,
        direction=direction,
        protocol=protocol,
        from_port=rule.from_port or 0 if has_ports else 0,
        to_port=rule.to_port or 0 if has_ports else 65535,
        cidr=cidr,
        peer_group=peer,
    )
