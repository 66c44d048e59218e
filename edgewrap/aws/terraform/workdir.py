"""The working directory of a run: where Terraform's files are."""

from __future__ import annotations

from pathlib import Path


class WorkDir:
    """The paths of one cluster's working directory."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.module = path / "terraform"  # the rendered root module
        self.state = path / "terraform.tfstate"  # the local state
        self.state_in_use = path / ".terraform.tfstate.lock.info"  # while the state is open; a killed terraform's stays
        self.backups = path / "backups"  # copies of the local state, one from before each apply
        self.begun = path / "begun.json"  # the inputs of a first run that has not finished (local state only)
        self.unsaved = self.module / "errored.tfstate"  # a state that its backend did not accept
        self.own = self.module / ".edgewrap"  # edgewrap's files: the saved plan, stamps, terraform's CLI configuration
        self.plan_file = self.own / "plan.tfplan"
