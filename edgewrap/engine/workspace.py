"""Where a run keeps its files: `<directory of the spec>/.edgewrap/<name>/`, or `$EDGEWRAP_DIR/<name>/`.

Terraform runs providers from there, and the state is there: it is as trusted as a program. So it must be the user's
own, and nothing in it may lead elsewhere.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edgewrap.atomic_files import unwritable
from edgewrap.errors import StateError
from edgewrap.paths import links_below, working_directory
from edgewrap.spec.operator_values import is_restricted, require_outside

PROVIDERS = ".terraform"  # Terraform's own folder: it links providers from a mirror or a cache


@dataclass(frozen=True, slots=True)
class Workspace:
    """The working directory of one cluster."""

    directory: Path

    @classmethod
    def of(cls, spec_file: Path, name: str, environ: Mapping[str, str]) -> Workspace:
        """The workspace of the cluster `name` whose spec is `spec_file`; nothing is created.

        Raises StateError if it is another user's; in restricted mode UsageError if it is in the spec's checkout.
        """
        workspace = cls(working_directory(spec_file, name, environ))
        if is_restricted(environ):
            require_outside(spec_file, workspace.directory, "the working directory", "EDGEWRAP_DIR")
        workspace._require_own()
        return workspace

    @property
    def lock(self) -> Path:
        return self.directory / "lock"

    @property
    def logs(self) -> Path:
        """The directory of the log files, one per run."""
        return self.directory / "logs"

    def create(self) -> None:
        """Create the directories; the working directory has state, so only its owner may read it.

        Raises StateError if that is not possible, or if there are links in it.
        """
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            if stat.S_IMODE(self.directory.stat().st_mode) != 0o700:  # the umask of whoever created it
                self.directory.chmod(0o700)
            self.logs.mkdir(exist_ok=True)
        except OSError as error:
            raise unwritable(f"the working directory {self.directory} cannot be created", error) from error
        own = [self.directory] if self.directory.is_symlink() else []
        for link in (*own, *links_below(self.directory, PROVIDERS)):
            raise StateError(
                f"{link} is a symbolic link",
                cause="edgewrap and Terraform would write to the place that it leads to",
                advice="delete it, if you do not know it; EDGEWRAP_DIR names another place for working directories",
            )

    def _require_own(self) -> None:
        try:
            owner = self.directory.stat().st_uid
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise unwritable(f"the working directory {self.directory} cannot be read", error) from error
        if owner != os.geteuid():
            raise StateError(
                f"the working directory {self.directory} belongs to another user (uid {owner})",
                cause="Terraform would run the providers there, and use the state there, as you",
                advice="run as that user, or set EDGEWRAP_DIR to a directory of your own; a local Terraform state "
                "stays where it is",
            )
