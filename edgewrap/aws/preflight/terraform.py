"""Whether terraform is installed, new enough, and has its providers; the working directory need not exist yet."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from edgewrap.aws.terraform.binary import OLDEST, OLDEST_WITH_S3, find_binary, terraform_environment
from edgewrap.errors import ToolError
from edgewrap.finding import Finding, Verdict
from edgewrap.paths import is_directory

TERRAFORM, PROVIDERS = "terraform", "terraform's providers"


def check_tools(
    binary: str, directory: Path, plugin_dir: Path | None, environ: Mapping[str, str], *, with_s3: bool
) -> tuple[Finding, ...]:
    """The binary of `terraform.binary` as it runs in `directory`, and the directory of providers, None if the registry
    is used. A state in S3 (`with_s3`) needs a newer terraform."""
    oldest = OLDEST_WITH_S3 if with_s3 else OLDEST
    return (_terraform(binary, directory, environ, oldest), _providers(plugin_dir))


def _terraform(name: str, directory: Path, environ: Mapping[str, str], oldest: tuple[int, int]) -> Finding:
    try:
        binary = find_binary(name, directory, terraform_environment(environ, Path(os.devnull)), oldest)
    except ToolError as error:
        return Finding(None, TERRAFORM, Verdict.FAILURE, f"{error.what} ({error.cause})", error.advice)
    return Finding(None, TERRAFORM, Verdict.OK, f"{binary.path}, version {binary.version}")


def _providers(plugin_dir: Path | None) -> Finding:
    if plugin_dir is None:
        return Finding(None, PROVIDERS, Verdict.OK, "taken from the registry")
    if not is_directory(plugin_dir) or not any(plugin_dir.glob("*/hashicorp/aws")):
        text = f"{plugin_dir} holds no AWS provider"
        advice = "`terraform providers mirror DIR` fills it; without a directory the registry is used"
        return Finding(None, PROVIDERS, Verdict.FAILURE, text, advice)
    return Finding(None, PROVIDERS, Verdict.OK, f"taken from {plugin_dir}")
