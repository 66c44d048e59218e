"""The disks of a host in the contract `edgewrap/v1`: its gp3 root volume, and where the datastores are."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from edgewrap.spec.networks import Model
from edgewrap.spec.on_change import in_place

IOPS_PER_GB = 500
IOPS_PER_THROUGHPUT = 4  # 0.25 MiB/s for each
LEAST_IOPS, LEAST_THROUGHPUT = 3000, 125  # of every gp3 volume, included in its price

ONCE = "once in 6 hours for each volume, all its fields together"
LARGER = f"it can only grow, {ONCE}; a smaller one is refused"

Iops = Annotated[int, Field(ge=LEAST_IOPS, le=80_000)]


class DatastoreVolume(Model):
    """An EBS volume (gp3) of each host for its datastores. It is deleted with the host."""

    gb: Annotated[int, Field(ge=8, le=65_536), in_place("Its size in GiB.", LARGER)]
    iops: Annotated[Iops, in_place("Its IOPS, at most 500 for each GiB.", ONCE)] = LEAST_IOPS
    throughput: Annotated[
        int,  # Terraform's provider takes no more for a volume of its own
        Field(ge=LEAST_THROUGHPUT, le=1000),
        in_place("Its throughput in MiB/s, at most a quarter of its IOPS.", ONCE),
    ] = LEAST_THROUGHPUT


def datastore_kind(value: Any) -> str:
    """Which form of `datastore_volume` is meant: `root`, `instance-store` or `volume`."""
    return value if isinstance(value, str) else "volume"


def _form(value: Any) -> str:
    """The form, so that an error speaks of that one only."""
    return "<word>" if isinstance(value, str) else "<volume>"


DatastoreDisk = Annotated[
    Annotated[Literal["root", "instance-store"], Tag("<word>")] | Annotated[DatastoreVolume, Tag("<volume>")],
    Discriminator(_form),
]
