"""What a plan says of how hosts are set up."""

from __future__ import annotations

import json
from typing import Any

import pytest

from edgewrap.aws.inputs.decide import decide_inputs
from edgewrap.aws.inputs.setup_warnings import setup_notices
from edgewrap.events import EventKind
from edgewrap.spec.load import public_document
from tests.support.aws_plane import PUBLIC_KEY, FixedLookups, make_spec

KEY = {"oneadmin_public_key": PUBLIC_KEY}
OTHER = PUBLIC_KEY.replace("someone@somewhere", "other@front-end").replace("fRvmIfKAm", "fRvmIfKAn")


def notices(before: dict[str, Any] | None, after: dict[str, Any], applied: bool = True) -> list[tuple[str, str]]:
    """The notices of a change from one spec to another: kind and text."""
    previous = None
    if before is not None:
        previous = decide_inputs(make_spec(**before), None, FixedLookups(), front_end_version="7.0.2")
    spec = make_spec(**after)
    inputs = decide_inputs(spec, previous, FixedLookups(), front_end_version="7.0.2")
    document = public_document(make_spec(**before)) if before is not None and applied else ""
    return [(event.kind, event.text) for event in setup_notices(spec, inputs, previous, document)]


@pytest.mark.parametrize(("hypervisor", "package"), [("kvm", "opennebula-node-kvm"), ("lxc", "opennebula-node-lxc")])
def test_new_hosts_without_setup_give_a_warning(hypervisor: str, package: str) -> None:
    [(kind, text)] = notices(None, {"hosts": {"count": 2, "hypervisor": hypervisor}})
    assert kind is EventKind.WARNING
    assert text.startswith("host-0, host-1: opennebula.oneadmin_public_key is null")
    assert package in text


def test_only_the_new_ones_are_named() -> None:
    [(_, text)] = notices({"hosts": {"count": 2}}, {"hosts": {"count": 3}})
    assert text.startswith("host-2: ")


@pytest.mark.parametrize("opennebula", [{}, KEY])
def test_a_run_without_changes_gives_no_warning(opennebula: dict[str, str]) -> None:
    assert notices({"opennebula": opennebula}, {"opennebula": opennebula}) == []


def test_new_hosts_with_setup_give_no_warning() -> None:
    assert notices(None, {"opennebula": KEY}) == []


@pytest.mark.parametrize(
    ("count", "replaced", "key", "named"),
    [
        (3, (), OTHER, "host-2: AWS's key pair has the key of the first apply"),
        (2, ("host-1",), OTHER, "host-1: AWS's key pair has the key of the first apply"),
        (2, (), OTHER, ""),
        (3, (), PUBLIC_KEY.replace("someone", "another comment"), ""),
        (3, (), "", ""),
    ],
)
def test_a_new_host_that_lets_in_another_key_is_warned_of(
    count: int, replaced: tuple[str, ...], key: str, named: str
) -> None:
    before, after = (make_spec(hosts={"count": number}, opennebula=KEY) for number in (2, count))
    previous = decide_inputs(before, None, FixedLookups(), front_end_version="7.0.2")
    inputs = decide_inputs(after, previous, FixedLookups(), front_end_version="7.0.2")
    found = [event.text for event in setup_notices(after, inputs, previous, public_document(before), replaced, key)]
    assert len(found) == bool(named)
    assert not named or found[0].startswith(named)


LATER = [
    pytest.param({"opennebula": {**KEY, "version": "7.4"}}, "opennebula.version 7.0 -> 7.4", "upgrade the packages"),
    pytest.param(
        {"opennebula": {"oneadmin_public_key": OTHER}},
        "opennebula.oneadmin_public_key "
        "ssh-ed25519 …RvmIfKAm someone@somewhere -> ssh-ed25519 …RvmIfKAn other@front-end",
        "add the key to /var/lib/one/.ssh/authorized_keys",
    ),
    pytest.param(
        {"opennebula": KEY, "hosts": {"hypervisor": "lxc"}}, "hosts.hypervisor kvm -> lxc", "opennebula-node-lxc"
    ),
]


@pytest.mark.parametrize(("after", "change", "advice"), LATER)
def test_a_later_change_says_what_is_needed(after: dict[str, Any], change: str, advice: str) -> None:
    [(kind, text)] = notices({"opennebula": KEY}, after)
    assert kind is EventKind.INFO
    assert text.startswith(f"{change} takes effect on new hosts only; on host-0, host-1, host-2: ")
    assert advice in text


def test_a_key_added_later_gives_both_warnings() -> None:
    texts = [text for _, text in notices({}, {"opennebula": KEY})]
    assert [text.split()[0] for text in texts] == ["opennebula.version", "opennebula.oneadmin_public_key"]
    assert "none -> ssh-ed25519" in texts[1]


def test_fields_that_an_earlier_edgewrap_did_not_know_have_not_changed() -> None:
    spec = make_spec(opennebula=KEY)
    inputs = decide_inputs(spec, None, FixedLookups(), front_end_version="7.0.2")
    document = json.loads(public_document(spec))
    for name in ("placement_group", "capacity_reservation", "tenancy", "datastore_volume"):
        del document["hosts"][name]
    assert list(setup_notices(spec, inputs, inputs, json.dumps(document))) == []


def test_a_run_that_died_before_anything_was_applied_has_nothing_to_compare() -> None:
    assert notices({"opennebula": KEY}, {"opennebula": {**KEY, "version": "7.4"}}, applied=False) == []
