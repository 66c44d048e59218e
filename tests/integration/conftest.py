"""A lab AWS for the whole session."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from edgewrap.lab.aws.client import LabAwsClient, LabAwsProcess
from tests.support.lab import REGION

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabAwsClient]:
    """The lab's AWS, and an environment in which nothing can reach another one."""
    with LabAwsProcess(tmp_path_factory.mktemp("lab-aws")) as client, pytest.MonkeyPatch.context() as patch:
        client.set_quotas(elastic_ips=64, vpcs=64)  # the tests of a whole session share it
        patch.setenv("AWS_ENDPOINT_URL", client.endpoint)
        patch.setenv("AWS_ACCESS_KEY_ID", "dummy")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "dummy")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
            patch.delenv(name, raising=False)
        yield client


@pytest.fixture(scope="session")
def ec2(aws: LabAwsClient) -> EC2Client:
    """boto3's own client, to see and change what the tool did."""
    import boto3

    return boto3.client("ec2", region_name=REGION, endpoint_url=aws.endpoint)
