"""Two hosts on one network, made with boto3 alone."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.support.lab import Lab
from tests.support.lab_cloud import Instance, LabCloud, Network


@dataclass(frozen=True)
class Pair:
    """Two hosts that answer."""

    cloud: LabCloud
    network: Network
    first: Instance
    second: Instance


@pytest.fixture(scope="module")
def pair(lab: Lab) -> Pair:
    cloud = LabCloud(lab)
    network = cloud.make_network()
    first, second = cloud.launch(network, 0), cloud.launch(network, 1)
    cloud.ready(first, second)
    return Pair(cloud, network, first, second)
