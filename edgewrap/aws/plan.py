"""A plan that Terraform has saved, and what it says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgewrap.aws.inputs.model import Inputs
from edgewrap.aws.state.untracked import NOTHING_UNTRACKED, Untracked
from edgewrap.change import Change
from edgewrap.outputs import Outputs


@dataclass(frozen=True, slots=True)
class AwsPlan:
    """A saved plan. `changes` leaves out edgewrap's own records in the state; `pending` includes them.

    `predicted` are the outputs after it, with UNKNOWN for what only AWS can give; for a destroy, those before it.
    `moves_ahead` are the groups that must move before it, with `move` and then `replan_after_moves`; `replaced` are the
    hosts whose instance is replaced by request; `lost` is what a killed run created and this one imports; `first`:
    there is no state yet.
    """

    changes: tuple[Change, ...]
    plan_file: Path
    pending: bool
    predicted: Outputs
    inputs: Inputs
    destroy: bool = False
    replaced: tuple[str, ...] = ()
    moves_ahead: tuple[str, ...] = ()
    lost: Untracked = NOTHING_UNTRACKED
    first: bool = False
