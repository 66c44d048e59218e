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
    """A saved plan. `changes` leaves out what edgewrap itself remembers in the state; `pending` counts it in.

    `predicted` are the outputs after it, with UNKNOWN for what only AWS can tell; for a destroy, those before it.
    `moves_ahead` are the groups that must move before it, by `move` and then `follow`; `replaced` the hosts whose
    instance is made anew because that was asked for; `lost` what a killed run made, and this one takes over; `first`
    whether no state has anything in it yet.
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
