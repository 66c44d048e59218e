"""EBS volumes: the speed asked for at launch, gp3's throughput, and one change in 6 hours.

Stock moto drops IOPS and throughput at launch, knows no default throughput, and changes a volume at any time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from moto.core.utils import utcnow
from moto.ec2.models.elastic_block_store import Volume
from moto.ec2.models.instances import Instance
from moto.ec2.responses.instances import InstanceResponse

from edgewrap.lab.aws.patches.errors import RefusedError

GP3_THROUGHPUT = 125
BETWEEN_CHANGES = timedelta(hours=6)

_init, _modify, _parse = Volume.__init__, Volume.modify, InstanceResponse._parse_block_device_mapping  # noqa: SLF001


class Gp3Volume(Volume):
    def __init__(self, *arguments: Any, **named: Any) -> None:
        _init(self, *arguments, **named)
        if self.volume_type == "gp3":
            self.throughput = int(self.throughput or GP3_THROUGHPUT)

    def modify(self, *arguments: Any, **wanted: Any) -> None:
        if any(utcnow() - one.start_time < BETWEEN_CHANGES for one in self.modifications):
            raise RefusedError(
                "VolumeModificationRateExceeded",
                "You've reached the maximum modification rate per volume limit. Wait at least 6 hours between "
                "modifications per EBS volume.",
            )
        if int(wanted.get("target_size") or self.size) < int(self.size):
            raise RefusedError("InvalidParameterValue", "New size cannot be smaller than existing size")
        _modify(self, *arguments, **wanted)


class BlockDevicesWithThroughput(InstanceResponse):
    def _parse_block_device_mapping(self) -> list[dict[str, Any]]:
        asked = self._get_param("BlockDeviceMappings", [])
        return [
            {**mapping, "Ebs": {**mapping["Ebs"], "Throughput": one.get("Ebs", {}).get("Throughput")}}
            for mapping, one in zip(_parse(self), asked, strict=True)
        ]


def give_speed_asked_for(instance: Instance, mappings: Sequence[Mapping[str, Any]]) -> None:
    """IOPS and throughput of the volumes that were made with the instance."""
    for mapping in mappings:
        device = instance.block_device_mapping.get(mapping["DeviceName"])
        if device is not None:
            volume = instance.ec2_backend.get_volume(device.volume_id)
            volume.iops = mapping["Ebs"].get("Iops") or volume.iops
            volume.throughput = mapping["Ebs"].get("Throughput") or volume.throughput
