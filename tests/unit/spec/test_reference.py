"""`docs/spec.md` says what the models say."""

from __future__ import annotations

import re
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from edgewrap.spec.addressing import active_indexes, host_capacity, pair_capacity
from edgewrap.spec.reference import MARK, update

from .conftest import Load

TEXT = (Path(__file__).parents[3] / "docs/spec.md").read_text()


def test_the_tables_are_those_of_the_models() -> None:
    assert MARK in TEXT
    assert update(TEXT) == TEXT, "run: python -m edgewrap.spec.reference docs/spec.md"


@pytest.mark.parametrize("row", re.findall(r"^\| `(count: .*?)` \| ([\d, ]+) \|$", TEXT, re.MULTILINE))
def test_active_indexes_are_documented(load: Load, row: tuple[str, str]) -> None:
    hosts = load(f"hosts: {{ {row[0]} }}\n").hosts
    assert ", ".join(map(str, active_indexes(hosts.count, hosts.retired))) == row[1]


@pytest.mark.parametrize("row", re.findall(r"^\| /(\d+) \| (\d+) \| (\w+) \| (\d+) \|$", TEXT, re.MULTILINE))
def test_the_room_in_a_subnet(row: tuple[str, str, str, str]) -> None:
    subnet = IPv4Network(f"10.0.0.0/{row[0]}")
    assert (str(host_capacity(subnet) or "none"), str(pair_capacity(subnet, int(row[1])))) == row[2:]
    assert TEXT.count("| /") == 4


def test_the_smallest_spec_is_one(load: Load) -> None:
    found = re.search(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    assert found is not None
    assert load(found[1], whole=True).name == "edge-paris"
