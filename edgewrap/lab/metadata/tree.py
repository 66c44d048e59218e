"""The metadata of an instance: pure functions over the snapshot of AWS."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Union

from edgewrap.lab.cloud import Cloud, CloudInstance, CloudInterface

Tree = Mapping[str, Union["Tree", str]]

_VERSION = re.compile(r"latest|\d{4}-\d{2}-\d{2}")
_PUBLIC_KEYS = "public-keys"


def instance_behind(cloud: Cloud, vpc_id: str, address: str) -> CloudInstance | None:
    """The instance that an interface of the VPC with this address is attached to. A VM's address counts too: this is
    how a VM could read its host's credentials."""
    subnets = {subnet.id for subnet in cloud.subnets if subnet.vpc_id == vpc_id}
    instances = {instance.id: instance for instance in cloud.instances}
    for interface in cloud.interfaces:
        if interface.subnet_id in subnets and address in (interface.primary_address, *interface.secondary_addresses):
            return instances.get(interface.instance_id)
    return None


def answer(cloud: Cloud, instance: CloudInstance, path: str) -> str | None:
    """The content at a path (`/latest/meta-data/instance-id`); None if there is none.

    A directory is a list of its names, one per line, with a slash after those that are directories.
    """
    version, _, rest = path.strip("/").partition("/")
    if not _VERSION.fullmatch(version):
        return None
    found: Tree | str = _tree(cloud, instance)
    steps = [step for step in rest.split("/") if step]
    for step in steps:
        if isinstance(found, str) or step not in found:
            return None
        found = found[step]
    if isinstance(found, str):
        return found
    if steps[-1:] == [_PUBLIC_KEYS]:
        return f"0={instance.key_name}"
    return "\n".join(name if isinstance(below, str) else f"{name}/" for name, below in found.items())


def _tree(cloud: Cloud, instance: CloudInstance) -> Tree:
    interfaces = sorted(
        (interface for interface in cloud.interfaces if interface.instance_id == instance.id),
        key=lambda interface: interface.device_index,
    )
    primary = interfaces[0]
    name = f"ip-{primary.primary_address.replace('.', '-')}"
    metadata: dict[str, Tree | str] = {
        "hostname": name,
        "instance-id": instance.id,
        "local-hostname": name,
        "local-ipv4": primary.primary_address,
        "mac": primary.mac,
        "network": {"interfaces": {"macs": {i.mac: dict(_interface(cloud, i)) for i in interfaces}}},
    }
    if instance.public_key:
        metadata[_PUBLIC_KEYS] = {"0": {"openssh-key": instance.public_key}}
    if public := _public(cloud, primary):
        metadata["public-ipv4"] = next(iter(public.values()))
    identity = json.dumps({"instanceId": instance.id, "privateIp": primary.primary_address}, indent=2)
    tree: dict[str, Tree | str] = {
        "dynamic": {"instance-identity": {"document": identity}},
        "meta-data": metadata,
    }
    return {**tree, "user-data": instance.user_data} if instance.user_data else tree


def _interface(cloud: Cloud, interface: CloudInterface) -> Iterator[tuple[str, Tree | str]]:
    subnet = next(subnet for subnet in cloud.subnets if subnet.id == interface.subnet_id)
    yield "device-number", str(interface.device_index)
    yield "interface-id", interface.id
    yield "local-ipv4s", "\n".join((interface.primary_address, *interface.secondary_addresses))
    yield "mac", interface.mac
    yield "security-group-ids", "\n".join(interface.security_groups)
    yield "subnet-id", subnet.id
    yield "subnet-ipv4-cidr-block", subnet.cidr
    yield "vpc-id", subnet.vpc_id
    yield "vpc-ipv4-cidr-block", cloud.vpc_cidrs[subnet.vpc_id]
    if public := _public(cloud, interface):
        yield "public-ipv4s", "\n".join(public.values())


def _public(cloud: Cloud, interface: CloudInterface) -> Mapping[str, str]:
    """The interface's public addresses by the private ones, the primary's first."""
    by_private = {
        address.private_address: address.public_address
        for address in cloud.addresses
        if address.interface_id == interface.id and address.private_address
    }
    private = (interface.primary_address, *interface.secondary_addresses)
    return {address: by_private[address] for address in private if address in by_private}
