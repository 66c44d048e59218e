"""The names that AWS's DNS knows, from the snapshot of AWS. Pure.

An address has a public name, and an instance a private one, only if DNS hostnames are on in its VPC.
"""

from __future__ import annotations

from collections.abc import Mapping

from edgewrap.lab.cloud import Cloud

Names = Mapping[str, str]
"""Addresses by name, in lower case."""


def names_outside(cloud: Cloud) -> Names:
    """What the internet sees."""
    return {each.dns_name: each.public_address for each in cloud.addresses if each.dns_name}


def names_inside(cloud: Cloud, vpc_id: str) -> Names:
    """What the resolver of a VPC answers: other VPCs' names as outside, its own with private addresses."""
    subnets = {subnet.id for subnet in cloud.subnets if subnet.vpc_id == vpc_id}
    here = [interface for interface in cloud.interfaces if interface.subnet_id in subnets]
    ids = {interface.id for interface in here}
    public = {each.dns_name: each.private_address for each in cloud.addresses if each.interface_id in ids}
    own = {interface.private_dns_name: interface.primary_address for interface in here}
    names = {**names_outside(cloud), **public, **own}
    return {name: address for name, address in names.items() if name and address}
