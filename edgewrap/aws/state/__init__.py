"""Terraform's state: the document, its place in a file or in S3, its lock, and what is in AWS but not in it."""

from edgewrap.aws.backend import state_place
from edgewrap.aws.state.s3 import Bucket, Stored
from edgewrap.aws.state.terraform_lock import (
    TerraformLock,
    read_terraform_lock,
    remove_terraform_lock,
    terraform_lock_place,
)

__all__ = [
    "Bucket",
    "Stored",
    "TerraformLock",
    "read_terraform_lock",
    "remove_terraform_lock",
    "state_place",
    "terraform_lock_place",
]
