"""Moto's EC2 backends, typed."""

from __future__ import annotations

from typing import cast

from moto.ec2.models import EC2Backend, ec2_backends


def used_backends() -> list[EC2Backend]:
    """One for each account and region that was used in a call."""
    return [cast("EC2Backend", backend) for _account, _region, backend in ec2_backends.iter_backends()]
