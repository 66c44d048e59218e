"""The bucket that the lab's S3 has from the start: for Terraform states, with versioning, as recommended."""

from __future__ import annotations

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends

NAME = "edgewrap-lab"
REGION = "eu-west-3"


def make_state_bucket() -> None:
    """Create it, in this process."""
    s3 = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    s3.create_bucket(NAME, REGION)
    s3.put_bucket_versioning(NAME, "Enabled")
