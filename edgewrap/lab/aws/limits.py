"""The limits of the lab's AWS: quotas, missing capacity, slow metal. They can be set while it runs."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Quotas(BaseModel):
    """The account's quotas, each counted per account and region as AWS does.

    `elastic_ips` and `vpcs` are counts (AWS's own defaults; the default VPC counts). `standard_vcpus` is the sum over
    the running on-demand instances of the standard families: twelve c5.metal; a new AWS account has 5.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    elastic_ips: int = Field(default=5, ge=0)
    vpcs: int = Field(default=5, ge=0)
    standard_vcpus: int = Field(default=1152, ge=0)


class Shortage(BaseModel):
    """A zone and an instance type for which AWS has no capacity; `*` matches any."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    zone: str = "*"
    instance_type: str = "*"

    def covers(self, zone: str, instance_type: str) -> bool:
        return self.zone in ("*", zone) and self.instance_type in ("*", instance_type)


class Capacity(BaseModel):
    """What AWS has no capacity for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    missing: tuple[Shortage, ...] = ()

    def lacks(self, zone: str, instance_type: str) -> bool:
        return any(shortage.covers(zone, instance_type) for shortage in self.missing)


class Metal(BaseModel):
    """How slow the instances are: `stop_s` seconds from the call until an instance is stopped or terminated. AWS's take
    10 to 20 minutes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    stop_s: float = Field(default=0, ge=0, le=3600)


class Limits:
    """The limits in force; the lab's API replaces them, the patches of moto read them."""

    def __init__(self) -> None:
        self.quotas = Quotas()
        self.capacity = Capacity()
        self.metal = Metal()


LIMITS = Limits()
"""One per process, like moto's own backends."""
