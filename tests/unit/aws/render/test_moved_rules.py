"""The key of a security group rule is its meaning, and rules with another key in the state move."""

from __future__ import annotations

import json
from ipaddress import IPv4Network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewrap.aws.render.moved_rules import MOVES_FILE, respelled_rules, rule_moves
from edgewrap.aws.render.variables import RuleMeaning, canonical_key, meaning_of, ssh_rules, vm_rules
from edgewrap.aws.terraform.resources import HOSTS_SSH, VMS_EGRESS, VMS_INGRESS
from edgewrap.spec.load import public_document
from tests.support.aws_plane import make_spec

PORTS = st.integers(1, 65535)
NETWORKS = st.builds(
    lambda address, size: IPv4Network((address, size), strict=False), st.ip_addresses(v=4), st.integers(0, 32)
)


def spec_with(*ingress: dict[str, Any]) -> Any:
    return make_spec(public_network={"security_group": {"ingress": list(ingress), "egress": []}})


def address(key: str) -> str:
    if key.startswith("hosts-ingress-ssh-"):
        return HOSTS_SSH.address(key)
    return (VMS_EGRESS if key.startswith("vms-egress") else VMS_INGRESS).address(key)


def moves(state: list[str], wanted: list[str]) -> dict[str, str]:
    """The moves as keys."""
    found = rule_moves({address(key) for key in state}, {address(key) for key in wanted}).moves
    return {old.split('"')[1]: new.split('"')[1] for old, new in found.items()}


@pytest.mark.parametrize(
    ("protocol", "ports", "key"),
    [
        ("tcp", 443, "vms-ingress-tcp-443-192.0.2.0/24"),
        ("tcp", "443", "vms-ingress-tcp-443-192.0.2.0/24"),
        ("tcp", "443-443", "vms-ingress-tcp-443-192.0.2.0/24"),
        ("tcp", "0443", "vms-ingress-tcp-443-192.0.2.0/24"),
        ("tcp", "00443-0443", "vms-ingress-tcp-443-192.0.2.0/24"),
        ("udp", "443", "vms-ingress-udp-443-192.0.2.0/24"),
        ("tcp", "8000-8100", "vms-ingress-tcp-8000-8100-192.0.2.0/24"),
        ("tcp", "08000-08100", "vms-ingress-tcp-8000-8100-192.0.2.0/24"),
        ("tcp", "all", "vms-ingress-tcp-all-192.0.2.0/24"),
        ("tcp", "1-65535", "vms-ingress-tcp-1-65535-192.0.2.0/24"),  # AWS counts port 0 too: another rule than all
        ("icmp", "all", "vms-ingress-icmp-all-192.0.2.0/24"),
        ("all", "all", "vms-ingress-all-all-192.0.2.0/24"),
    ],
)
def test_the_key_is_what_a_rule_allows(protocol: str, ports: int | str, key: str) -> None:
    spec = spec_with({"protocol": protocol, "ports": ports, "cidrs": ["192.0.2.0/24"]})
    assert list(vm_rules(spec)) == [key]


def test_a_network_has_one_spelling() -> None:
    spec = make_spec(
        ssh={"from": ["10.0.0.0/08"]},
        public_network={"security_group": {"ingress": [{"protocol": "tcp", "cidrs": ["10.0.0.0/08"]}], "egress": []}},
    )
    assert (list(vm_rules(spec)), list(ssh_rules(spec))) == (
        ["vms-ingress-tcp-all-10.0.0.0/8"],
        ["hosts-ingress-ssh-10.0.0.0/8"],
    )


@given(low=PORTS, high=PORTS, zeros=st.integers(0, 4), more=st.integers(0, 4), network=NETWORKS)
def test_all_spellings_are_one_rule_and_one_spec(
    low: int, high: int, zeros: int, more: int, network: IPv4Network
) -> None:
    low, high = sorted((low, high))
    plain: int | str = low if low == high else f"{low}-{high}"
    other = f"{low:0{min(5, len(str(low)) + zeros)}}-{high:0{min(5, len(str(high)) + more)}}"
    one, two = (spec_with({"protocol": "udp", "ports": ports, "cidrs": [str(network)]}) for ports in (plain, other))
    assert vm_rules(one) == vm_rules(two)
    assert public_document(one) == public_document(two)
    [key] = vm_rules(one)
    assert key == f"vms-ingress-udp-{plain}-{network}"
    assert canonical_key(f"vms-ingress-udp-{other}-{network}") == key


@given(
    direction=st.sampled_from(["ingress", "egress"]),
    protocol=st.sampled_from(["tcp", "udp", "icmp", "all"]),
    ports=st.tuples(PORTS, PORTS).map(lambda ports: (min(ports), max(ports))) | st.just((0, 65535)),
    network=NETWORKS,
)
def test_the_key_of_a_rule_is_its_meaning(
    direction: str, protocol: str, ports: tuple[int, int], network: IPv4Network
) -> None:
    meaning = RuleMeaning(direction, protocol, *ports, network)
    assert meaning_of(meaning.key) == meaning


@pytest.mark.parametrize(
    "key",
    [
        "hosts-ingress-ssh-0.0.0.0/0",
        "hosts-egress-all",
        "vms-ingress-tcp-0-0.0.0.0/0",
        "vms-ingress-tcp-444-443-0.0.0.0/0",
        "vms-ingress-tcp-443-300.0.0.0/0",
        "vms-ingress-tcp-443-10.0.0.1/8",
        "",
    ],
)
def test_other_keys_are_unchanged(key: str) -> None:
    assert meaning_of(key) is None
    assert canonical_key(key) == key
    assert respelled_rules({address(key)}).moves == {}


@pytest.mark.parametrize(
    ("state", "wanted", "moved"),
    [
        # the same rule
        ("vms-ingress-tcp-443-443-0.0.0.0/0", "vms-ingress-tcp-443-0.0.0.0/0", True),
        ("vms-egress-udp-053-0.0.0.0/0", "vms-egress-udp-53-0.0.0.0/0", True),
        ("vms-ingress-tcp-443-0.0.0.0/0", "vms-ingress-tcp-443-0.0.0.0/0", False),
        # rules that overlap
        ("vms-ingress-tcp-443-0.0.0.0/0", "vms-ingress-tcp-443-444-0.0.0.0/0", True),
        ("vms-ingress-tcp-443-443-0.0.0.0/0", "vms-ingress-tcp-443-444-0.0.0.0/0", True),
        ("vms-ingress-tcp-443-0.0.0.0/0", "vms-ingress-tcp-443-192.0.2.0/24", True),
        ("vms-ingress-tcp-443-192.0.2.0/25", "vms-ingress-tcp-all-192.0.2.0/24", True),
        ("hosts-ingress-ssh-0.0.0.0/0", "hosts-ingress-ssh-192.0.2.0/24", True),
        # rules that have nothing in common: one call, so there is always one of the two
        ("vms-ingress-tcp-443-0.0.0.0/0", "vms-ingress-tcp-444-0.0.0.0/0", True),
        ("vms-ingress-tcp-443-192.0.2.0/24", "vms-ingress-tcp-443-198.51.100.0/24", True),
        ("hosts-ingress-ssh-198.51.100.0/24", "hosts-ingress-ssh-192.0.2.0/24", True),
        # rules of another group, direction or protocol
        ("hosts-ingress-ssh-0.0.0.0/0", "vms-ingress-tcp-22-0.0.0.0/0", False),
        ("vms-ingress-tcp-22-0.0.0.0/0", "hosts-ingress-ssh-0.0.0.0/0", False),
        ("vms-ingress-tcp-443-0.0.0.0/0", "vms-egress-tcp-443-0.0.0.0/0", False),
        ("vms-ingress-tcp-443-0.0.0.0/0", "vms-ingress-udp-443-0.0.0.0/0", False),
    ],
)
def test_a_changed_rule_moves(state: str, wanted: str, moved: bool) -> None:
    assert moves([state], [wanted]) == ({state: wanted} if moved else {})


def test_a_rule_that_stays_is_not_moved_and_each_moves_once() -> None:
    web, wider, local = (
        "vms-ingress-tcp-443-0.0.0.0/0",
        "vms-ingress-tcp-443-444-0.0.0.0/0",
        "vms-ingress-tcp-443-10.0.0.0/8",
    )
    assert moves([web], [web, wider]) == {}
    assert moves([web, local], [web, wider]) == {local: wider}
    assert moves([web], [local, wider]) == {web: local}
    assert len(moves([web, local], [wider])) == 1


def test_a_rule_moves_to_one_that_overlaps_it_rather_than_to_another() -> None:
    """So that what both allow stays open."""
    web, wider, mail = (f"vms-ingress-tcp-{ports}-0.0.0.0/0" for ports in ("443", "443-444", "25"))
    assert moves([web], [mail, wider]) == {web: wider}
    assert moves([web, "vms-ingress-tcp-80-0.0.0.0/0"], [mail, wider]) == {
        web: wider,
        "vms-ingress-tcp-80-0.0.0.0/0": mail,
    }
    here, there, everyone = (f"hosts-ingress-ssh-{cidr}" for cidr in ("192.0.2.0/24", "198.51.100.0/24", "0.0.0.0/0"))
    assert moves([here], [there, here]) == {}
    assert moves([everyone, there], [here, there]) == {everyone: here}


def test_two_old_keys_of_one_rule_do_not_both_move() -> None:
    """Terraform refuses two moves to one address: no run would get further, not even a destroy."""
    old = ["vms-ingress-tcp-0443-0.0.0.0/0", "vms-ingress-tcp-443-443-0.0.0.0/0"]
    assert len(moves(old, ["vms-ingress-tcp-443-0.0.0.0/0"])) == 1
    assert moves([*old, "vms-ingress-tcp-443-0.0.0.0/0"], ["vms-ingress-tcp-443-0.0.0.0/0"]) == {}


def test_without_desired_rules_only_respelled_rules_move() -> None:
    assert moves(["vms-ingress-tcp-0443-0.0.0.0/0", "vms-ingress-tcp-80-0.0.0.0/0"], []) == {
        "vms-ingress-tcp-0443-0.0.0.0/0": "vms-ingress-tcp-443-0.0.0.0/0"
    }


def test_the_moves_as_a_file_and_as_addresses() -> None:
    old, new = address("vms-ingress-tcp-0443-0.0.0.0/0"), address("vms-ingress-tcp-443-0.0.0.0/0")
    vpc = "module.network.aws_vpc.this"
    found = respelled_rules({old, vpc})
    assert json.loads(found.files()[MOVES_FILE]) == {"moved": [{"from": old, "to": new}]}
    assert found.after({old, vpc}) == {new, vpc}
    assert found.before({new, vpc}) == {old, vpc}
    assert respelled_rules({new, vpc}).files() == {}
