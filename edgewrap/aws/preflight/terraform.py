"""Whether terraform is installed, new enough, and has its providers; needs no working directory."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from edgewrap.aws.terraform.binary import OLDEST, OLDEST_WITH_S3, checked_version, find_binary, terraform_environment
from edgewrap.errors import ToolError
from edgewrap.finding import Finding, Verdict
from edgewrap.paths import is_directory

TERRAFORM, PROVIDERS = "terraform", "terraform's providers"
ANSWER_S = 60


def check_tools(
    binary: str, plugin_dir: Path | None, environ: Mapping[str, str], *, with_s3: bool
) -> tuple[Finding, ...]:
    """The binary of `terraform.binary` and the directory of providers, None if the registry is used. A state in S3
    (`with_s3`) needs a newer terraform."""
    return (_terraform(binary, environ, OLDEST_WITH_S3 if with_s3 else OLDEST), _providers(plugin_dir))


def _terraform(binary: str, environ: Mapping[str, str], oldest: tuple[int, int]) -> Finding:
    with tempfile.TemporaryDirectory(prefix="edgewrap-preflight-") as directory:
        environment = terraform_environment(environ, Path(directory) / "terraform.rc")

        def ask(path: Path) -> str:
            asked = [str(path), "version", "-json"]
            with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                return subprocess.run(
                    asked, cwd=directory, env=environment, capture_output=True, text=True, timeout=ANSWER_S, check=False
                ).stdout
            return ""

        try:
            path = find_binary(binary)
            version = checked_version(path, Path(directory) / "version.json", ask, oldest)
        except ToolError as error:
            return Finding(None, TERRAFORM, Verdict.FAILURE, f"{error.what} ({error.cause})", error.advice)
    return Finding(None, TERRAFORM, Verdict.OK, f"{path}, version {version}")


def _providers(plugin_dir: Path | None) -> Finding:
    if plugin_dir is None:
        return Finding(None, PROVIDERS, Verdict.OK, "taken from the registry")
    if not is_directory(plugin_dir) or not any(plugin_dir.glob("*/hashicorp/aws")):
        text = f"{plugin_dir} holds no AWS provider"
        advice = "`terraform providers mirror DIR` fills it; without a directory the registry is used"
        return Finding(None, PROVIDERS, Verdict.FAILURE, text, advice)
    return Finding(None, PROVIDERS, Verdict.OK, f"taken from {plugin_dir}")
