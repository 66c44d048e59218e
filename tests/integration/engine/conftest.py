"""Locks in the S3 of the lab's AWS."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgewrap.aws.state.s3 import Bucket
from edgewrap.lab.aws.client import LabAwsClient
from tests.support.s3_locks import state_bucket


@pytest.fixture
def bucket(aws: LabAwsClient, tmp_path: Path) -> Bucket:
    """The lab's bucket, with a key of the test's own."""
    return state_bucket(aws.endpoint, f"{tmp_path.name}.tfstate")
