"""Which terraform (or tofu) is used: found on PATH, its version checked once per binary; and its environment."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from edgewrap.atomic_files import write_atomically
from edgewrap.errors import ToolError

OLDEST = (1, 6)
"""Both Terraform and OpenTofu have a 1.6, the first OpenTofu; `terraform_data` and `-json` are older than that."""

OLDEST_WITH_S3 = (1, 10)
"""Both have learned to lock a state in S3 by a file beside it in their 1.10."""

HOW_TO_GET = (
    "install it from https://developer.hashicorp.com/terraform/install (or run `make terraform` in a checkout), or "
    "name another one in terraform.binary"
)

KEPT = ("TF_LOG", "TF_TOKEN_", "TF_PLUGIN_CACHE_DIR")
"""Prefixes of the TF_ variables that stay: logging, registry sign-ins, a cache of the large provider."""

_OURS = {"TF_IN_AUTOMATION": "1", "TF_INPUT": "0", "CHECKPOINT_DISABLE": "1"}


def find_binary(name: str) -> Path:
    """The binary of that name or path. Raises ToolError, saying how to get it."""
    found = shutil.which(name)
    if found is None:
        raise ToolError(f"{name} is not installed", cause=f"no program {name} on PATH", advice=HOW_TO_GET)
    return Path(found).absolute()


def checked_version(path: Path, memory: Path, ask: Callable[[Path], str], oldest: tuple[int, int] = OLDEST) -> str:
    """The binary's version, as it says itself, which must be `oldest` or newer. Raises ToolError if it is not.

    `ask` gives the output of `version -json`; it is asked only for a binary that `memory` (a file) does not know by its
    path, size and time of change, since asking costs a process.
    """
    status = path.stat()
    stamp: list[str | int] = [str(path), status.st_size, status.st_mtime_ns]
    version = _remembered(memory, stamp)
    if version is None:
        version = _version_in(path, ask(path))
        write_atomically(memory, json.dumps({"binary": stamp, "version": version}) + "\n")
    if tuple(int(part) for part in version.split(".")[:2]) < oldest:
        needed = ".".join(map(str, oldest))
        why = "" if oldest == OLDEST else " for a state in S3"
        raise ToolError(
            f"{path} is of version {version}", cause=f"edgewrap needs {needed} or newer{why}", advice=HOW_TO_GET
        )
    return version


def _remembered(memory: Path, stamp: list[str | int]) -> str | None:
    try:
        known = json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return str(known.get("version")) if isinstance(known, dict) and known.get("binary") == stamp else None


def _version_in(path: Path, answer: str) -> str:
    try:
        version = str(json.loads(answer)["terraform_version"])
    except (ValueError, KeyError, TypeError):
        version = ""
    if not re.match(r"\d+\.\d+", version):
        raise ToolError(
            f"{path} returned no version",
            cause="it is not a Terraform or OpenTofu binary, or it is broken",
            advice=HOW_TO_GET,
        )
    return version


def terraform_environment(environ: Mapping[str, str], cli_configuration: Path) -> dict[str, str]:
    """The environment of every terraform call; terraform's own settings are in the file `cli_configuration`.

    The user's variables (TF_VAR_…), arguments (TF_CLI_ARGS…), workspace or data directory would make terraform do
    something else than the plan shown, so they are left out.
    """
    kept = {name: value for name, value in environ.items() if not name.startswith("TF_") or name.startswith(KEPT)}
    return {**kept, **_OURS, "TF_CLI_CONFIG_FILE": str(cli_configuration)}


def cli_configuration_text(plugin_dir: Path | None) -> str:
    """Terraform's own CLI configuration: providers from a directory if one is named, else from the registry."""
    text = "# Written by edgewrap.\ndisable_checkpoint = true\n"
    if plugin_dir is None:
        return text
    path = json.dumps(str(plugin_dir.absolute()), ensure_ascii=False)
    return f"{text}provider_installation {{\n  filesystem_mirror {{\n    path = {path}\n  }}\n}}\n"
