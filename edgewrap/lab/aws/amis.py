"""The images of the lab's AWS: Canonical's Ubuntu, as DescribeImages shows them, in the file that moto loads."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CANONICAL = "099720109477"
"""The account that owns Ubuntu's images."""

_ARCHITECTURES = {"amd64": "x86_64", "arm64": "arm64"}
_BUILDS = ("20250115", "20250610")  # two of each, so that `most_recent` has to choose


@dataclass(frozen=True, slots=True)
class Release:
    """One Ubuntu release and the disk in the names of its images: SSM says `ebs-gp2`, the image name `hvm-ssd`."""

    codename: str
    version: str
    disk: str
    ssm_disk: str


RELEASES = (
    Release("jammy", "22.04", "hvm-ssd", "ebs-gp2"),
    Release("noble", "24.04", "hvm-ssd-gp3", "ebs-gp3"),
)


@dataclass(frozen=True, slots=True)
class Image:
    """One image. Its id is the same in every region (on AWS, each region has its own)."""

    release: Release
    machine: str
    build: str

    @property
    def name(self) -> str:
        codename, version = self.release.codename, self.release.version
        return f"ubuntu/images/{self.release.disk}/ubuntu-{codename}-{version}-{self.machine}-server-{self.build}"

    @property
    def id(self) -> str:
        return "ami-" + hashlib.sha256(self.name.encode()).hexdigest()[:17]

    @property
    def ssm_parameter(self) -> str:
        version, disk = self.release.version, self.release.ssm_disk
        return f"/aws/service/canonical/ubuntu/server/{version}/stable/current/{self.machine}/hvm/{disk}/ami-id"

    @property
    def newest(self) -> bool:
        return self.build == max(_BUILDS)


def images() -> Iterator[Image]:
    """All images of the lab, the newest of a kind last."""
    for release in RELEASES:
        for machine in _ARCHITECTURES:
            for build in _BUILDS:
                yield Image(release, machine, build)


def write_images(file: Path) -> None:
    """Write the file that MOTO_AMIS_PATH names."""
    file.write_text(json.dumps([_as_moto_wants(image) for image in images()], indent=1), encoding="utf-8")


def _as_moto_wants(image: Image) -> dict[str, object]:
    date = f"{image.build[:4]}-{image.build[4:6]}-{image.build[6:]}"
    return {
        "ami_id": image.id,
        "name": image.name,
        "description": f"Canonical, Ubuntu, {image.release.version}, {image.machine} {image.release.codename} image",
        "owner_id": CANONICAL,
        "image_location": f"amazon/{image.name}",
        "public": True,
        "state": "available",
        "virtualization_type": "hvm",
        "hypervisor": "xen",
        "architecture": _ARCHITECTURES[image.machine],
        "root_device_type": "ebs",
        "root_device_name": "/dev/sda1",
        "sriov": "simple",
        "boot_mode": "uefi-preferred" if image.machine == "amd64" else "uefi",
        "creation_date": f"{date}T00:00:00.000Z",
    }
