"""Where a run keeps its files: `<directory of the spec>/.edgewrap/<name>/`, or `$EDGEWRAP_DIR/<name>/`."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edgewrap.errors import StateError


@dataclass(frozen=True, slots=True)
class Workspace:
    """The working directory of one cluster."""

    directory: Path

    @classmethod
    def of(cls, spec_file: Path, name: str, environ: Mapping[str, str]) -> Workspace:
        """The workspace of the cluster `name` whose spec is `spec_file`; nothing is created."""
        base = environ.get("EDGEWRAP_DIR")
        parent = Path(base) if base else spec_file.resolve().parent / ".edgewrap"
        return cls(parent / name)

    @property
    def lock(self) -> Path:
        return self.directory / "lock"

    @property
    def logs(self) -> Path:
        """The directory of the log files, one per run."""
        return self.directory / "logs"

    def create(self) -> None:
        """Create the directories; the working directory has state, so only its owner may read it.

        Raises StateError if that is not possible.
        """
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            there = self.directory.stat()  # an existing directory has the umask of its creator
            if there.st_uid == os.geteuid() and stat.S_IMODE(there.st_mode) != 0o700:
                self.directory.chmod(0o700)
            self.logs.mkdir(exist_ok=True)
        except OSError as error:
            raise StateError(
                f"the working directory {self.directory} cannot be created: {error.strerror}",
                cause="the directory of the spec (or EDGEWRAP_DIR) is not writable",
                advice="set EDGEWRAP_DIR to a permanent directory: the local Terraform state is kept there",
            ) from error
