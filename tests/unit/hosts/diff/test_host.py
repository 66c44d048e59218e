"""Given these facts, these changes and this script: the cases are JSON files, one a kind of thing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewrap.change import Action
from edgewrap.hosts.diff.host import diff
from edgewrap.hosts.facts import HostFacts
from edgewrap.hosts.operation import text_diff
from edgewrap.hosts.render.files import host_files
from edgewrap.hosts.script import converge_script
from tests.unit.hosts.recorded import recorded, wanted


def _cases() -> Iterator[Any]:
    for path in sorted((Path(__file__).parent / "cases").glob("*.json")):
        for case in json.loads(path.read_text()):
            yield pytest.param(case, id=f"{path.stem}: {case['name']}")


@pytest.mark.parametrize("case", list(_cases()))
def test_case(case: dict[str, Any]) -> None:
    host = wanted(case.get("host", "host-0"), **case.get("ssh", {}))
    operations = diff(host, recorded(case.get("facts", "entry"), case.get("edits")))
    shown = [{**asdict(operation.change), "plane": "hosts"} for operation in operations]
    assert [line for change in shown for line in change.pop("diff")] == case.get("diff", [])
    for change in shown:
        assert change.pop("plane") == "hosts"
        assert change.pop("why")
        assert (change.pop("origin"), change.pop("reason")) == ("spec", None), "where it is from is the engine's to say"
    assert shown == case["changes"]
    script = converge_script(host, operations)
    for words in case.get("script", []):
        assert words in script
    for words in case.get("not in script", []):
        assert words not in script


def test_a_host_without_differences_needs_no_change() -> None:
    assert diff(wanted(), recorded("entry")) == ()


def test_a_new_host_has_only_create_changes() -> None:
    changes = [operation.change for operation in diff(wanted(authorized_keys=[KEY]), HostFacts())]
    assert {change.action for change in changes} == {Action.CREATE}
    assert all(not change.before for change in changes)
    kinds = {change.kind for change in changes}
    assert kinds == {
        "file", "unit", "sysctl", "nftables", "bridge", "interface", "rule", "route", "gateway", "bgp",
        "authorized keys", "migrations",
    }  # fmt: skip
    assert len({change.key for change in changes}) == len(changes)


def test_operations_have_the_same_keys_before_and_after_aws_attaches_an_interface() -> None:
    """A plan is made before, apply compares with what it sees afterwards."""
    attached = recorded("bare")
    macs = {group.mac for group in wanted().groups}
    without = replace(attached, links=tuple(link for link in attached.links if link.mac not in macs))
    planned, seen = ({one.change.key for one in diff(wanted(), facts)} for facts in (without, attached))
    assert macs <= {link.mac for link in attached.links}
    assert planned == seen
    assert not any("ens" in key for key in planned)


def test_a_bare_host_is_configured_by_one_script() -> None:
    operations = diff(wanted(), recorded("bare"))
    script = converge_script(wanted(), operations)
    assert script.index("nft -c -f /etc/edgewrap/edge.nft.new") < script.index("mv -f /etc/edgewrap/edge.nft.new")
    assert script.index("mv -f /etc/edgewrap/network.sh.new") < script.index("\nsh /etc/edgewrap/network.sh")
    assert all(f"{file.path}.new" in script for file in host_files(wanted()))
    assert not any(operation.delete for operation in operations)


def test_an_older_version_of_a_file_is_replaced() -> None:
    facts = recorded("entry")
    text = next(file for file in host_files(wanted()) if file.path == "/etc/edgewrap/edge.nft").text
    first, *others = text.splitlines()
    old = replace(facts.files["/etc/edgewrap/edge.nft"], sha256="0" * 64, text="\n".join([*others, "added"]))
    changes = diff(wanted(), replace(facts, files={**facts.files, "/etc/edgewrap/edge.nft": old}))
    assert [operation.change.kind for operation in changes] == ["file", "nftables"]
    assert changes[0].change.diff == (f"+ {first}", "- added")


def test_the_elements_of_a_set_are_compared_one_by_one() -> None:
    elements = [f"10.0.128.{number} : {number}" for number in range(0, 200, 2)]
    old = f"\telements = {{ {', '.join(elements)} }}"
    new = old.replace("10.0.128.40 : 40, ", "").replace("10.0.128.60 : 60", "10.0.128.60 : 61")
    assert text_diff(old, new) == ("- 10.0.128.40 : 40", "- 10.0.128.60 : 60", "+ 10.0.128.60 : 61")


ELEMENTS = [f"10.0.128.{number} : {number}" for number in range(0, 200, 2)]
CUT_CASES = {
    "the same": (ELEMENTS, ()),
    "one less": ([one for one in ELEMENTS if one != "10.0.128.40 : 40"], ("- 10.0.128.40 : 40",)),
    "one more": (["10.0.128.1 : 1", *ELEMENTS], ("+ 10.0.128.1 : 1",)),
    "one other": (["10.0.128.1 : 1", *ELEMENTS[1:]], ("- 10.0.128.0 : 0", "+ 10.0.128.1 : 1")),
    "one other behind the cut": ([*ELEMENTS[:-1], "10.0.128.1 : 1"], ()),
}


@pytest.mark.parametrize("name", CUT_CASES)
def test_a_line_that_the_host_has_cut_differs_only_in_what_is_known_of_both(name: str) -> None:
    elements, expected = CUT_CASES[name]
    before, after = (f"head\n{', '.join(each)}\ntail" for each in (ELEMENTS, elements))
    known = "\n".join(line[:1000] for line in before.splitlines())
    assert known != before
    assert text_diff(known, after) == expected


LINES = st.lists(st.sampled_from(["a", "b", "", "x" * 200, ", ".join("cdefg" * 60), "y, " * 400]), max_size=8)


@given(LINES, LINES)
def test_a_diff_has_the_lines_that_only_one_side_has(before: list[str], after: list[str]) -> None:
    shown = text_diff("\n".join(before), "\n".join(after))
    assert text_diff("\n".join(before), "\n".join(before)) == ()
    short = [line for line in before + after if 0 < len(line) < 160]
    for line in set(short):
        more = sum({"+": 1, "-": -1}[one[0]] for one in shown if one[2:] == line)
        assert more == after.count(line) - before.count(line)


KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOArIgnsQuBtihEr9vV269zuAjyWK06tYxrSy2R9U8ir ada@example.org"
