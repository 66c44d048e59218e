"""Where the Terraform state is kept: a local file, or an object in S3."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from edgewrap.spec.models import S3Backend, Spec

BACKEND_FILE = "backend.tfbackend.json"
"""The file with the S3 settings for `terraform init`, relative to the root module. In it every string is literal."""


def s3_backend(spec: Spec) -> S3Backend | None:
    """The bucket, key and region of the state; None if it is a local file."""
    backend = spec.terraform.backend
    return None if isinstance(backend, str) else backend.s3


def backend_text(spec: Spec) -> str | None:
    """The text of `BACKEND_FILE`; None if the state is a local file. It never holds a credential: Terraform
    finds those in the same places as AWS's own tools."""
    s3 = s3_backend(spec)
    if s3 is None:
        return None
    # Terraform knows the regions of its own release only; AWS opens others
    values: dict[str, Any] = {**s3.model_dump(), "use_lockfile": True, "skip_region_validation": True}
    if spec.aws.endpoint_url:
        skipped = ("credentials_validation", "metadata_api_check", "requesting_account_id")
        values |= {f"skip_{name}": True for name in skipped}
        values |= {"use_path_style": True, "endpoints": {"s3": spec.aws.endpoint_url}}
    return json.dumps(values, indent=2) + "\n"


def s3_endpoint(spec: Spec, environ: Mapping[str, str]) -> str:
    """The endpoint that Terraform's S3 backend uses, too; empty for AWS's own."""
    named = (spec.aws.endpoint_url, environ.get("AWS_ENDPOINT_URL_S3"), environ.get("AWS_ENDPOINT_URL"))
    return next((endpoint for endpoint in named if endpoint), "")


def state_place(spec: Spec, local: str) -> str:
    """Where the state is, for a message; `local` names the directory of a local one."""
    s3 = s3_backend(spec)
    return local if s3 is None else f"s3://{s3.bucket}/{s3.key}"
