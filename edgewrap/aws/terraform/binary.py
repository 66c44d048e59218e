"""Which terraform (or tofu) is used: found on PATH, its version checked; and its environment."""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

from edgewrap.atomic_files import write_atomically
from edgewrap.aws.terraform.json_output import json_object
from edgewrap.errors import ToolError
from edgewrap.paths import is_directory

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

ANSWER_S = 60
MOST_BYTES = 1 << 20  # of an answer
LONGEST_REASON = 500  # characters of what a program says

_UNLESS_SET = {"GOGC": "200"}
"""Go's garbage collector: with 100, its default, a plan takes 6 % more time, with 400 twice the memory."""

_OURS = {"TF_IN_AUTOMATION": "1", "TF_INPUT": "0", "CHECKPOINT_DISABLE": "1"}


_ITSELF = (b"path\tgithub.com/hashicorp/terraform\n", b"path\tgithub.com/opentofu/opentofu/cmd/tofu\n")
"""What Go's linker writes into Terraform and into OpenTofu: the path of the main package."""


@dataclass(frozen=True, slots=True)
class Binary:
    """A terraform that runs, and its version as it says itself."""

    path: Path
    version: str


def find_binary(
    name: str,
    directory: Path,
    environ: Mapping[str, str],
    oldest: tuple[int, int] = OLDEST,
    memory: Path | None = None,
) -> Binary:
    """The binary of that name or path, which must be of version `oldest` or newer. Raises ToolError if there is none.

    The file `memory` records the version, so that the same binary is asked once. A version manager (tfenv, asdf) is
    asked in every run: what it starts depends on the environment and on files in and above `directory`, where terraform
    will run.
    """
    found = shutil.which(name, path=environ.get("PATH"))
    if found is None:
        raise ToolError(f"{name} is not installed", cause=f"no program {name} on PATH", advice=HOW_TO_GET)
    path = Path(found).absolute()
    version = _version(path, directory, environ) if memory is None else _known(path, directory, environ, memory)
    if tuple(int(part) for part in version.split(".")[:2]) < oldest:
        needed = ".".join(map(str, oldest))
        why = "" if oldest == OLDEST else " for a state in S3"
        raise ToolError(
            f"{path} is of version {version}", cause=f"edgewrap needs {needed} or newer{why}", advice=HOW_TO_GET
        )
    return Binary(path, version)


def file_stamp(file: Path) -> list[int]:
    """Changes if the file changes."""
    status = file.stat()
    return [status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns]


def _known(path: Path, directory: Path, environ: Mapping[str, str], memory: Path) -> str:
    """The version as recorded in `memory`, otherwise as asked, and then recorded."""
    stamp = [str(path), *file_stamp(path)]
    with contextlib.suppress(OSError, ValueError):
        recorded = json_object(memory.read_text(encoding="utf-8"))
        if recorded.get("binary") == stamp:
            return str(recorded["version"])
    version = _version(path, directory, environ)
    if _is_itself(path):
        write_atomically(memory, json.dumps({"binary": stamp, "version": version}) + "\n")
    return version


def _is_itself(path: Path) -> bool:
    """Whether it is Terraform or OpenTofu, and no program that starts one of them."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return any(content.find(mark) >= 0 for mark in _ITSELF)
    except OSError:
        return False


def _version(path: Path, directory: Path, environ: Mapping[str, str]) -> str:
    existing = next(place for place in (directory, *directory.parents) if is_directory(place))
    arguments = [str(path), "version", "-json"]
    with TemporaryFile() as out, TemporaryFile() as err:  # no pipes: what it leaves running could keep them open
        try:
            done = subprocess.run(
                arguments,
                cwd=existing,
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                timeout=ANSWER_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise _unusable(path, f"no answer to `version` within {ANSWER_S} s") from None
        except OSError as error:
            raise _unusable(path, str(error.strerror)) from error
        stdout, stderr = (os.pread(file.fileno(), MOST_BYTES, 0).decode(errors="replace") for file in (out, err))
    if done.returncode != 0:  # a version manager that has no version for this directory ends with 126 and its reason
        said = " ".join((stderr or stdout).split())[-LONGEST_REASON:]
        raise _unusable(path, said or f"it ended with code {done.returncode}, no message")
    version = json_object(stdout).get("terraform_version")
    if not isinstance(version, str) or not re.match(r"\d+\.\d+", version, re.ASCII):
        raise _unusable(path, "it returned no version")
    return version


def _unusable(path: Path, reason: str) -> ToolError:
    return ToolError(
        f"{path} does not work: {reason}",
        cause="it is not a Terraform or OpenTofu binary, it is broken, or a version manager has no version for it here",
        advice=f"`{path} version` must work in this directory (tfenv, asdf: choose a version); or {HOW_TO_GET}",
    )


def terraform_environment(environ: Mapping[str, str], cli_configuration: Path) -> dict[str, str]:
    """The environment of every terraform call; terraform's own settings are in the file `cli_configuration`.

    The user's variables (TF_VAR_…), arguments (TF_CLI_ARGS…), workspace or data directory would make terraform do
    something else than the plan shown, so they are left out.
    """
    kept = {name: value for name, value in environ.items() if not name.startswith("TF_") or name.startswith(KEPT)}
    return {**_UNLESS_SET, **kept, **_OURS, "TF_CLI_CONFIG_FILE": str(cli_configuration)}


def cli_configuration_text(plugin_dir: Path | None) -> str:
    """Terraform's own CLI configuration: providers from a directory if one is named, else from the registry."""
    text = "# Written by edgewrap.\ndisable_checkpoint = true\n"
    if plugin_dir is None:
        return text
    path = json.dumps(str(plugin_dir.absolute()), ensure_ascii=False)
    return f"{text}provider_installation {{\n  filesystem_mirror {{\n    path = {path}\n  }}\n}}\n"
