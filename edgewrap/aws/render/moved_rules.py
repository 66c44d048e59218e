"""Rules that stay in AWS while their key changes: their state moves to the new address. Pure.

Without a move, Terraform revokes the rule under the old key and creates the one under the new key, both at once and in
no order. After a move it changes the rule in place, with one call, so there is always one of the two:

- It is the same rule. An earlier edgewrap made the key from the spec's spelling (`443-443`, `0443`). AWS refuses a rule
  that it still has, so in the end neither would be there.
- The rules overlap, as when `443` becomes `443-444`. What both allow would be closed in between.
- The rules have nothing in common, as when `ssh.from` names another network. If AWS refused the new one (a quota), the
  old one would be lost too.

`create_before_destroy` is no help: it orders the two halves of one address, not two addresses. It would also extend to
the security group, whose name AWS takes only once.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network

from edgewrap.aws.render.variables import SSH_RULE, VNC_RULE, RuleMeaning, meaning_of
from edgewrap.aws.terraform.resources import HOSTS_SSH, HOSTS_VNC, VMS_EGRESS, VMS_INGRESS

MOVES_FILE = "moves.tf.json"
_PORTS = {HOSTS_SSH.block: (SSH_RULE, 22, 22), HOSTS_VNC.block: (VNC_RULE, 5900, 65535)}
"""Of the rules of the hosts' group: what their keys begin with, and their lowest and highest port."""


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
    for old, meaning in rules_at(addresses):
        if _block(old) in _PORTS:
            continue
        new = (VMS_EGRESS if meaning.direction == "egress" else VMS_INGRESS).address(meaning.key)
        if new not in addresses and new not in moves.values():  # Terraform refuses two moves to one address
            moves[old] = new
    return RuleMoves(moves)


def rule_moves(addresses: Collection[str], wanted: Collection[str]) -> RuleMoves:
    """All moves in a state with `addresses`: the respelled rules, and each rule that is not `wanted` any more, to a
    wanted one of the same group, direction and protocol that is not in the state: to one that overlaps it if there is
    one."""
    moves = dict(respelled_rules(addresses).moves)
    origin = {moves.get(address, address): address for address in addresses}
    leaving, coming = dict(rules_at(origin.keys() - wanted)), dict(rules_at(set(wanted) - origin.keys()))
    for fits in (RuleMeaning.overlaps, RuleMeaning.resembles):
        for new, meaning in tuple(coming.items()):
            near = next((old for old in leaving if _block(old) == _block(new) and fits(leaving[old], meaning)), None)
            if near is not None:
                del leaving[near], coming[new]
                moves[origin[near]] = new
    return RuleMoves(moves)


def rules_at(addresses: Collection[str]) -> list[tuple[str, RuleMeaning]]:
    """The rules that a spec names among `addresses`, in one order for the same addresses: those of the VMs' security
    group, and those for SSH and VNC to the hosts."""
    found = ((address, _meaning(_block(address), _key(address))) for address in sorted(addresses))
    return [(address, meaning) for address, meaning in found if meaning is not None]


def _meaning(block: str, key: str) -> RuleMeaning | None:
    if block not in _PORTS:
        return meaning_of(key)
    prefix, low, high = _PORTS[block]
    try:
        return RuleMeaning("ingress", "tcp", low, high, IPv4Network(key.removeprefix(prefix)))
    except ValueError:
        return None


def _block(address: str) -> str:
    return address.partition("[")[0]


def _key(address: str) -> str:
    return address.partition('["')[2].removesuffix('"]')
