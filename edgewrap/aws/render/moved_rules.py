"""Rules that stay in AWS while their key changes: their state moves to the new address. Pure.

Without a move, Terraform revokes the rule under the old key and creates the one under the new key, both at once and in
no order. That is an outage in two cases:

- It is the same rule. An earlier edgewrap made the key from the spec's spelling (`443-443`, `0443`). AWS refuses a rule
  that it still has, so in the end neither is there.
- The rules overlap, as when `443` becomes `443-444`. What both allow is closed in between, and stays closed if AWS
  refuses the new rule. After a move Terraform changes the rule in place, with one call.

`create_before_destroy` is no help: it orders the two halves of one address, not two addresses. It would also extend to
the security group, whose name AWS takes only once.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from edgewrap.aws.render.variables import RuleMeaning, meaning_of
from edgewrap.aws.terraform.resources import VMS_EGRESS, VMS_INGRESS

MOVES_FILE = "moves.tf.json"


@dataclass(frozen=True, slots=True)
class RuleMoves:
    """`moves` are the new addresses by the old ones."""

    moves: Mapping[str, str]

    def files(self) -> Mapping[str, str]:
        """The file of the root module that makes the moves; none if there are none."""
        if not self.moves:
            return {}
        blocks = [{"from": old, "to": new} for old, new in sorted(self.moves.items())]
        return {MOVES_FILE: json.dumps({"moved": blocks}, indent=2) + "\n"}

    def after(self, addresses: Collection[str]) -> frozenset[str]:
        """The addresses in the state after the moves."""
        return frozenset(self.moves.get(address, address) for address in addresses)

    def before(self, addresses: Collection[str]) -> frozenset[str]:
        """The addresses in the state before the moves, by those after them."""
        return RuleMoves({new: old for old, new in self.moves.items()}).after(addresses)


def respelled_rules(addresses: Collection[str]) -> RuleMoves:
    """The rules in a state with `addresses` that have another key today."""
    moves: dict[str, str] = {}
    for old, meaning in _rules(addresses):
        new = (VMS_EGRESS if meaning.direction == "egress" else VMS_INGRESS).address(meaning.key)
        if new not in addresses and new not in moves.values():  # Terraform refuses two moves to one address
            moves[old] = new
    return RuleMoves(moves)


def rule_moves(addresses: Collection[str], wanted: Collection[str]) -> RuleMoves:
    """All moves in a state with `addresses`: the respelled rules, and each rule that is not `wanted` any more but
    overlaps a wanted one that is not in the state."""
    moves = dict(respelled_rules(addresses).moves)
    origin = {moves.get(address, address): address for address in addresses}
    leaving = dict(_rules(origin.keys() - wanted))
    for new, meaning in _rules(set(wanted) - origin.keys()):
        near = next((address for address, old in leaving.items() if old.overlaps(meaning)), None)
        if near is not None:
            del leaving[near]
            moves[origin[near]] = new
    return RuleMoves(moves)


def _rules(addresses: Collection[str]) -> list[tuple[str, RuleMeaning]]:
    """The rules of the VMs' security group among `addresses`, in one order for the same addresses."""
    found = ((address, meaning_of(address.partition('["')[2].removesuffix('"]'))) for address in sorted(addresses))
    return [(address, meaning) for address, meaning in found if meaning is not None]
