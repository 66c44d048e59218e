"""The lab's AWS for locks in its S3."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edgewrap.aws.state.s3 import Bucket
from edgewrap.lab.aws.client import LabAwsClient, LabAwsProcess
from tests.support.s3_locks import state_bucket


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabAwsClient]:
    """The lab's AWS, and an environment in which nothing can reach another one."""
    with LabAwsProcess(tmp_path_factory.mktemp("lab-aws")) as client, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", client.endpoint)
        patch.setenv("AWS_ACCESS_KEY_ID", "dummy")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "dummy")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.delenv("AWS_PROFILE", raising=False)
        yield client


@pytest.fixture
def bucket(aws: LabAwsClient, tmp_path: Path) -> Bucket:
    """The lab's bucket, with a key of the test's own."""
    return state_bucket(aws.endpoint, f"{tmp_path.name}.tfstate")
