"""The working directory of a run: where Terraform's files are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class WorkDir:
    """The paths of one cluster's working directory."""

    path: Path

    @property
    def module(self) -> Path:
        """The rendered root module."""
        return self.path / "terraform"

    @property
    def state(self) -> Path:
        """The local state file."""
        return self.path / "terraform.tfstate"

    @property
    def state_in_use(self) -> Path:
        """Exists while terraform has the local state open; left behind if terraform was killed."""
        return self.state.with_name(f".{self.state.name}.lock.info")

    @property
    def backups(self) -> Path:
        """Copies of the local state, one from before each apply."""
        return self.path / "backups"

    @property
    def begun(self) -> Path:
        """The inputs of a first run that has not finished (local state only)."""
        return self.path / "begun.json"

    @property
    def unsaved(self) -> Path:
        """Where terraform leaves a state that its backend did not accept."""
        return self.module / "errored.tfstate"

    @property
    def own(self) -> Path:
        """Files of edgewrap: the saved plan, stamps, terraform's CLI configuration."""
        return self.module / ".edgewrap"

    @property
    def plan_file(self) -> Path:
        """The saved plan."""
        return self.own / "plan.tfplan"
