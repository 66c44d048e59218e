"""A copy of this checkout on a machine without a mirror of Terraform's providers, used from a shell of its own."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.support.lab import FOLLOW, provider_mirror

REPOSITORY = Path(__file__).parents[2]
COPIED = ("Makefile", "README.md", "pyproject.toml", "constraints.txt", "terraform", "edgewrap", "docs")
KEPT = ("PATH", "LANG", "LC_ALL", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY")


@dataclass(frozen=True)
class Checkout:
    """The copy, and the environment of a fresh login: without the variables of make and venv. Labs are below `path`,
    and no mirror is found on the machine."""

    path: Path
    environ: dict[str, str]


def copy_checkout(path: Path, registry: Path | None = None) -> Checkout:
    """Copy what make needs to `path`. Its virtual environment and its tools are ours, except for Terraform's providers:
    these have to come from `registry`, by default a mirror that stands in for the registry."""
    path.mkdir()
    for name in COPIED:
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, path / name)
    (path / ".venv").mkdir()
    (path / ".venv" / "bin").symlink_to(Path(sys.prefix) / "bin")
    (path / ".venv" / ".installed").touch()
    (path / ".tools").mkdir()
    for tool in (REPOSITORY / ".tools").iterdir():
        if tool.name != "providers":
            (path / ".tools" / tool.name).symlink_to(tool)
    configuration = path / "terraform.rc"
    mirror = registry or provider_mirror()
    configuration.write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror}"\n  }}\n}}\n')
    outside = [folder for folder in os.environ["PATH"].split(":") if Path(folder) != Path(sys.prefix) / "bin"]
    environ = {
        **{name: os.environ[name] for name in KEPT if name in os.environ},
        "PATH": ":".join(outside),
        "HOME": str(path),
        "XDG_STATE_HOME": str(path / "state"),
        "PYTHONPATH": str(path),
        "EDGEWRAP_PLUGIN_DIR": "",  # hides this machine's mirror from make
        "TF_CLI_CONFIG_FILE": str(configuration),
        **FOLLOW,
    }
    return Checkout(path, environ)
