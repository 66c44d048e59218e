"""Capacity and images."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgewrap.lab.aws.amis import images, write_images
from edgewrap.lab.aws.limits import Capacity, Shortage


@pytest.mark.parametrize(
    ("shortage", "lacks"),
    [
        (Shortage(), True),
        (Shortage(zone="eu-west-3a"), True),
        (Shortage(instance_type="c5.metal"), True),
        (Shortage(zone="eu-west-3a", instance_type="c5.metal"), True),
        (Shortage(zone="eu-west-3b"), False),
        (Shortage(zone="eu-west-3a", instance_type="m5.metal"), False),
    ],
)
def test_which_launches_a_shortage_covers(shortage: Shortage, lacks: bool) -> None:
    assert Capacity(missing=(shortage,)).lacks("eu-west-3a", "c5.metal") is lacks
    assert not Capacity().lacks("eu-west-3a", "c5.metal")


def test_images_are_distinct_and_keep_their_ids(tmp_path: Path) -> None:
    write_images(tmp_path / "images.json")
    written = json.loads((tmp_path / "images.json").read_text())
    assert len({image["ami_id"] for image in written}) == len({image["name"] for image in written}) == len(written)
    assert [image["ami_id"] for image in written] == [image.id for image in images()]
    assert len({image.ssm_parameter for image in images() if image.newest}) == sum(image.newest for image in images())
