"""Whether `terraform init` has to run: only when something that it depends on has changed since the last one."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from edgewrap.atomic_files import write_atomically
from edgewrap.aws.backend import BACKEND_FILE
from edgewrap.aws.terraform.binary import Binary
from edgewrap.secrets import redact

LOCK_FILE = ".terraform.lock.hcl"


@dataclass(frozen=True, slots=True)
class InitStamp:
    """The record of the last `init` of a root module, kept in `memory`. `endpoint` is that of the state's S3, if it is
    not AWS's own."""

    module: Path
    memory: Path
    endpoint: str = ""

    def needed(self, binary: Binary, plugin_dir: Path | None) -> bool:
        """Whether the modules, the backend, the lock file, the binary or the plugin directory have changed, or the
        provider is missing."""
        try:
            last = json.loads(self.memory.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return True
        return not self._has_provider() or last != self._now(binary, plugin_dir)

    def remember(self, binary: Binary, plugin_dir: Path | None) -> None:
        """An `init` has just succeeded."""
        write_atomically(self.memory, json.dumps(self._now(binary, plugin_dir)) + "\n")

    def _has_provider(self) -> bool:
        """Whether the provider is there: `init` makes links, and their target (a cache, a mirror) can be deleted."""
        return any(self.module.glob(".terraform/providers/*/*/*/*/*/terraform-provider-*"))

    def _now(self, binary: Binary, plugin_dir: Path | None) -> dict[str, str]:
        """What `init` depends on; provider versions are in the .tf files, the backend in one beside them."""
        patterns = ("*.tf", "modules/*/*.tf", BACKEND_FILE, LOCK_FILE)
        files = sorted(file for pattern in patterns for file in self.module.glob(pattern))
        digest = hashlib.sha256()
        for file in files:
            digest.update(f"{file.relative_to(self.module)}\0".encode() + file.read_bytes() + b"\0")
        return {
            "files": digest.hexdigest(),
            "binary": f"{binary.path} {binary.version}",
            "plugin_dir": str(plugin_dir.absolute()) if plugin_dir else "",
            "endpoint": redact(self.endpoint),  # it may have a login
        }
