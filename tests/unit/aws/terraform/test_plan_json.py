"""Saved plans as terraform showed them (recorded against the lab's AWS, cut to what differs), read as changes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgewrap.aws.outputs import read_outputs
from edgewrap.aws.terraform.plan_json import Before, predicted_values, read_changes, smaller_volumes
from edgewrap.change import Action, Change, Origin, PlaneName, Reason
from edgewrap.outputs import UNKNOWN
from tests.support.aws_plane import first_inputs, make_spec

DATA = Path(__file__).parents[3] / "data" / "aws"
KEYS = frozenset({"vpc", "host-0", "host-1", "host-2", "eip-0", "hosts-ingress-ssh-0.0.0.0/0"})


def recorded(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))
    return document


def line(change: Change) -> str:
    """One change as a person might read it."""
    sides = [", ".join(f"{key}={value}" for key, value in side.items()) for side in (change.before, change.after)]
    return f"{change.action} {change.kind} {change.key}: {' -> '.join(sides)} ({change.why})"


CASES = [
    pytest.param(
        "one-more-eip",
        Before(KEYS, spec_changed=True, destroy=False),
        [
            "create elastic ip eip-4:  ->  (new in the spec)",
            "create elastic ip association eip-4:  -> private_ip_address=10.0.128.4 (new in the spec)",
        ],
        id="one more Elastic IP",
    ),
    pytest.param(
        "changed-outside",
        Before(KEYS, spec_changed=False, destroy=False),
        [
            "update vpc vpc: tags.team=other -> tags.team=edge (changed outside)",
            "create security group rule hosts-ingress-ssh-0.0.0.0/0:  -> ip_protocol=tcp, from_port=22, to_port=22, "
            "cidr_ipv4=0.0.0.0/0, description=SSH (deleted outside)",
            "create elastic ip association eip-0:  -> private_ip_address=10.0.128.2 (deleted outside)",
        ],
        id="changed outside",
    ),
    pytest.param(
        "host-terminated",
        Before(KEYS, spec_changed=False, destroy=False),
        [
            "update security group rule hosts-ingress-host-1: cidr_ipv4=198.51.100.10/32 -> "
            f"cidr_ipv4={UNKNOWN} (follows another change)",
            "create instance host-1:  -> instance_type=c5.metal, ami=ami-040645f9af897c4a1, private_ip=10.0.0.11 "
            "(deleted outside)",
            "create network interface attachment group-0:  -> device_index=1 (deleted outside)",
            "create network interface attachment group-1:  -> device_index=2 (deleted outside)",
        ],
        id="a host terminated outside",
    ),
    pytest.param(
        "host-retired",
        Before(KEYS, spec_changed=True, destroy=False),
        [
            "delete security group rule hosts-ingress-host-0: ip_protocol=-1, cidr_ipv4=198.51.100.9/32, "
            "description=everything from the public address of host-0 ->  (no longer in the spec)",
            "delete instance host-0: instance_type=c5.metal, ami=ami-040645f9af897c4a1, private_ip=10.0.0.10 ->  "
            "(retired)",
            "replace network interface attachment group-0: instance_id=i-13797c33a4b6334e4 -> "
            "instance_id=i-0ec4dae5dad5c5821 (spec changed)",
            "replace network interface attachment group-3: instance_id=i-13797c33a4b6334e4 -> "
            "instance_id=i-4141c0f17ea0dd353 (spec changed)",
        ],
        id="a host retired: its groups move",
    ),
    pytest.param(
        "destroy",
        Before(KEYS, spec_changed=False, destroy=True),
        [
            "delete vpc vpc: cidr_block=10.0.0.0/16 ->  (destroy)",
            "delete elastic ip eip-0: public_ip=203.0.113.11 ->  (destroy)",
            "delete elastic ip eip-1: public_ip=203.0.113.10 ->  (destroy)",
            "delete elastic ip eip-2: public_ip=203.0.113.12 ->  (destroy)",
            "delete elastic ip eip-3: public_ip=203.0.113.13 ->  (destroy)",
        ],
        id="destroy",
    ),
]


@pytest.mark.parametrize(("name", "before", "lines"), CASES)
def test_a_plan_is_read_as_changes(name: str, before: Before, lines: list[str]) -> None:
    assert [line(change) for change in read_changes(recorded(name), before)] == lines


D, S = Origin.DRIFT, Origin.SPEC
LOST = (D, Reason.MISSING)
ORIGINS = {
    "new in the spec": ("one-more-eip", {"spec_changed": True}, [(S, None), (S, None)]),
    "missing since a run that failed": ("one-more-eip", {}, [LOST, LOST]),
    "changed outside": ("changed-outside", {}, [(D, Reason.CHANGED), LOST, LOST]),
    "changed outside, and the spec changed too": (
        "changed-outside",
        {"spec_changed": True},
        [(D, Reason.CHANGED), LOST, LOST],
    ),
    "no apply has completed": ("changed-outside", {"first": True}, [(S, None)] * 3),
    "what follows from drift": ("host-terminated", {"spec_changed": True}, [(D, Reason.CHANGED), LOST, LOST, LOST]),
    "retired": ("host-retired", {"spec_changed": True}, [(S, None)] * 4),
    "moved off a dead host": (
        "host-retired",
        {
            "spec_changed": True,
            "reasons": {"group-0": "host-0 is stopped", "group-3": "moves off host-0"},
            "off": {"group-0"},
        },
        [(S, None), (S, None), (D, Reason.NOT_WORKING), (S, None)],
    ),
    "extra": ("host-retired", {}, [(D, Reason.EXTRA), (D, Reason.EXTRA), (D, Reason.CHANGED), (D, Reason.CHANGED)]),
    "destroy": ("destroy", {"destroy": True}, [(S, None)] * 5),
}


@pytest.mark.parametrize("name", ORIGINS)
def test_the_origin_of_a_change(name: str) -> None:
    file, parts, expected = ORIGINS[name]
    before = replace(Before(KEYS, spec_changed=False, destroy=False), **parts)  # type: ignore[arg-type]
    assert [(one.origin, one.reason) for one in read_changes(recorded(file), before)] == expected


def test_a_resource_that_has_drifted_and_that_the_spec_changes_is_both() -> None:
    document = recorded("changed-outside")
    vpc = next(entry for entry in document["resource_changes"] if entry["type"] == "aws_vpc")
    vpc["change"]["before"]["enable_dns_support"], vpc["change"]["after"]["enable_dns_support"] = False, True
    [change, *_] = read_changes(document, Before(KEYS, spec_changed=True, destroy=False))
    assert (change.origin, change.reason, sorted(change.after)) == (
        S,
        Reason.CHANGED,
        ["enable_dns_support", "tags.team"],
    )


@pytest.mark.parametrize(
    ("address", "action", "after", "reason"),
    [
        ("module.network.aws_vpc.this", "update", {"tags": {"team": "core"}}, Reason.CHANGED),
        ("module.network.aws_vpc.this", "replace", {"tags": {"team": "core"}}, Reason.CHANGED),
        (
            'module.eips.aws_eip_association.this["eip-0"]',
            "create",
            {"private_ip_address": "10.0.128.9"},
            Reason.MISSING,
        ),
    ],
)
def test_drift_does_not_hide_a_change_of_the_spec(
    address: str, action: str, after: dict[str, object], reason: Reason
) -> None:
    """The spec changes a value that has drifted, or another one of a resource that is replaced or missing."""
    document = recorded("changed-outside")
    [entry], [drift] = (
        [one for one in document[name] if one["address"] == address] for name in ("resource_changes", "resource_drift")
    )
    planned = entry["change"]["after"]
    planned |= {name: {**planned[name], **one} if isinstance(one, dict) else one for name, one in after.items()}
    if action == "replace":  # for the block of addresses, which has drifted too
        entry["change"] |= {"actions": ["delete", "create"], "replace_paths": [["cidr_block"]]}
        entry["change"]["before"]["cidr_block"] = drift["change"]["after"]["cidr_block"] = "10.9.0.0/16"
    document["resource_changes"] = [entry]
    [change] = read_changes(document, Before(KEYS, spec_changed=True, destroy=False))
    assert (change.action, change.origin, change.reason) == (action, S, reason)


@pytest.mark.parametrize(
    ("action", "before", "after", "refused"),
    [
        (Action.UPDATE, "512", "256", True),
        (Action.UPDATE, "256", "512", False),
        (Action.UPDATE, "", "256", False),
        (Action.UPDATE, "512", UNKNOWN, False),
        (Action.REPLACE, "512", "256", False),
    ],
)
@pytest.mark.parametrize(
    ("attribute", "field"),
    [("root_block_device.0.volume_size", "root_volume_gb"), ("size", "datastore_volume.gb")],
)
def test_a_volume_that_would_become_smaller_is_refused(
    attribute: str, field: str, action: Action, before: str, after: str, refused: bool
) -> None:
    old, new = ({attribute: size} if size else {} for size in (before, after))
    found = list(smaller_volumes([Change(PlaneName.AWS, "instance", "host-1", action, old, new)]))
    advice = (
        f"hosts.{field}: cannot change from 512 to 256: the volume of host-1 has 512 GiB, and AWS only enlarges "
        f"volumes; write `{field.rpartition('.')[2]}: 512` or more"
    )
    assert found == ([advice] if refused else [])


def test_started_but_unprovisioned_resources_are_not_called_new() -> None:
    before = Before(KEYS | {"eip-4"}, spec_changed=False, destroy=False)
    assert {change.why for change in read_changes(recorded("one-more-eip"), before)} == {"missing"}


def test_sensitive_values_are_never_shown() -> None:
    document = recorded("changed-outside")
    for entry in [*document["resource_changes"], *document["resource_drift"]]:
        for side in ("before", "after"):
            entry["change"][f"{side}_sensitive"] = {"tags": {"team": True}}
    changes = read_changes(document, Before(KEYS, spec_changed=False, destroy=False))
    assert "tags.team" not in "".join(line(change) for change in changes)


def test_planned_outputs_are_unknown_only_for_values_from_aws() -> None:
    outputs = read_outputs(predicted_values(recorded("one-more-eip")), first_inputs(make_spec()))
    assert [eip.allocation_id != UNKNOWN for eip in outputs.eips.values()] == [True, True, True, True, False]
    new = outputs.eips["eip-4"]
    assert (new.public_address, new.private_address, new.gateway, new.group) == (
        UNKNOWN,
        "10.0.128.4",
        "10.0.128.5",
        "group-0",
    )
    assert UNKNOWN not in {host.instance_id for host in outputs.hosts.values()}


def test_only_a_host_being_replaced_has_unknown_outputs() -> None:
    outputs = read_outputs(predicted_values(recorded("host-terminated")), first_inputs(make_spec()))
    assert {key: (host.instance_id == UNKNOWN, host.name == UNKNOWN) for key, host in outputs.hosts.items()} == {
        "host-1": (True, True),
        "host-2": (False, False),
    }
    assert outputs.hosts["host-1"].private_address == "10.0.0.11"
